"""Addresses of the catalogue."""

from django.urls import path

from grading.catalogue import views

app_name = "panels"
urlpatterns = [
    path("", views.index, name="index"),
    path("new/", views.new_panel, name="new_panel"),
    path("policies/new/", views.new_policy, name="new_policy"),
    path("presets/<slug:slug>/", views.preset, name="preset"),
    path("providers/new/", views.new_provider, name="new_provider"),
    path("providers/<slug:slug>/", views.provider, name="provider"),
    path("providers/<slug:slug>/edit/", views.edit_provider, name="edit_provider"),
    path("providers/<slug:slug>/terms/", views.terms, name="terms"),
    path("providers/<slug:slug>/reopen/", views.reopen, name="reopen"),
    path("providers/<slug:slug>/models/new/", views.new_model, name="new_model"),
    path("providers/<slug:slug>/models/<int:pk>/", views.edit_model, name="edit_model"),
    path("providers/<slug:slug>/models/<int:pk>/test/", views.test, name="test"),
    path("<slug:slug>/<int:version>/", views.panel, name="panel"),
    path("<slug:slug>/<int:version>/edit/", views.edit_panel, name="edit_panel"),
    path("<slug:slug>/<int:version>/use/", views.use, name="use"),
]
