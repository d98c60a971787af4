"""The reader's own work: free places, taking one, answer, review, hand in."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hle_site.accounts.enums import Scope
from hle_site.accounts.tokens import HasScope
from review import actions, assignment, presenters
from review.api.shapes import (
    AssignmentRowSerializer,
    AssignmentSerializer,
    DueReasonSerializer,
    NewMessageSerializer,
    PoolCardSerializer,
    ReasonSerializer,
    ReviewSerializer,
    SolveSerializer,
    open_place,
    read,
)
from review.models import Assignment, Round

POOL_SIZE = 50


class PoolView(APIView):
    """Free places."""

    permission_classes = [HasScope]
    scope = Scope.REVIEW

    @extend_schema(responses=PoolCardSerializer(many=True), operation_id="review_pool")
    def get(self, request: Request) -> Response:
        """Return the open rounds in which the reader may take a place, without text."""
        if not request.user.has_perm("review.view_pool"):
            raise PermissionDenied
        cards = [presenters.pool_card(row, request.user) for row in assignment.pool(request.user)[:POOL_SIZE]]
        return Response(PoolCardSerializer(cards, many=True).data)


class TakeView(APIView):
    """Taking a place."""

    permission_classes = [HasScope]
    scope = Scope.REVIEW

    @extend_schema(request=None, responses={201: AssignmentSerializer}, operation_id="review_take")
    def post(self, request: Request, pk: Any) -> Response:
        """Take a free place in a round of the own pool."""
        if not request.user.has_perm("review.view_pool"):
            raise PermissionDenied
        taken = assignment.take(round_=get_object_or_404(_takeable(request.user), pk=pk), by=request.user)
        return Response(
            AssignmentSerializer(_loaded(taken), context={"request": request}).data, status=status.HTTP_201_CREATED
        )


def _takeable(user: Any) -> QuerySet[Round]:
    return Round.objects.filter(pk__in=assignment.pool(user).values("pk"))


def _loaded(row: Assignment) -> Assignment:
    return Assignment.objects.select_related("round__question", "round__revision__image").get(pk=row.pk)


class AssignmentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Assignment]):
    """The reader's own assignments: answer, review, hand in."""

    permission_classes = [HasScope]
    scope = Scope.REVIEW
    lookup_value_converter = "uuid"
    serializer_class = AssignmentSerializer

    def get_queryset(self) -> QuerySet[Assignment]:
        """Return the reader's own assignments."""
        if getattr(self, "swagger_fake_view", False):
            return Assignment.objects.none()
        own = Assignment.objects.filter(reviewer=self.request.user).select_related(
            "reviewer", "round__question", "round__revision__image"
        )
        return own.prefetch_related("round__assignments") if self.action == "list" else own

    def get_serializer_class(self) -> Any:
        """Return a row for lists, everything else for one."""
        return AssignmentRowSerializer if self.action == "list" else AssignmentSerializer

    def _ready(self) -> Assignment:
        mine = self.get_object()
        if not self.request.user.has_perm("review.work_on_assignment", mine):
            raise Http404
        return mine

    def _step(self, request: Request, act: Callable[..., Any], serializer_class: Any = None) -> Response:
        # what an act refuses becomes the API's error in `api_frame`, for every view alike
        mine = self._ready()
        act(assignment=mine, by=request.user, **(read(request, serializer_class) if serializer_class else {}))
        return Response(AssignmentSerializer(_loaded(mine), context=self.get_serializer_context()).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: Any) -> Response:
        """Accept an invitation."""
        return self._step(request, assignment.accept)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: Any) -> Response:
        """Decline an invitation."""
        return self._step(request, assignment.decline, ReasonSerializer)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"], url_path="hand-back")
    def hand_back(self, request: Request, pk: Any) -> Response:
        """Give an accepted place back."""
        return self._step(request, assignment.hand_back, ReasonSerializer)

    @extend_schema(request=DueReasonSerializer)
    @action(detail=True, methods=["post"])
    def conflict(self, request: Request, pk: Any) -> Response:
        """Declare a conflict of interest; the question closes at once."""
        return self._step(request, assignment.declare_conflict, DueReasonSerializer)

    @extend_schema(request=SolveSerializer)
    @action(detail=True, methods=["post"])
    def solve(self, request: Request, pk: Any) -> Response:
        """Record the own answer; it cannot change."""
        return self._step(request, actions.record_solve, SolveSerializer)

    @extend_schema(request=ReviewSerializer)
    @action(detail=True, methods=["put"])
    def review(self, request: Request, pk: Any) -> Response:
        """Save the draft of the review."""
        return self._step(request, _save, ReviewSerializer)

    @extend_schema(request=ReviewSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: Any) -> Response:
        """Save what is sent and hand the review in."""
        return self._step(request, _hand_in, ReviewSerializer)

    @extend_schema(request=NewMessageSerializer)
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, pk: Any) -> Response:
        """Add a message to the discussion of the round, which opens with the own review."""
        return self._step(request, _comment, NewMessageSerializer)

    @extend_schema(responses={(200, "image/*"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def picture(self, request: Request, pk: Any) -> FileResponse:
        """Return the picture of the question, once the place is accepted."""
        mine = self.get_object()
        image = mine.round.revision.image if open_place(request.user, mine) else None
        if image is None:
            raise Http404
        return FileResponse(image.file.open("rb"), content_type=image.media_type)


def _save(*, assignment: Assignment, by: Any, version: int | None = None, **content: Any) -> None:
    actions.save_review(assignment=assignment, by=by, version=version, content=content)


def _hand_in(*, assignment: Assignment, by: Any, version: int | None = None, **content: Any) -> None:
    actions.submit_review(assignment=assignment, by=by, version=version, content=content or None)


def _comment(*, assignment: Assignment, by: Any, text: str, audience: str) -> None:
    actions.comment(round_=assignment.round, by=by, audience=audience, text=text)
