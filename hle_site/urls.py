"""Every address of the site."""

from django.conf import settings
from django.urls import include, path

from hle_site import health, views
from questions.views import search

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("people/", include("hle_site.accounts.urls")),
    path("inbox/", include("hle_site.notifications.urls")),
    path("questions/", include("questions.urls")),
    path("search/", search, name="search"),
    path("duplicates/", include("questions.duplicates.urls")),
    path("releases/", include("questions.releases.urls")),
    path("grading/", include("grading.urls")),
    path("panels/", include("grading.catalogue.urls")),
    path("money/", include("grading.money.urls")),
    path("review/", include("review.urls")),
    path("api/", include("hle_site.api")),
]

handler404 = "hle_site.api_frame.not_found"
handler500 = "hle_site.api_frame.failed"

if settings.IS_DEMO:
    urlpatterns += [path("demo/", include("hle_site.demo.urls"))]
