"""Questions, their revisions, pictures and status changes."""

import hashlib
import json
import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hle_site import lookups
from hle_site.accounts.enums import Field
from questions.enums import Action, AnswerType, ReasonCode, Split, Status
from questions.models.call import Call
from questions.querysets import QuestionQuerySet

User = settings.AUTH_USER_MODEL

PROMPT_LENGTH = 30_000
ANSWER_LENGTH = 2_000
OPTION_LENGTH = 4_000
TEXT_LENGTH = 60_000


def _place(attachment: "Attachment", _filename: str) -> str:
    return f"pictures/{attachment.sha256[:2]}/{attachment.sha256}.{attachment.extension}"


class Attachment(models.Model):
    """A picture, re-encoded once at upload and addressed by its hash; the uploaded bytes are not kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sha256 = models.CharField(max_length=64)
    extension = models.CharField(max_length=4)
    media_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField()
    file = models.FileField(upload_to=_place)
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.sha256[:12]}.{self.extension}"


class ImportBatch(models.Model):
    """One run of the importer, by an organiser; its questions are exempt from tries and allowance."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    file_name = models.CharField(max_length=200)
    file_sha256 = models.CharField(max_length=64)
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    imported_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.file_name


class Question(models.Model):
    """One question through its whole life. `status` is written by `questions.workflow` only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="questions")
    contributor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="questions")
    maintainer = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="maintained_questions"
    )
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    status_changed_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, blank=True)
    original = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="duplicates")
    split = models.CharField(max_length=8, choices=Split.choices, blank=True)
    batch = models.ForeignKey(ImportBatch, null=True, blank=True, on_delete=models.PROTECT, related_name="questions")
    submitted_at = models.DateTimeField(null=True, blank=True)
    terms_version = models.CharField(max_length=20, blank=True)
    licence_version = models.CharField(max_length=20, blank=True)
    call_version = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["status", "status_changed_at"]),
            models.Index(fields=["contributor", "-created_at"]),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="status_known"),
            models.CheckConstraint(
                condition=Q(status=Status.DUPLICATE, original__isnull=False) | ~Q(status=Status.DUPLICATE),
                name="duplicate_names_its_original",
            ),
            models.CheckConstraint(condition=~Q(original=models.F("id")), name="not_its_own_original"),
        ]

    def __str__(self) -> str:
        return self.handle

    @property
    def handle(self) -> str:
        """A short name for people to say."""
        return f"Q-{self.id.hex[:6].upper()}"

    @property
    def newest(self) -> "Revision":
        """The newest revision; lists prefetch it as `newest_revisions`."""
        prefetched = getattr(self, "newest_revisions", None)
        if prefetched:
            return prefetched[0]
        return lookups.once(("newest revision", self.pk), lambda: self.revisions.order_by("-number")[0])

    @property
    def past(self) -> list["StatusChange"]:
        """All changes of status, oldest first."""
        changes = self.changes.select_related("revision")
        return lookups.once(("past", self.pk), lambda: list(changes))

    def standing(self, user: User) -> tuple[bool, bool]:
        """Whether the user may read the question, and whether no role opens it to them."""
        rows = Question.objects.filter(pk=self.pk).order_by()
        return lookups.once(("standing", user.pk, self.pk), lambda: rows.standing(user))

    def note_standing(self, user: User) -> None:
        """Let the rules use what `with_standing` may have loaded beside this question, where look-ups are shared."""
        if "is_readable" in self.__dict__:
            lookups.note(("standing", user.pk, self.pk), (bool(self.is_readable), bool(self.is_denied)))

    def note_newest(self, revision: "Revision") -> None:
        """Let everything use this newest revision, where look-ups are shared."""
        lookups.note(("newest revision", self.pk), revision)

    def is_owned_by(self, user: object) -> bool:
        """True for the contributor and for the maintainer who acts for them."""
        return getattr(user, "pk", None) in {self.contributor_id, self.maintainer_id} - {None}


class Revision(models.Model):
    """The exact text of a question at one time. A working copy until frozen; afterwards the database refuses changes."""

    TESTED = ("answer_type", "prompt", "options", "answer")
    SUPPORTING = (
        "image_alt",
        "language",
        "category",
        "raw_subject",
        "rationale",
        "sources",
        "ai_use_note",
        "conflict_note",
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    version = models.PositiveIntegerField(default=1)  # rises with each save of the working copy

    answer_type = models.CharField(
        _("answer type"), max_length=16, choices=AnswerType.choices, default=AnswerType.EXACT_MATCH
    )
    prompt = models.TextField(_("question"), validators=[MaxLengthValidator(PROMPT_LENGTH)], blank=True)
    options = ArrayField(models.TextField(), verbose_name=_("options"), default=list, blank=True)
    answer = models.TextField(_("answer"), validators=[MaxLengthValidator(ANSWER_LENGTH)], blank=True)
    image = models.ForeignKey(Attachment, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    image_alt = models.TextField(_("description of the picture"), validators=[MaxLengthValidator(2_000)], blank=True)
    language = models.CharField(_("language"), max_length=12, default="en")
    category = models.CharField(_("category"), max_length=40, choices=Field.choices, blank=True)
    raw_subject = models.CharField(_("subject"), max_length=120, blank=True)
    rationale = models.TextField(_("rationale"), validators=[MaxLengthValidator(TEXT_LENGTH)], blank=True)
    rationale_image = models.ForeignKey(Attachment, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    sources = models.TextField(_("sources"), validators=[MaxLengthValidator(TEXT_LENGTH)], blank=True)
    ai_use_note = models.TextField(_("use of AI tools"), validators=[MaxLengthValidator(2_000)], blank=True)
    conflict_note = models.TextField(_("conflicts of interest"), validators=[MaxLengthValidator(2_000)], blank=True)

    tested_hash = models.CharField(max_length=64, db_index=True, editable=False)
    supporting_hash = models.CharField(max_length=64, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    saved_at = models.DateTimeField(default=timezone.now)
    frozen_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["question", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["question", "number"], name="revision_number_once"),
            models.UniqueConstraint(fields=["question"], condition=Q(frozen_at=None), name="one_working_copy"),
            models.CheckConstraint(condition=Q(answer_type__in=AnswerType.values), name="answer_type_known"),
        ]

    def __str__(self) -> str:
        return f"revision {self.number}"

    def save(self, *args: object, **kwargs: object) -> None:
        """Save with both content hashes brought up to date."""
        self.tested_hash = self.compute_tested_hash()
        self.supporting_hash = self.compute_supporting_hash()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "tested_hash", "supporting_hash"}
        super().save(*args, **kwargs)

    def compute_tested_hash(self) -> str:
        """SHA-256 of what models are asked and compared with: type, prompt, options, key, picture."""
        part = {name: getattr(self, name) for name in self.TESTED}
        part["image"] = self.image.sha256 if self.image else ""
        return _hash(part)

    def compute_supporting_hash(self) -> str:
        """SHA-256 of what stands beside the tested part."""
        part = {name: getattr(self, name) for name in self.SUPPORTING}
        part["rationale_image"] = self.rationale_image.sha256 if self.rationale_image else ""
        return _hash(part)

    @property
    def is_choice(self) -> bool:
        """True for multiple choice."""
        return self.answer_type == AnswerType.MULTIPLE_CHOICE

    @property
    def lettered_options(self) -> list[tuple[str, str]]:
        """The options with their letters."""
        return [(chr(ord("A") + index), text) for index, text in enumerate(self.options)]


def _hash(part: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


class StatusChange(models.Model):
    """One transition that happened; the reaction table handles each row once."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="changes")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=20, choices=Action.choices)
    before = models.CharField(max_length=20, choices=Status.choices)
    after = models.CharField(max_length=20, choices=Status.choices)
    reason = models.TextField(blank=True)
    reason_code = models.CharField(max_length=12, choices=ReasonCode.choices, blank=True)
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    handled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["at"], condition=Q(handled_at=None), name="status_change_due")]

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}"
