"""Addresses of releases."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from questions.releases import desk, views


class VersionConverter(StringConverter):
    """A version as people write it; anything else in an address is unknown before it reaches the database."""

    regex = r"[0-9][0-9A-Za-z.\-+]{0,19}"


class PublicIdConverter(StringConverter):
    """A release id of 24 hex digits."""

    regex = "[0-9a-f]{24}"


register_converter(VersionConverter, "version")
register_converter(PublicIdConverter, "public_id")

app_name = "releases"
urlpatterns = [
    path("", views.index, name="index"),
    path("new/", desk.new, name="new"),
    path("errata/", desk.errata, name="errata"),
    path("errata/<uuid:pk>/answer/", desk.answer, name="answer"),
    path("<version:version>/", views.detail, name="detail"),
    path("<version:version>/manifest.json", views.manifest, name="manifest"),
    path("<version:version>/accept/", views.accept, name="accept"),
    path("<version:version>/files/<path:path>", views.download, name="download"),
    path("<version:version>/items/<public_id:public_id>/", views.item, name="item"),
    path("<version:version>/items/<public_id:public_id>/report/", views.report, name="report"),
    path("<version:version>/items/<public_id:public_id>/pictures/<str:which>", views.picture, name="picture"),
    path("<version:version>/prepare/", desk.prepare, name="prepare"),
    path("<version:version>/hold-back/<uuid:question_id>/", desk.hold_back, name="hold_back"),
    path("<version:version>/take-in/<uuid:question_id>/", desk.take_in, name="take_in"),
    path("<version:version>/freeze/", desk.freeze, name="freeze"),
    path("<version:version>/build/", desk.build, name="build"),
    path("<version:version>/publish/", desk.publish, name="publish"),
    path("<version:version>/discard/", desk.discard, name="discard"),
    path("<version:version>/yank/", desk.yank, name="yank"),
]
