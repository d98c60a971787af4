"""The API of releases: list, manifest, files and items under the licence (scope `release`); freezing and publishing by session only."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django.urls import include, path, re_path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from hle_site.accounts.enums import Scope
from hle_site.accounts.models import ApiToken
from hle_site.accounts.tokens import HasScope, SessionOnly
from hle_site.api_fields import Truth
from hle_site.api_pages import KeysetPagination
from questions.models import Release, ReleaseItem
from questions.querysets import PUBLISHED
from questions.releases import files, freeze, views
from questions.releases.selection import EVER_PUBLISHED

VERSION = OpenApiParameter("version", str, OpenApiParameter.PATH, description="The number of the release.")


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A release."""

    class Meta:
        model = Release
        fields = [
            "version",
            "title",
            "notes",
            "status",
            "is_demonstration",
            "licence",
            "licence_version",
            "created_at",
            "frozen_at",
            "built_at",
            "published_at",
            "yanked_at",
            "yank_reason",
        ]


class FileSerializer(serializers.Serializer[Any]):
    """A file of a release, as its manifest names it."""

    path = serializers.CharField()
    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField(source="size")


class ItemRowSerializer(serializers.ModelSerializer[ReleaseItem]):
    """A released question in a list: what everybody may know."""

    category = serializers.CharField(source="row.category")

    class Meta:
        model = ReleaseItem
        fields = ["public_id", "category", "row_hash", "change"]


class ItemSerializer(serializers.ModelSerializer[ReleaseItem]):
    """A released question as the files have it, without its pictures."""

    class Meta:
        model = ReleaseItem
        fields = ["public_id", "row", "row_hash", "change", "change_reason"]


class ItemPages(KeysetPagination):
    """Pages of a release's questions in the order of the files."""

    ordering = ("public_id",)


class ReleaseViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Release]):
    """Releases that the reader may know of; a token knows published ones only."""

    permission_classes = [HasScope]
    scope = Scope.RELEASE
    serializer_class = ReleaseSerializer
    lookup_field = "version"
    lookup_value_regex = r"[0-9][0-9a-z.\-]{0,19}"

    def get_queryset(self) -> QuerySet[Release]:
        """Return the releases."""
        if getattr(self, "swagger_fake_view", False):
            return Release.objects.none()
        user: Any = self.request.user
        known = Release.objects.visible_to(user)
        return known.filter(status__in=EVER_PUBLISHED) if isinstance(self.request.auth, ApiToken) else known

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def manifest(self, request: Request, version: str) -> Response:
        """Return the manifest: counts, columns, files with their checksums."""
        return Response(self._built().manifest)

    @extend_schema(responses=FileSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def files(self, request: Request, version: str) -> Response:
        """List the files of the public split."""
        return Response(FileSerializer(self._built().manifest.get("files", []), many=True).data)

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("path", str, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["get"], url_path=r"files/(?P<path>[\w./\-]{1,200})", url_name="file")
    def file(self, request: Request, version: str, path: str) -> FileResponse:
        """Download one file that the manifest names, under the licence."""
        release = self._built()
        if files.entry_of(release, path) is None:
            raise Http404
        if not views.may_read_files(request, release):
            raise PermissionDenied
        return FileResponse(files.open_file(release, path), as_attachment=True, content_type="application/octet-stream")

    @extend_schema(responses=ItemRowSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=ItemPages)
    def items(self, request: Request, version: str) -> Response:
        """List the questions of the public split by id."""
        page = self.paginate_queryset(self._published().items.in_public())
        return self.get_paginated_response(ItemRowSerializer(page, many=True).data)

    @extend_schema(responses=ItemSerializer, parameters=[OpenApiParameter("public_id", str, OpenApiParameter.PATH)])
    @action(detail=True, methods=["get"], url_path=r"items/(?P<public_id>[0-9A-Za-z\-]{1,24})", url_name="item")
    def item(self, request: Request, version: str, public_id: str) -> Response:
        """Return a question as it was released, under the licence."""
        release = self._published()
        found = get_object_or_404(release.items.in_public(), public_id=public_id)
        if not request.user.has_perm("questions.download_release", release):
            raise PermissionDenied
        return Response(ItemSerializer(found).data)

    def _built(self) -> Release:
        release: Release = self.get_object()
        if not release.built_at:
            raise Http404
        return release

    def _published(self) -> Release:
        release: Release = self.get_object()
        if release.status not in PUBLISHED:
            raise Http404
        return release


class _Managed(APIView):
    permission_classes = [SessionOnly]

    def release(self) -> Release:
        """Return the release that an organiser works on."""
        user: Any = self.request.user
        release = get_object_or_404(Release.objects.visible_to(user), version=self.kwargs["version"])
        if not user.has_perm("questions.manage_release"):
            raise PermissionDenied
        return release


class FreezeSerializer(serializers.Serializer[Any]):
    """What an organiser accepts at a freeze."""

    accepts_duplicates = Truth(default=False, help_text="Open pairs of near-duplicates among the questions may go in.")


class FreezeView(_Managed):
    """Freezing a draft: never by token."""

    @extend_schema(
        request=FreezeSerializer, responses=ReleaseSerializer, parameters=[VERSION], operation_id="releases_freeze"
    )
    def post(self, request: Request, version: str) -> Response:
        """Store everything that the files will be made of, and start the build."""
        release = self.release()
        given = FreezeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(ReleaseSerializer(freeze.freeze(release=release, by=request.user, **given.validated_data)).data)


class PublishView(_Managed):
    """Publishing a frozen release: never by token, never by the person who froze it."""

    @extend_schema(request=None, responses=ReleaseSerializer, parameters=[VERSION], operation_id="releases_publish")
    def post(self, request: Request, version: str) -> Response:
        """Open the release to everybody."""
        return Response(ReleaseSerializer(freeze.publish(release=self.release(), by=request.user)).data)


router = SimpleRouter()
router.register("releases", ReleaseViewSet, basename="api-releases")
NUMBER = rf"^releases/(?P<version>{ReleaseViewSet.lookup_value_regex})/"
urlpatterns = [
    path("", include(router.urls)),
    re_path(NUMBER + "freeze/$", FreezeView.as_view(), name="api-releases-freeze"),
    re_path(NUMBER + "publish/$", PublishView.as_view(), name="api-releases-publish"),
]
