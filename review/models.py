"""What people say about questions: rounds, assignments, blind solves, reviews, comments, decisions, appeals."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from questions.enums import ReasonCode
from questions.models import Question, Revision, StatusChange
from review.enums import (
    AppealStatus,
    AssignmentStatus,
    Audience,
    Blinding,
    DecisionOutcome,
    Depth,
    RoundKind,
    RoundOutcome,
)
from review.querysets import AssignmentQuerySet, CommentQuerySet, ReviewQuerySet, RoundQuerySet, TriageQuerySet

User = settings.AUTH_USER_MODEL


class Round(models.Model):
    """One pass of review over one revision. Settled once, from exactly the reviews committed before."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="rounds")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="rounds")
    change = models.OneToOneField(StatusChange, null=True, on_delete=models.PROTECT, related_name="round")
    number = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, choices=RoundKind.choices)
    rubric_version = models.CharField(max_length=40)
    quorum = models.PositiveSmallIntegerField(default=2)
    blinding = models.CharField(max_length=2, choices=Blinding.choices, default=Blinding.B2)
    is_blind_solve = models.BooleanField(default=True)
    order_seed = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=12, choices=RoundOutcome.choices, blank=True)
    outcome_reason = models.TextField(blank=True)

    objects = RoundQuerySet.as_manager()

    class Meta:
        ordering = ["question", "number"]
        constraints = [
            models.UniqueConstraint(fields=["question", "number"], name="round_number_once"),
            models.UniqueConstraint(fields=["question"], condition=Q(settled_at=None), name="one_open_round"),
            models.CheckConstraint(
                condition=Q(settled_at=None, outcome="") | (Q(settled_at__isnull=False) & ~Q(outcome="")),
                name="settled_with_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"round {self.number}"


class Assignment(models.Model):
    """A reviewer's place in a round."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="assignments")
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="assignments")
    status = models.CharField(max_length=12, choices=AssignmentStatus.choices, default=AssignmentStatus.ACCEPTED)
    is_self_assigned = models.BooleanField(default=True)
    assigned_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        constraints = [models.UniqueConstraint(fields=["round", "reviewer"], name="reviewer_once_in_a_round")]

    def __str__(self) -> str:
        return f"assignment {self.status}"


class BlindSolve(models.Model):
    """A reviewer's own answer, recorded before the key is shown; never changed."""

    assignment = models.OneToOneField(Assignment, on_delete=models.CASCADE, related_name="solve")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    answer = models.TextField(blank=True)
    is_unsolved = models.BooleanField(default=False)
    reason = models.TextField(blank=True)
    confidence = models.PositiveSmallIntegerField(null=True, blank=True)
    matches_key = models.BooleanField(null=True)
    match_rule = models.CharField(max_length=60, blank=True)
    confirmed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(is_unsolved=True) | ~Q(answer=""), name="solve_has_an_answer"),
            models.CheckConstraint(condition=Q(is_unsolved=False) | ~Q(reason=""), name="unsolved_says_why"),
        ]

    def __str__(self) -> str:
        return "unsolved" if self.is_unsolved else f"solve matches: {self.matches_key}"


class Review(models.Model):
    """One review: a draft until submitted; its score counts when the round settles."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.OneToOneField(Assignment, on_delete=models.CASCADE, related_name="review")
    score = models.SmallIntegerField(null=True, blank=True)
    depth = models.CharField(max_length=20, choices=Depth.choices, blank=True)
    is_precise = models.BooleanField(_("The question is precise"), null=True)
    is_single_answer = models.BooleanField(_("There is a single answer that experts accept"), null=True)
    is_not_searchable = models.BooleanField(_("A quick web search does not find it"), null=True)
    is_not_artificial = models.BooleanField(_("It is hard for its content, not for heavy computing"), null=True)
    is_safe = models.BooleanField(_("It holds nothing hazardous"), null=True)
    feedback = models.TextField(_("feedback to the contributor"), blank=True)
    private_note = models.TextField(_("private note to the organisers"), blank=True)
    seconds = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    saved_at = models.DateTimeField(default=timezone.now)
    submitted_at = models.DateTimeField(null=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(submitted_at=None) | (Q(score__isnull=False) & ~Q(depth="")),
                name="submitted_review_is_complete",
            ),
            models.CheckConstraint(condition=Q(score=None) | Q(score__gte=-1, score__lte=6), name="score_on_a_scale"),
        ]

    def __str__(self) -> str:
        return f"review, score {self.score}"


class Comment(models.Model):
    """One message in a question's discussion."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="comments")
    round = models.ForeignKey(Round, null=True, on_delete=models.CASCADE, related_name="comments")
    audience = models.CharField(max_length=12, choices=Audience.choices)
    text = models.TextField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    objects = CommentQuerySet.as_manager()

    class Meta:
        ordering = ["at"]

    def __str__(self) -> str:
        return f"comment to {self.audience}"


class Recommendation(models.Model):
    """What a settled last round, or a senior reviewer in adjudication, recommends to the organisers."""

    round = models.OneToOneField(Round, on_delete=models.CASCADE, related_name="recommendation")
    outcome = models.CharField(max_length=8, choices=DecisionOutcome.choices)
    reason = models.TextField(blank=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"recommendation: {self.outcome}"


class Decision(models.Model):
    """An organiser's decision over one revision; never by the person who recommended."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="decisions")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    round = models.OneToOneField(Round, on_delete=models.CASCADE, related_name="decision")
    outcome = models.CharField(max_length=8, choices=DecisionOutcome.choices)
    reason = models.TextField()
    reason_code = models.CharField(max_length=12, choices=ReasonCode.choices, blank=True)
    tested_hash = models.CharField(max_length=64)
    supporting_hash = models.CharField(max_length=64)
    recommended_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(recommended_by=None) | ~Q(recommended_by=F("by")), name="decision_needs_two_people"
            )
        ]

    def __str__(self) -> str:
        return f"decision: {self.outcome}"


class Appeal(models.Model):
    """A contributor's one objection to a decision."""

    question = models.OneToOneField(Question, on_delete=models.CASCADE, related_name="appeal")
    text = models.TextField()
    status = models.CharField(max_length=10, choices=AppealStatus.choices, default=AppealStatus.OPEN)
    filed_at = models.DateTimeField(default=timezone.now)
    filed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    answer = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"appeal {self.status}"


class Triage(models.Model):
    """A senior reviewer's place at a question outside review, given by an organiser; it ends when the question moves on.

    `since` is the question's status_changed_at at that time: the standing that the place is about.
    """

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="triages")
    senior = models.ForeignKey(User, on_delete=models.PROTECT, related_name="triages")
    since = models.DateTimeField()
    reason = models.CharField(max_length=300)
    assigned_at = models.DateTimeField(default=timezone.now)
    assigned_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    objects = TriageQuerySet.as_manager()

    class Meta:
        ordering = ["assigned_at"]
        constraints = [
            models.UniqueConstraint(fields=["question", "senior", "since"], name="senior_once_in_a_triage"),
            models.CheckConstraint(condition=~Q(senior=F("assigned_by")), name="triage_is_given_by_another"),
        ]

    def __str__(self) -> str:
        return "triage"


class Retraction(models.Model):
    """A proposal to retract an approved question: one organiser proposes, another confirms."""

    question = models.OneToOneField(Question, on_delete=models.CASCADE, related_name="retraction")
    reason = models.TextField()
    public_reason = models.CharField(max_length=300)
    proposed_at = models.DateTimeField(default=timezone.now)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("proposed_by")), name="retraction_needs_two_people"
            )
        ]

    def __str__(self) -> str:
        return "retraction"
