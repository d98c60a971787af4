"""Addresses of releases."""

from django.urls import path

from questions.releases import desk, views

app_name = "releases"
urlpatterns = [
    path("", views.index, name="index"),
    path("new/", desk.new, name="new"),
    path("errata/", desk.errata, name="errata"),
    path("errata/<uuid:pk>/answer/", desk.answer, name="answer"),
    path("<str:version>/", views.detail, name="detail"),
    path("<str:version>/manifest.json", views.manifest, name="manifest"),
    path("<str:version>/accept/", views.accept, name="accept"),
    path("<str:version>/files/<path:path>", views.download, name="download"),
    path("<str:version>/items/<str:public_id>/", views.item, name="item"),
    path("<str:version>/items/<str:public_id>/report/", views.report, name="report"),
    path("<str:version>/items/<str:public_id>/pictures/<str:which>", views.picture, name="picture"),
    path("<str:version>/prepare/", desk.prepare, name="prepare"),
    path("<str:version>/hold-back/<uuid:question_id>/", desk.hold_back, name="hold_back"),
    path("<str:version>/take-in/<uuid:question_id>/", desk.take_in, name="take_in"),
    path("<str:version>/freeze/", desk.freeze, name="freeze"),
    path("<str:version>/build/", desk.build, name="build"),
    path("<str:version>/publish/", desk.publish, name="publish"),
    path("<str:version>/discard/", desk.discard, name="discard"),
    path("<str:version>/yank/", desk.yank, name="yank"),
]
