"""What near-duplicates are found by: compared texts, their vectors, the pairs, and what the embedder last said."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from questions.enums import PairKind, PairState
from questions.models.question import Question, Revision
from questions.querysets import DuplicatePairQuerySet


class ComparedText(models.Model):
    """A tested text as it is compared: due until searched, and again when the way of comparing changes.

    Holds hashes of pieces of the text, never the text; the key has no part in it.
    """

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="compared_texts")
    revision = models.OneToOneField(Revision, on_delete=models.CASCADE, related_name="compared_text")
    tested_hash = models.CharField(max_length=64)
    sketch = ArrayField(models.BigIntegerField(), default=list)
    version = models.PositiveSmallIntegerField(default=0)  # of the way of comparing that made the sketch; 0: none yet
    created_at = models.DateTimeField(default=timezone.now)
    searched_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # a list of rows not yet in the index would be read through at every search
            GinIndex(fields=["sketch"], name="compared_text_marks", fastupdate=False),
            models.Index(fields=["created_at"], condition=Q(searched_at=None), name="compared_text_due"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["question", "tested_hash"], name="text_compared_once"),
        ]

    def __str__(self) -> str:
        return f"text {self.pk}"


class TextVector(models.Model):
    """The vector of a compared text by one model: float32, little endian, unit length."""

    text = models.ForeignKey(ComparedText, on_delete=models.CASCADE, related_name="vectors")
    model = models.CharField(max_length=100)
    language = models.CharField(max_length=12)
    vector = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["model", "id"], name="text_vector_scan")]
        constraints = [models.UniqueConstraint(fields=["text", "model"], name="vector_once_a_model")]

    def __str__(self) -> str:
        return f"vector {self.pk}"


class DuplicatePair(models.Model):
    """Two questions whose texts are near to each other, the one with the lower id first, and what people said of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    first = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="+")
    first_revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="+")
    second_revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=PairKind.choices)
    model = models.CharField(max_length=100, blank=True)  # the embedder's name; empty for a lexical pair
    score = models.FloatField()
    created_at = models.DateTimeField(default=timezone.now)
    found_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=PairState.choices, default=PairState.OPEN)
    reason = models.CharField(max_length=300, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    objects = DuplicatePairQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["state", "-created_at", "-id"], name="pair_list"),
            models.Index(fields=["second"], name="pair_second"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="pair_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="pair_is_ordered"),
            models.CheckConstraint(condition=Q(kind__in=PairKind.values), name="pair_kind_known"),
            models.CheckConstraint(condition=Q(state__in=PairState.values), name="pair_state_known"),
            models.CheckConstraint(condition=Q(score__gte=0, score__lte=1), name="pair_score_in_range"),
            models.CheckConstraint(
                condition=Q(kind=PairKind.LEXICAL, model="") | (Q(kind=PairKind.EMBEDDING) & ~Q(model="")),
                name="pair_names_its_model",
            ),
            models.CheckConstraint(
                condition=Q(state=PairState.OPEN, decided_at=None, decided_by=None)
                | (~Q(state=PairState.OPEN) & Q(decided_at__isnull=False)),
                name="pair_decision_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(state=PairState.DISMISSED) | (~Q(reason="") & Q(decided_by__isnull=False)),
                name="pair_dismissal_has_its_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"pair {self.pk}"


class EmbedderReport(models.Model):
    """What the worker last said of one value of DUPLICATE_EMBEDDER: the pages tell it without loading the model."""

    setting = models.CharField(max_length=500, unique=True)
    model = models.CharField(max_length=100, blank=True)
    dimensions = models.PositiveIntegerField(default=0)
    languages = ArrayField(models.CharField(max_length=12), null=True)  # none: any
    problem = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.model or "no model"
