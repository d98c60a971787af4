"""The API of review: the reviewer's own work by token or session, feedback for contributors, decisions by session only.

No answer names a person: neither contributor nor reviewer, whatever the blinding of the round.
"""

from dataclasses import asdict
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django.urls import include, path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from hle_site.accounts.enums import Scope
from hle_site.accounts.tokens import HasScope, SessionOnly
from questions.enums import ReasonCode
from questions.models import Question
from review import actions, assignment, presenters, workplace
from review.enums import ACTIVE_ASSIGNMENTS, DecisionOutcome, Depth
from review.models import Assignment, Decision, Review, Round

POOL_SIZE = 50
LONGEST = 10_000


class CardSerializer(serializers.Serializer[presenters.Card]):
    """What may be known of a question before its text is."""

    handle = serializers.CharField()
    category = serializers.CharField()
    subject = serializers.CharField()
    round = serializers.CharField()
    revision = serializers.IntegerField()
    format = serializers.CharField()
    language = serializers.CharField()
    age_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    reviews_in = serializers.IntegerField()
    quorum = serializers.IntegerField()
    minutes = serializers.IntegerField()


class PoolCardSerializer(CardSerializer):
    """A free place."""

    round_id = serializers.UUIDField(source="take_id")


class AssignmentRowSerializer(serializers.ModelSerializer[Assignment]):
    """An own assignment in a list."""

    card = serializers.SerializerMethodField()

    class Meta:
        model = Assignment
        fields = ["id", "status", "created_at", "due_at", "ended_at", "card"]

    @extend_schema_field(CardSerializer)
    def get_card(self, row: Assignment) -> Any:
        """Return what may be known before the text is."""
        return CardSerializer(presenters.assignment_card(row, timezone.now())).data


class TextSerializer(serializers.Serializer[presenters.QuestionText]):
    """The question as it is reviewed, without its key."""

    prompt = serializers.CharField()
    options = serializers.ListField(child=serializers.CharField())
    language = serializers.CharField()
    image_alt = serializers.CharField()
    image_width = serializers.IntegerField()
    image_height = serializers.IntegerField()
    category = serializers.CharField()
    subject = serializers.CharField()
    answer_type = serializers.CharField()
    revision = serializers.IntegerField()


class ModelAnswerSerializer(serializers.Serializer[presenters.ModelAnswer]):
    """What one model said."""

    name = serializers.CharField()
    simulated = serializers.BooleanField()
    state = serializers.CharField()
    verdict = serializers.CharField()
    answer = serializers.CharField()
    reason = serializers.CharField()


class RevealSerializer(serializers.Serializer[presenters.Reveal]):
    """What opens after the own answer."""

    key = serializers.CharField()
    rationale = serializers.CharField()
    sources = serializers.CharField()
    ai_use_note = serializers.CharField()
    models = ModelAnswerSerializer(many=True)
    summary = serializers.CharField()
    alarm = serializers.CharField()


class OwnSolveSerializer(serializers.Serializer[presenters.OwnSolve]):
    """The own recorded answer."""

    answer = serializers.CharField()
    is_unsolved = serializers.BooleanField()
    reason = serializers.CharField()
    confidence = serializers.IntegerField(allow_null=True)
    matches_key = serializers.BooleanField(allow_null=True)
    recorded_at = serializers.DateTimeField()


class OwnReviewSerializer(serializers.ModelSerializer[Review]):
    """The own review, draft or submitted."""

    class Meta:
        model = Review
        fields = ["score", "depth", *actions.CHECK_FIELDS, "feedback", "private_note", "version", "saved_at"]
        read_only_fields = ["version", "saved_at"]


class OtherReviewSerializer(serializers.Serializer[presenters.ReviewCard]):
    """Another's review, without its author and without the note to the organisers."""

    is_own = serializers.BooleanField()
    on = serializers.DateField()
    score = serializers.IntegerField()
    level = serializers.CharField()
    depth = serializers.CharField()
    doubts = serializers.ListField(child=serializers.CharField())
    feedback = serializers.CharField()
    solve = serializers.CharField()


class RoundSerializer(serializers.Serializer[presenters.RoundCard]):
    """A round that is open to the reader."""

    number = serializers.IntegerField()
    kind = serializers.CharField()
    revision = serializers.IntegerField()
    settled_at = serializers.DateTimeField(allow_null=True)
    reviews = OtherReviewSerializer(many=True)


class AssignmentSerializer(AssignmentRowSerializer):
    """An own assignment with what this step opens."""

    question = serializers.SerializerMethodField()
    asks_for_solve = serializers.SerializerMethodField()
    own_solve = serializers.SerializerMethodField()
    reveal = serializers.SerializerMethodField()
    rounds = serializers.SerializerMethodField()
    review = serializers.SerializerMethodField()

    class Meta(AssignmentRowSerializer.Meta):
        fields = [
            *AssignmentRowSerializer.Meta.fields,
            "question",
            "asks_for_solve",
            "own_solve",
            "reveal",
            "rounds",
            "review",
        ]

    def to_representation(self, instance: Assignment) -> Any:
        """Look once at what is open."""
        self.place = _place(self.context["request"].user, instance)
        return super().to_representation(instance)

    def _part(self, name: str, serializer: Any, *, many: bool = False) -> Any:
        value = getattr(self.place, name, None)
        return None if value is None else serializer(value, many=many).data

    @extend_schema_field(TextSerializer(allow_null=True))
    def get_question(self, _row: Assignment) -> Any:
        """Return the question once the place is accepted."""
        return self._part("text", TextSerializer)

    @extend_schema_field(serializers.BooleanField())
    def get_asks_for_solve(self, _row: Assignment) -> bool:
        """Return whether an own answer is due."""
        return bool(self.place and self.place.asks_for_solve)

    @extend_schema_field(OwnSolveSerializer(allow_null=True))
    def get_own_solve(self, _row: Assignment) -> Any:
        """Return the own answer."""
        return self._part("own_solve", OwnSolveSerializer)

    @extend_schema_field(RevealSerializer(allow_null=True))
    def get_reveal(self, _row: Assignment) -> Any:
        """Return key, rationale and models' answers once they are open."""
        return self._part("reveal", RevealSerializer)

    @extend_schema_field(RoundSerializer(many=True))
    def get_rounds(self, _row: Assignment) -> Any:
        """Return the reviews that are open."""
        return self._part("rounds", RoundSerializer, many=True) or []

    @extend_schema_field(OwnReviewSerializer(allow_null=True))
    def get_review(self, row: Assignment) -> Any:
        """Return the own review."""
        review = Review.objects.filter(assignment=row).first() if self.place else None
        return OwnReviewSerializer(review).data if review else None


def _place(user: Any, mine: Assignment) -> workplace.Place | None:
    is_readable = Question.objects.visible_to(user).filter(pk=mine.round.question_id).exists()
    if mine.status not in ACTIVE_ASSIGNMENTS or not is_readable:
        return None
    if not user.has_perm("review.work_on_assignment", mine):
        raise Http404
    return workplace.context_for(user, mine)["place"]


class SolveSerializer(serializers.Serializer[Any]):
    """The own answer, or why there is none."""

    answer = serializers.CharField(max_length=2_000, required=False, allow_blank=True)
    is_unsolved = serializers.BooleanField(required=False)
    reason = serializers.CharField(max_length=LONGEST, required=False, allow_blank=True)
    confidence = serializers.IntegerField(min_value=0, max_value=100, required=False, allow_null=True)


def _answered() -> serializers.BooleanField:
    return serializers.BooleanField(required=False, allow_null=True)


class ReviewSerializer(serializers.Serializer[Any]):
    """A review; all of it may be missing in a draft. `version` is the one that was read."""

    score = serializers.IntegerField(min_value=-1, max_value=6, required=False, allow_null=True)
    depth = serializers.ChoiceField(choices=Depth.choices, required=False, allow_blank=True)
    is_precise = _answered()
    is_single_answer = _answered()
    is_not_searchable = _answered()
    is_not_artificial = _answered()
    is_safe = _answered()
    feedback = serializers.CharField(max_length=LONGEST, required=False, allow_blank=True)
    private_note = serializers.CharField(max_length=LONGEST, required=False, allow_blank=True)
    version = serializers.IntegerField(min_value=0, required=False)


class ReasonSerializer(serializers.Serializer[Any]):
    """A reason that may stay empty."""

    reason = serializers.CharField(max_length=300, required=False, allow_blank=True)


class DueReasonSerializer(serializers.Serializer[Any]):
    """A reason."""

    reason = serializers.CharField(max_length=300)


def _read(request: Request, serializer_class: Any) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


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

    def _answer(self, mine: Assignment) -> Response:
        return Response(AssignmentSerializer(_loaded(mine), context=self.get_serializer_context()).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: Any) -> Response:
        """Accept an invitation."""
        mine = self._ready()
        assignment.accept(assignment=mine, by=request.user)
        return self._answer(mine)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: Any) -> Response:
        """Decline an invitation."""
        mine = self._ready()
        assignment.decline(assignment=mine, by=request.user, **_read(request, ReasonSerializer))
        return self._answer(mine)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"], url_path="hand-back")
    def hand_back(self, request: Request, pk: Any) -> Response:
        """Give an accepted place back."""
        mine = self._ready()
        assignment.hand_back(assignment=mine, by=request.user, **_read(request, ReasonSerializer))
        return self._answer(mine)

    @extend_schema(request=DueReasonSerializer)
    @action(detail=True, methods=["post"])
    def conflict(self, request: Request, pk: Any) -> Response:
        """Declare a conflict of interest; the question closes at once."""
        mine = self._ready()
        assignment.declare_conflict(assignment=mine, by=request.user, **_read(request, DueReasonSerializer))
        return self._answer(mine)

    @extend_schema(request=SolveSerializer)
    @action(detail=True, methods=["post"])
    def solve(self, request: Request, pk: Any) -> Response:
        """Record the own answer; it cannot change."""
        mine = self._ready()
        actions.record_solve(assignment=mine, by=request.user, **_read(request, SolveSerializer))
        return self._answer(mine)

    @extend_schema(request=ReviewSerializer)
    @action(detail=True, methods=["put"])
    def review(self, request: Request, pk: Any) -> Response:
        """Save the draft of the review."""
        mine, content = self._ready(), _read(request, ReviewSerializer)
        actions.save_review(assignment=mine, by=request.user, version=content.pop("version", None), content=content)
        return self._answer(mine)

    @extend_schema(request=ReviewSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: Any) -> Response:
        """Save what is sent and hand the review in."""
        mine, content = self._ready(), _read(request, ReviewSerializer)
        actions.submit_review(
            assignment=mine, by=request.user, version=content.pop("version", None), content=content or None
        )
        return self._answer(mine)

    @extend_schema(responses={(200, "image/*"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def picture(self, request: Request, pk: Any) -> FileResponse:
        """Return the picture of the question, once the place is accepted."""
        mine = self.get_object()
        image = mine.round.revision.image if _place(request.user, mine) else None
        if image is None:
            raise Http404
        return FileResponse(image.file.open("rb"), content_type=image.media_type)


class FeedbackItemSerializer(serializers.Serializer[presenters.FeedbackItem]):
    """One review as the contributor reads it."""

    on = serializers.DateField()
    score = serializers.IntegerField()
    level = serializers.CharField()
    depth = serializers.CharField()
    doubts = serializers.ListField(child=serializers.CharField())
    feedback = serializers.CharField()
    solve = serializers.CharField()


class RoundFeedbackSerializer(serializers.Serializer[presenters.RoundFeedback]):
    """The feedback of one closed round."""

    number = serializers.IntegerField()
    label = serializers.CharField()
    revision = serializers.IntegerField()
    on = serializers.DateField()
    outcome_label = serializers.CharField()
    items = FeedbackItemSerializer(many=True)


class NewsSerializer(serializers.Serializer[presenters.DecisionNews]):
    """A decision as the contributor reads it."""

    label = serializers.CharField()
    reason = serializers.CharField()
    code = serializers.CharField()
    on = serializers.DateField()


class FeedbackSerializer(serializers.Serializer[Any]):
    """What the contributor is told."""

    rounds = RoundFeedbackSerializer(many=True)
    decisions = NewsSerializer(many=True)


class FeedbackView(APIView):
    """Feedback to the contributor."""

    permission_classes = [HasScope]
    scope = Scope.DRAFT

    @extend_schema(responses=FeedbackSerializer, operation_id="questions_feedback")
    def get(self, request: Request, pk: Any) -> Response:
        """Return the reviews of closed rounds and the decisions, without names."""
        user: Any = request.user
        question = get_object_or_404(Question.objects.visible_to(user).owned_by(user), pk=pk)
        if not user.has_perm("review.view_feedback", question):
            raise PermissionDenied
        told = {
            "rounds": [asdict(row) for row in presenters.feedback(question)],
            "decisions": [asdict(row) for row in presenters.decision_news(question)],
        }
        return Response(FeedbackSerializer(told).data)


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """A decision of an organiser."""

    outcome = serializers.ChoiceField(choices=DecisionOutcome.choices)
    reason = serializers.CharField(max_length=LONGEST)
    reason_code = serializers.ChoiceField(choices=ReasonCode.choices, required=False, allow_blank=True)

    class Meta:
        model = Decision
        fields = ["id", "outcome", "reason", "reason_code", "at"]
        read_only_fields = ["id", "at"]


class DecisionView(APIView):
    """Deciding: for signed-in organisers, never by token."""

    permission_classes = [SessionOnly]

    @extend_schema(request=DecisionSerializer, responses={201: DecisionSerializer}, operation_id="questions_decide")
    def post(self, request: Request, pk: Any) -> Response:
        """Decide over a question that waits for it."""
        user: Any = request.user
        question = get_object_or_404(Question.objects.visible_to(user), pk=pk)
        if not user.has_perm("review.decide", question):
            raise PermissionDenied
        decision = actions.decide(question=question, by=user, **_read(request, DecisionSerializer))
        return Response(DecisionSerializer(decision).data, status=status.HTTP_201_CREATED)


router = SimpleRouter(use_regex_path=False)
router.register("assignments", AssignmentViewSet, basename="api-assignments")
urlpatterns = [
    path("review/", include(router.urls)),
    path("review/pool/", PoolView.as_view(), name="api-pool"),
    path("review/rounds/<uuid:pk>/take/", TakeView.as_view(), name="api-take"),
    path("questions/<uuid:pk>/feedback/", FeedbackView.as_view(), name="api-questions-feedback"),
    path("questions/<uuid:pk>/decide/", DecisionView.as_view(), name="api-questions-decide"),
]
