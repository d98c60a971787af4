"""Addresses that exist in the demo only."""

from django.urls import path

from hle_site.demo import views

app_name = "demo"
urlpatterns = [
    path("switch/", views.switch, name="switch"),
    path("mailbox/", views.mailbox, name="mailbox"),
]
