"""What the API tells and takes of assignments: cards, the open parts of a place, answers and reviews."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from hle_site.api_fields import Text, Truth, Whole
from questions.models import Question
from review import actions, presenters, workplace
from review.enums import ACTIVE_ASSIGNMENTS, Audience, Depth
from review.models import Assignment, Review

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


class FeedbackItemSerializer(serializers.Serializer[Any]):
    """One review without its author and without the note to the organisers."""

    on = serializers.DateField()
    score = serializers.IntegerField()
    level = serializers.CharField()
    depth = serializers.CharField()
    doubts = serializers.ListField(child=serializers.CharField())
    feedback = serializers.CharField()
    solve = serializers.CharField()


class OtherReviewSerializer(FeedbackItemSerializer):
    """A review as the reviewers of its round read it."""

    is_own = serializers.BooleanField()


class MessageSerializer(serializers.Serializer[presenters.Message]):
    """One message between contributor and reviewers, without a name."""

    on = serializers.DateField()
    is_own = serializers.BooleanField()
    text = serializers.CharField()


class DiscussionSerializer(MessageSerializer):
    """One message of a round as its reviewers read it."""

    is_contributor = serializers.BooleanField()
    to_contributor = serializers.BooleanField()


class RoundSerializer(serializers.Serializer[presenters.RoundCard]):
    """A round that is open to the reader."""

    number = serializers.IntegerField()
    kind = serializers.CharField()
    revision = serializers.IntegerField()
    settled_at = serializers.DateTimeField(allow_null=True)
    reviews = OtherReviewSerializer(many=True)
    messages = DiscussionSerializer(many=True)


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
        self.place = open_place(self.context["request"].user, instance)
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


def open_place(user: Any, mine: Assignment) -> workplace.Place | None:
    """Return what is open of an assignment to its reviewer, None before it is accepted or after access ended."""
    is_readable = Question.objects.visible_to(user).filter(pk=mine.round.question_id).exists()
    if mine.status not in ACTIVE_ASSIGNMENTS or not is_readable:
        return None
    if not user.has_perm("review.work_on_assignment", mine):
        raise Http404
    return workplace.context_for(user, mine)["place"]


class SolveSerializer(serializers.Serializer[Any]):
    """The own answer, or why there is none."""

    answer = Text(max_length=2_000, required=False, allow_blank=True)
    is_unsolved = Truth(required=False)
    reason = Text(max_length=LONGEST, required=False, allow_blank=True)
    confidence = Whole(min_value=0, max_value=100, required=False, allow_null=True)


def _answered() -> Truth:
    return Truth(required=False, allow_null=True)


class ReviewSerializer(serializers.Serializer[Any]):
    """A review; all of it may be missing in a draft. `version` is the one that was read."""

    score = Whole(min_value=-1, max_value=6, required=False, allow_null=True)
    depth = serializers.ChoiceField(choices=Depth.choices, required=False, allow_blank=True)
    is_precise = _answered()
    is_single_answer = _answered()
    is_not_searchable = _answered()
    is_not_artificial = _answered()
    is_safe = _answered()
    feedback = Text(max_length=LONGEST, required=False, allow_blank=True)
    private_note = Text(max_length=LONGEST, required=False, allow_blank=True)
    version = Whole(min_value=0, required=False)


class NewMessageSerializer(serializers.Serializer[Any]):
    """A message to the others of a round, or to the contributor once the round is closed."""

    text = Text(max_length=LONGEST)
    audience = serializers.ChoiceField(choices=Audience.choices, default=Audience.REVIEWERS)


class ReasonSerializer(serializers.Serializer[Any]):
    """A reason that may stay empty."""

    reason = Text(max_length=300, required=False, allow_blank=True)


class DueReasonSerializer(serializers.Serializer[Any]):
    """A reason."""

    reason = Text(max_length=300)


def read(request: Request, serializer_class: Any) -> dict[str, Any]:
    """Return the valid body of a request; raises the API's own error otherwise."""
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
