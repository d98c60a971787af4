"""What people do with questions: create, save, test, submit, withdraw. Pages, API, importer and seed all call these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site import uploads
from hle_site.accounts.enums import DocumentKind
from hle_site.accounts.models import Acceptance
from hle_site.audit import log
from questions import linter, workflow
from questions.enums import Action, Status
from questions.models import Attachment, Call, ImportBatch, Question, Revision, StatusChange
from questions.workflow import Refused

TESTED_FIELDS = (*Revision.TESTED, "image")
SUPPORTING_FIELDS = (*Revision.SUPPORTING, "rationale_image")


class EditConflict(Exception):
    """The working copy was saved elsewhere since it was read; nothing was overwritten."""

    def __init__(self, revision: Revision) -> None:
        super().__init__(
            _(
                "This question was saved in another window since you opened it. Your text was kept here; compare before saving again."
            )
        )
        self.revision = revision


def store_picture(*, data: bytes, by: Any) -> Attachment:
    """Check and re-encode an uploaded picture and store it by its hash. Raises uploads.RefusedPicture with a sentence."""
    picture = uploads.process(data)
    known = Attachment.objects.filter(sha256=picture.sha256, uploaded_by=by).first()
    if known:
        return known
    attachment = Attachment(
        sha256=picture.sha256,
        extension=picture.extension,
        media_type=picture.media_type,
        width=picture.width,
        height=picture.height,
        size_bytes=len(picture.bytes),
        uploaded_by=by,
    )
    twin = Attachment.objects.filter(sha256=picture.sha256).first()
    if twin:
        attachment.file.name = twin.file.name
    else:
        attachment.file.save("picture", ContentFile(picture.bytes), save=False)
    attachment.save()
    return attachment


@transaction.atomic
def create(
    *, call: Call, by: Any, content: Mapping[str, Any], batch: ImportBatch | None = None, pk: UUID | None = None
) -> Question:
    """Create a question as a draft with its first revision. A form that may be sent twice names the `pk` beforehand."""
    question = Question.objects.create(id=pk or uuid4(), call=call, contributor=by, batch=batch)
    Revision.objects.create(
        question=question, number=1, created_by=by, **_known(content, TESTED_FIELDS + SUPPORTING_FIELDS)
    )
    log.record("question.create", by=by, on=question, after=Status.DRAFT)
    return question


@transaction.atomic
def save(*, question: Question, by: Any, content: Mapping[str, Any], version: int | None = None) -> Revision:
    """Save the working copy: all of it in a draft, the supporting part only while eligible.

    `version` is the counter that the editor read; EditConflict is raised when another window has saved since.
    """
    _require(by, "questions.edit_question", question)
    locked = Question.objects.select_for_update().get(pk=question.pk)
    if locked.status not in {Status.DRAFT, Status.ELIGIBLE}:
        raise workflow.InvalidTransition(_("The text can be changed only in a draft. Choose “Revise” first."))
    fields = TESTED_FIELDS + SUPPORTING_FIELDS if locked.status == Status.DRAFT else SUPPORTING_FIELDS
    revision = _working_copy(locked, by=by)
    if version is not None and version != revision.version:
        raise EditConflict(revision)
    if any(
        getattr(revision, name) != value for name, value in _known(content, TESTED_FIELDS).items() if name not in fields
    ):
        raise workflow.InvalidTransition(_("What was tested can be changed only in a draft. Choose “Revise” first."))
    changed = [name for name, value in _known(content, fields).items() if _set(revision, name, value)]
    if changed:
        revision.version += 1
        revision.saved_at = timezone.now()
        revision.save(update_fields=[*changed, "version", "saved_at"])
    return revision


@transaction.atomic
def start_check(*, question: Question, by: Any, terms_version: str) -> StatusChange:
    """Freeze the working copy and let the panel answer it. Raises Refused with every reason that stands against it."""
    newest = _locked_newest(question)
    call = question.call
    if terms_version != call.contributor_terms.version:
        raise Refused(
            [
                _("Please read and accept the current contributor terms (version %s) first.")
                % call.contributor_terms.version
            ]
        )
    if (call.soft_deadline_at and timezone.now() > call.soft_deadline_at) or timezone.now() < call.opens_at:
        raise Refused([_("The call is not open for new tests now.")])
    found = linter.errors(newest, call)
    if found:
        raise Refused([finding.text for finding in found])
    Acceptance.objects.get_or_create(user=by, kind=DocumentKind.CONTRIBUTOR_TERMS, version=terms_version)
    change = workflow.advance(
        question,
        Action.START_CHECK,
        by=by,
        revision=newest,
        terms_version=terms_version,
        call_version=call.version,
        due_at=None,
    )
    freeze(newest)
    return change


@transaction.atomic
def cancel_check(*, question: Question, by: Any) -> StatusChange:
    """Stop the running check and open a working copy with the same text."""
    change = workflow.advance(question, Action.CANCEL_CHECK, by=by)
    _working_copy(question, by=by)
    return change


@transaction.atomic
def revise(*, question: Question, by: Any) -> Revision:
    """Open a working copy of the newest text; what was tested stays as it was."""
    workflow.advance(question, Action.REVISE, by=by)
    return _working_copy(question, by=by)


@transaction.atomic
def keep_check(*, question: Question, by: Any) -> StatusChange:
    """Go on without a new check, when the tested text is the same as that of a check that passed."""
    target = Status.IN_REVIEW if question.submitted_at else Status.ELIGIBLE
    newest = _locked_newest(question)
    change = workflow.advance(question, Action.KEEP_CHECK, by=by, to=target, revision=newest, due_at=None)
    freeze(newest)
    return change


@transaction.atomic
def submit_for_review(*, question: Question, by: Any, licence_version: str) -> StatusChange:
    """Hand the question to the reviewers: rationale, note on AI tools and licence are required."""
    newest = _locked_newest(question)
    missing = []
    if len(newest.rationale.strip()) < 30:
        missing.append(_("The rationale is missing or very short: show the steps that lead to the answer."))
    if not newest.ai_use_note.strip():
        missing.append(_("Say whether you used AI tools, and for what; “None” is a fine answer."))
    if licence_version != question.call.data_licence.version:
        missing.append(
            _("Please accept the licence of the released data (version %s).") % question.call.data_licence.version
        )
    deadline = question.call.hard_deadline_at
    if deadline and timezone.now() > deadline:
        missing.append(_("The deadline for submissions has passed on %s.") % deadline.strftime("%Y-%m-%d %H:%M UTC"))
    if missing:
        raise Refused(missing)
    change = workflow.advance(
        question,
        Action.SUBMIT_FOR_REVIEW,
        by=by,
        revision=newest,
        submitted_at=question.submitted_at or timezone.now(),
        licence_version=licence_version,
    )
    freeze(newest)
    return change


def withdraw(*, question: Question, by: Any, reason: str = "") -> StatusChange:
    """Take the question back. It stays readable for its contributor."""
    return workflow.advance(question, Action.WITHDRAW, by=by, reason=reason)


def mark_duplicate(*, question: Question, by: Any, original: Question, reason: str) -> StatusChange:
    """Close a question as a duplicate of another one."""
    if original.pk == question.pk:
        raise Refused([_("A question cannot be a duplicate of itself.")])
    return workflow.advance(
        question, Action.MARK_DUPLICATE, by=by, reason=reason, reason_code="duplicate", original=original
    )


def desk_reject(*, question: Question, by: Any, reason: str, reason_code: str) -> StatusChange:
    """Decline a question without a full review, with a coded reason."""
    return workflow.advance(question, Action.DESK_REJECT, by=by, reason=reason, reason_code=reason_code)


def override_check(*, question: Question, by: Any, reason: str) -> StatusChange:
    """Let a question pass although models solved it, with a reason."""
    if not reason.strip():
        raise Refused([_("Give a reason: it is logged and shown to the reviewers.")])
    return workflow.advance(question, Action.OVERRIDE_CHECK, by=by, reason=reason)


def freeze(revision: Revision) -> None:
    """Make a revision immutable; the database refuses changes from now on."""
    if revision.frozen_at is None:
        revision.frozen_at = timezone.now()
        revision.save(update_fields=["frozen_at"])


def _locked_newest(question: Question) -> Revision:
    """Return the newest revision as no autosave can change it before the end of this transaction."""
    Question.objects.select_for_update().get(pk=question.pk)
    return question.revisions.select_related("image", "rationale_image").order_by("-number")[0]


def _working_copy(question: Question, *, by: Any) -> Revision:
    newest = question.revisions.select_related("image", "rationale_image").order_by("-number").first()
    if newest.frozen_at is None:
        return newest
    copied = {name: getattr(newest, name) for name in TESTED_FIELDS + SUPPORTING_FIELDS}
    # the version goes on counting, so that a window opened before the revision still meets its conflict
    return Revision.objects.create(
        question=question, number=newest.number + 1, version=newest.version, created_by=by, **copied
    )


def plain_lines(text: str) -> str:
    """Return the text with plain line ends: its hash must not depend on whether it was typed, sent or imported."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _known(content: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: _kept(value) for name, value in content.items() if name in fields}


def _kept(value: Any) -> Any:
    if isinstance(value, list):
        return [plain_lines(text) for text in value]
    return plain_lines(value) if isinstance(value, str) else value


def _set(revision: Revision, name: str, value: Any) -> bool:
    if getattr(revision, name) == value:
        return False
    setattr(revision, name, value)
    return True


def _require(by: Any, permission: str, question: Question) -> None:
    if not by.has_perm(permission, question):
        raise PermissionDenied(permission)
