"""A call for questions: dates, terms, categories. Panel and rubrics attach to it by rows of later stages."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from hle_site.accounts.enums import DocumentKind, Field


class Terms(models.Model):
    """One numbered version of a document that people accept."""

    kind = models.CharField(max_length=20, choices=DocumentKind.choices)
    version = models.CharField(max_length=20)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["kind", "version"], name="terms_version_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"


def _english() -> list[str]:
    return ["en"]


class Call(models.Model):
    """An invitation to submit questions, with all that an organiser may tune. `version` rises with each change."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    is_default = models.BooleanField(default=False)
    opens_at = models.DateTimeField()
    soft_deadline_at = models.DateTimeField(null=True, blank=True)
    hard_deadline_at = models.DateTimeField(null=True, blank=True)
    contributor_terms = models.ForeignKey(Terms, on_delete=models.PROTECT, related_name="+")
    data_licence = models.ForeignKey(Terms, on_delete=models.PROTECT, related_name="+")
    languages = ArrayField(models.CharField(max_length=12), default=_english)
    min_options = models.PositiveSmallIntegerField(default=5)
    held_out_share = models.DecimalField(max_digits=4, decimal_places=3, default="0.100")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-opens_at"]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_call"),
            models.CheckConstraint(
                condition=Q(soft_deadline_at=None)
                | Q(hard_deadline_at=None)
                | Q(soft_deadline_at__lte=F("hard_deadline_at")),
                name="soft_before_hard",
            ),
            models.CheckConstraint(
                condition=Q(held_out_share__gte=0, held_out_share__lt=1), name="held_out_share_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Category(models.Model):
    """One of the eight categories in a call, perhaps with a quota."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="categories")
    name = models.CharField(max_length=40, choices=Field.choices)
    quota = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"
        constraints = [models.UniqueConstraint(fields=["call", "name"], name="category_once_in_a_call")]

    def __str__(self) -> str:
        return self.name
