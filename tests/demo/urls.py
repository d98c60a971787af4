"""The addresses of the site with those of the demo, which other modes do not have."""

from django.urls import include, path

from hle_site.urls import urlpatterns as of_the_site

urlpatterns = [*of_the_site, path("demo/", include("hle_site.demo.urls"))]
