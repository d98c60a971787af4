"""Addresses of review."""

from django.urls import path

from review import editor_views as editors
from review import views

app_name = "review"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("rounds/<uuid:pk>/take/", views.take, name="take"),
    path("assignments/<uuid:pk>/", views.work, name="work"),
    path("assignments/<uuid:pk>/accept/", views.accept, name="accept"),
    path("assignments/<uuid:pk>/decline/", views.decline, name="decline"),
    path("assignments/<uuid:pk>/solve/", views.solve, name="solve"),
    path("assignments/<uuid:pk>/autosave/", views.autosave, name="autosave"),
    path("assignments/<uuid:pk>/submit/", views.submit, name="submit"),
    path("assignments/<uuid:pk>/adjudicate/", views.adjudicate, name="adjudicate"),
    path("assignments/<uuid:pk>/hand-back/", views.hand_back, name="hand_back"),
    path("assignments/<uuid:pk>/conflict/", views.conflict, name="conflict"),
    path("rounds/<uuid:pk>/reply/", views.reply, name="reply"),
    path("questions/<uuid:pk>/feedback/", views.feedback, name="feedback"),
    path("questions/<uuid:pk>/appeal/", views.appeal, name="appeal"),
    path("desk/", editors.desk, name="desk"),
    path("questions/<uuid:pk>/", editors.question, name="question"),
    path("questions/<uuid:pk>/decide/", editors.decide, name="decide"),
    path("questions/<uuid:pk>/answer-appeal/", editors.answer_appeal, name="answer_appeal"),
    path("questions/<uuid:pk>/act/<slug:action>/", editors.act, name="act"),
    path("questions/<uuid:pk>/ask-senior/", editors.ask_senior, name="ask_senior"),
    path("questions/<uuid:pk>/confirm-retraction/", editors.confirm_retraction, name="confirm_retraction"),
    path("rounds/<uuid:pk>/invite/", editors.invite, name="invite"),
    path("solves/<int:pk>/match/", editors.match, name="match"),
]
