"""Difficulty checks, what models answered, what judges and people said of it, and the workers that hold leases."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from grading.enums import WHY_UNDECIDED, CheckStatus, DecidedBy, JudgeSeat, OutcomeKind, PredictionState, Verdict
from grading.models.panels import Panel, Policy
from grading.models.providers import ModelSpec
from grading.querysets import CheckQuerySet, PredictionQuerySet, WorkerQuerySet
from questions.models import Question, Revision

User = settings.AUTH_USER_MODEL


class Worker(models.Model):
    """A worker process that holds leases while it beats."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    started_at = models.DateTimeField(default=timezone.now)
    beat_at = models.DateTimeField(default=timezone.now)
    stopped_at = models.DateTimeField(null=True)

    objects = WorkerQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class DifficultyCheck(models.Model):
    """One test of one tested part against one panel. Its versions say exactly what was in force."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="checks")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="checks")
    tested_hash = models.CharField(max_length=64, db_index=True)
    status = models.CharField(max_length=10, choices=CheckStatus.choices, default=CheckStatus.QUEUED)
    panel = models.ForeignKey(Panel, on_delete=models.PROTECT, related_name="+")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+")
    prompt_version = models.CharField(max_length=40)
    matcher_version = models.CharField(max_length=40)
    judge_version = models.CharField(max_length=40)
    wave = models.PositiveSmallIntegerField(default=0)
    plan = models.JSONField(
        default=list
    )  # model ids wave by wave, in a list with its substitutes; empty: as the panel says
    is_run_all = models.BooleanField(default=False)  # asks every model whatever the others said
    confirmation_rounds = models.PositiveSmallIntegerField(default=0)  # hidden draws that a pass needs besides
    is_simulated = models.BooleanField(default=False)
    is_exempt = models.BooleanField(default=False)  # imports use no allowance and no try
    parked_reason = models.CharField(max_length=300, blank=True)
    parked_times = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, null=True)  # None while parked: a person is needed
    requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    outcome_reason = models.CharField(max_length=300, blank=True)

    objects = CheckQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status__in=["queued", "running", "parked"]), name="check_due")
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["question"], condition=Q(status__in=["queued", "running", "parked"]), name="one_live_check"
            ),
            models.CheckConstraint(condition=Q(status__in=CheckStatus.values), name="check_status_known"),
        ]

    def __str__(self) -> str:
        return f"check {self.status}"

    @property
    def is_live(self) -> bool:
        """True while a verdict is still to come."""
        return self.status in {CheckStatus.QUEUED, CheckStatus.RUNNING, CheckStatus.PARKED}


class Prediction(models.Model):
    """One model's answer to one tested part; never drawn again once scored.

    Write-ahead: `state` becomes `asked` in the database before the request leaves. `fence` rises with each claim, and a write
    with an older one is refused.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tested_hash = models.CharField(max_length=64)
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="predictions")
    panel = models.ForeignKey(Panel, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(ModelSpec, on_delete=models.PROTECT, related_name="+")
    wave = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField(default=0)
    draw = models.PositiveSmallIntegerField(default=0)
    option_seed = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=PredictionState.choices, default=PredictionState.WAITING)
    due_at = models.DateTimeField(default=timezone.now)
    worker = models.ForeignKey(Worker, null=True, on_delete=models.SET_NULL, related_name="predictions")
    fence = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=14, choices=OutcomeKind.choices, blank=True)
    outcome_detail = models.CharField(max_length=200, blank=True)
    outcome_counts = models.JSONField(default=dict)  # kind -> how often, for the re-ask rules
    reply = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    confidence = models.PositiveSmallIntegerField(null=True)
    prompt_tokens = models.PositiveIntegerField(null=True)
    completion_tokens = models.PositiveIntegerField(null=True)
    latency_ms = models.PositiveIntegerField(null=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.UNSCORED)
    verdict_reason = models.CharField(max_length=500, blank=True)
    decided_by = models.CharField(max_length=8, choices=DecidedBy.choices, blank=True)
    decided_person = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=60, blank=True)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ["wave", "position"]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state__in=["waiting", "asked", "answered"]), name="prediction_due"
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["tested_hash", "panel", "model", "draw"], name="prediction_drawn_once"),
            models.CheckConstraint(
                condition=Q(verdict=Verdict.UNSCORED) | Q(outcome=OutcomeKind.ANSWER, state=PredictionState.SETTLED),
                name="verdict_needs_an_answer",
            ),
            models.CheckConstraint(
                condition=Q(verdict=Verdict.UNSCORED) | ~Q(decided_by=""), name="verdict_names_who_decided"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_id}: {self.verdict}"

    @property
    def why_unscored(self) -> str:
        """In words, why this has no verdict."""
        if self.outcome != OutcomeKind.ANSWER:
            return self.get_outcome_display()
        return str(WHY_UNDECIDED.get(self.outcome_detail, _("The judge could not be read")))


class Judgement(models.Model):
    """One reply of a judge about one prediction; a reply that does not parse decides nothing.

    Of the seat `again` it is a job too: due until it is answered, held by a worker under a fence as predictions are.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="judgements")
    model = models.ForeignKey(ModelSpec, on_delete=models.PROTECT, related_name="+")
    seat = models.PositiveSmallIntegerField(choices=JudgeSeat.choices, default=JudgeSeat.FIRST)
    attempt = models.PositiveSmallIntegerField()
    judge_version = models.CharField(max_length=40)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField(null=True)
    worker = models.ForeignKey(Worker, null=True, on_delete=models.SET_NULL, related_name="+")
    fence = models.PositiveIntegerField(default=0, db_default=0)
    asked_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=14, choices=OutcomeKind.choices, blank=True)
    outcome_detail = models.CharField(max_length=200, blank=True)
    reply = models.TextField(blank=True)
    extracted_answer = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    is_correct = models.BooleanField(null=True)
    confidence = models.PositiveSmallIntegerField(null=True)

    class Meta:
        ordering = ["asked_at"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="judgement_due"),
            models.Index(fields=["prediction"], condition=Q(seat=JudgeSeat.AGAIN), name="judged_again"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["prediction", "seat", "judge_version", "attempt"], name="judgement_attempt_once"
            ),
            models.CheckConstraint(condition=Q(due_at=None) | Q(seat=JudgeSeat.AGAIN), name="only_again_is_a_job"),
        ]

    def __str__(self) -> str:
        return f"judgement of {self.prediction_id}"


class Contest(models.Model):
    """A contributor's objection to one verdict; an organiser resolves it with a reason."""

    prediction = models.OneToOneField(Prediction, on_delete=models.CASCADE, related_name="contest")
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="contests")
    reason = models.TextField()
    contested_at = models.DateTimeField(default=timezone.now)
    contested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    resolution = models.TextField(blank=True)
    is_upheld = models.BooleanField(null=True)

    def __str__(self) -> str:
        return f"contest of {self.prediction_id}"


class ClearedAlarm(models.Model):
    """An organiser's finding that the key holds although models agree on another answer."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="cleared_alarms")
    tested_hash = models.CharField(max_length=64)
    reason = models.TextField()
    cleared_at = models.DateTimeField(default=timezone.now)
    cleared_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "tested_hash"], name="alarm_cleared_once")]

    def __str__(self) -> str:
        return f"cleared alarm of {self.question_id}"


class ConfirmedKey(models.Model):
    """A contributor's word, given before the submission, that the key was looked at again and holds against the models."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="confirmed_keys")
    tested_hash = models.CharField(max_length=64)
    reason = models.TextField()
    confirmed_at = models.DateTimeField(default=timezone.now)
    confirmed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "tested_hash"], name="key_confirmed_once")]

    def __str__(self) -> str:
        return f"confirmed key of {self.question_id}"
