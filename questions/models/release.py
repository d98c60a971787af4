"""Releases: the frozen rows that exports are made of, and reports against them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from questions.enums import ErratumStatus, ItemChange, ReleaseStatus, Split
from questions.models.call import Call
from questions.models.question import Attachment, Question, Revision
from questions.querysets import ReleaseItemQuerySet, ReleaseQuerySet

User = settings.AUTH_USER_MODEL


class Release(models.Model):
    """A numbered version of the dataset. Frozen by one organiser, published by another, never changed afterwards."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.CharField(_("version"), max_length=20, unique=True)
    title = models.CharField(_("title"), max_length=200)
    notes = models.TextField(_("public notes"), blank=True)
    status = models.CharField(max_length=12, choices=ReleaseStatus.choices, default=ReleaseStatus.DRAFT)
    is_demonstration = models.BooleanField(_("demonstration"), default=False)
    calls = models.ManyToManyField(Call, related_name="releases")
    previous = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="next")
    canary = models.CharField(max_length=80, blank=True)
    licence = models.CharField(max_length=60, default="MIT")
    licence_version = models.CharField(max_length=20, blank=True)
    card = models.TextField(blank=True)
    rows_hash = models.CharField(max_length=64, blank=True)
    manifest = models.JSONField(default=dict, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)  # vouches for the manifest itself
    held_out = models.JSONField(default=dict, blank=True)  # canary, prefix and manifest of the other split
    facts = models.JSONField(default=dict, blank=True)  # titles of the calls, date, version before: for the card
    prefix = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    frozen_at = models.DateTimeField(null=True)
    frozen_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    built_at = models.DateTimeField(null=True)
    build_failed_at = models.DateTimeField(null=True)
    build_problem = models.TextField(blank=True)  # names files, ids and columns, never their content
    published_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    yanked_at = models.DateTimeField(null=True)
    yank_reason = models.TextField(blank=True)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=ReleaseStatus.values), name="release_status_known"),
            models.CheckConstraint(
                condition=Q(published_by=None) | ~Q(published_by=F("frozen_by")), name="publication_needs_two_people"
            ),
            models.CheckConstraint(
                condition=Q(published_at=None, published_by=None)
                | Q(published_at__isnull=False, published_by__isnull=False),
                name="published_at_with_by",
            ),
            models.CheckConstraint(
                condition=Q(frozen_at=None, frozen_by=None) | Q(frozen_at__isnull=False, frozen_by__isnull=False),
                name="frozen_at_with_by",
            ),
            models.UniqueConstraint(fields=["status"], condition=Q(status="frozen"), name="one_frozen_release"),
            models.UniqueConstraint(
                fields=["status", "is_demonstration"], condition=Q(status="published"), name="one_published_release"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.version}"


class HoldBack(models.Model):
    """A question that an organiser keeps out of one release, with an internal reason."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="hold_backs")
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(_("reason"), max_length=300)
    held_at = models.DateTimeField(default=timezone.now)
    held_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "question"], name="held_back_once")]

    def __str__(self) -> str:
        return f"{self.question_id} out of {self.release_id}"


class ReleaseItem(models.Model):
    """One question in one release: everything that an export needs, stored at the freeze."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="items")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="release_items")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    public_id = models.CharField(max_length=24)
    split = models.CharField(max_length=8, choices=Split.choices)
    row = models.JSONField(default=dict)
    row_hash = models.CharField(max_length=64, blank=True)
    field_hashes = models.JSONField(default=dict)  # column -> hash, compared with the next release
    image = models.ForeignKey(Attachment, null=True, on_delete=models.PROTECT, related_name="+")
    rationale_image = models.ForeignKey(Attachment, null=True, on_delete=models.PROTECT, related_name="+")
    evidence = models.JSONField(default=dict)
    change = models.CharField(max_length=8, choices=ItemChange.choices, default=ItemChange.ADD)
    change_reason = models.CharField(max_length=300, blank=True)
    changed_fields = models.JSONField(default=list)
    is_tombstone = models.BooleanField(default=False)
    is_label_new = models.BooleanField(default=False)  # a discarded freeze takes its new labels back

    objects = ReleaseItemQuerySet.as_manager()

    class Meta:
        ordering = ["release", "public_id"]
        constraints = [
            models.UniqueConstraint(fields=["release", "question"], name="question_once_in_a_release"),
            models.UniqueConstraint(fields=["release", "public_id"], name="public_id_once_in_a_release"),
        ]

    def __str__(self) -> str:
        return self.public_id


class Erratum(models.Model):
    """A report that something in a released question is wrong."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item = models.ForeignKey(ReleaseItem, on_delete=models.PROTECT, related_name="errata")
    status = models.CharField(max_length=12, choices=ErratumStatus.choices, default=ErratumStatus.REPORTED)
    text = models.TextField(_("what is wrong"))
    reported_at = models.DateTimeField(default=timezone.now)
    reported_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    resolution = models.TextField(blank=True)
    resolved_in = models.ForeignKey(Release, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-reported_at"]
        verbose_name_plural = "errata"

    def __str__(self) -> str:
        return f"erratum {self.status}"
