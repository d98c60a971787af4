"""Addresses of questions."""

from django.urls import path

from questions import views

app_name = "questions"
urlpatterns = [
    path("", views.list_, name="list"),
    path("new/", views.new, name="new"),
    path("preview/", views.preview, name="preview"),
    path("pictures/<uuid:pk>/", views.picture, name="picture"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/history/", views.history, name="history"),
    path("<uuid:pk>/edit/", views.edit, name="edit"),
    path("<uuid:pk>/autosave/", views.autosave, name="autosave"),
    path("<uuid:pk>/findings/", views.findings, name="findings"),
    path("<uuid:pk>/support/", views.support, name="support"),
    path("<uuid:pk>/support/autosave/", views.autosave_support, name="autosave_support"),
    path("<uuid:pk>/check/", views.check, name="check"),
    path("<uuid:pk>/submit/", views.submit, name="submit"),
    path("<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("<uuid:pk>/keep/", views.keep, name="keep"),
    path("<uuid:pk>/revise/", views.revise, name="revise"),
    path("<uuid:pk>/withdraw/", views.withdraw, name="withdraw"),
]
