"""Addresses of near-duplicates."""

from django.urls import path

from questions.duplicates import views

app_name = "duplicates"
urlpatterns = [
    path("", views.index, name="index"),
    path("<uuid:pk>/", views.pair, name="pair"),
    path("<uuid:pk>/dismiss/", views.dismiss, name="dismiss"),
    path("<uuid:pk>/undo/", views.undo, name="undo"),
]
