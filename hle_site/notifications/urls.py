"""Addresses of the inbox."""

from django.urls import path

from hle_site.notifications import views

app_name = "notifications"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("read/", views.read_all, name="read_all"),
    path("<uuid:pk>/", views.open_notice, name="open"),
]
