"""Addresses of grading."""

from django.urls import path

from grading import views

app_name = "grading"
urlpatterns = [
    path("checks/<uuid:pk>/", views.check, name="check"),
    path("checks/<uuid:pk>/retry/", views.retry, name="retry"),
    path("checks/<uuid:pk>/substitute/", views.substitute, name="substitute"),
    path("checks/<uuid:pk>/confirm-key/", views.confirm_key, name="confirm_key"),
    path("checks/<uuid:pk>/judge-again/", views.rejudge, name="rejudge"),
    path("checks/<uuid:pk>/clear-alarm/", views.clear_alarm, name="clear_alarm"),
    path("checks/<uuid:pk>/answers/<uuid:prediction_pk>/contest/", views.contest, name="contest"),
    path("checks/<uuid:pk>/answers/<uuid:prediction_pk>/judge/", views.judge, name="judge"),
    path("checks/<uuid:pk>/contests/<int:contest_pk>/", views.resolve, name="resolve"),
    path("disagreements/", views.disagreements_page, name="disagreements"),
    path("operations/", views.operations_page, name="operations"),
]
