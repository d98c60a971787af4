"""Addresses of the money page."""

from django.urls import path

from grading.money import views

app_name = "money"
urlpatterns = [
    path("", views.index, name="index"),
    path("budget/", views.set_budget, name="set_budget"),
    path("switch/", views.switch, name="switch"),
    path("calls/<uuid:pk>/", views.reconcile, name="reconcile"),
]
