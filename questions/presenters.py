"""What pages of questions show, as plain values: who acts next, the way of a question, its history, its revisions side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, OuterRef
from django.db.models.functions import Cast, TruncDay
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hle_site import markup
from hle_site.audit.models import AuditEvent
from questions import guards, linter, workflow
from questions.enums import Action, ReasonCode, Status
from questions.models import Attachment, Question, Revision, StatusChange

READ = "question.read"
FIRST_WORDS = 140
OPENED_BY_OTHERS = (Status.DRAFT, Status.CHECKING, Status.TOO_EASY, Status.ELIGIBLE)


class Next(NamedTuple):
    """Who acts next, and what happens then; `is_owner` when it is the contributor."""

    who: Any
    what: Any
    is_owner: bool = False


YOU, PLATFORM, REVIEWERS = gettext_lazy("You"), gettext_lazy("The platform"), gettext_lazy("Reviewers")
ORGANISERS, CONTRIBUTOR, NOBODY = gettext_lazy("Organisers"), gettext_lazy("Contributor"), gettext_lazy("Nobody")

NEXT: dict[str, Next] = {
    Status.DRAFT: Next(YOU, gettext_lazy("Finish the text, then test it against models."), is_owner=True),
    Status.CHECKING: Next(
        PLATFORM,
        gettext_lazy(
            "Models are answering; a test mostly takes a few minutes. You may close this page: a notice follows."
        ),
    ),
    Status.TOO_EASY: Next(YOU, gettext_lazy("Read what the models said and make the question harder."), is_owner=True),
    Status.ELIGIBLE: Next(YOU, gettext_lazy("Add the rationale and submit the question for review."), is_owner=True),
    Status.IN_REVIEW: Next(
        REVIEWERS, gettext_lazy("Each reviewer has 14 days. You read all reviews of a round together, at its end.")
    ),
    Status.CHANGES_REQUESTED: Next(
        YOU, gettext_lazy("Read the feedback, revise the question, and send it back."), is_owner=True
    ),
    Status.AWAITING_DECISION: Next(ORGANISERS, gettext_lazy("The reviews are in. An organiser decides.")),
    Status.APPROVED: Next(NOBODY, gettext_lazy("It can become part of the next release.")),
    Status.REJECTED: Next(YOU, gettext_lazy("The reasons are below. You may appeal once."), is_owner=True),
    Status.DUPLICATE: Next(NOBODY, gettext_lazy("The question was closed as a duplicate. You may appeal once.")),
    Status.WITHDRAWN: Next(NOBODY, gettext_lazy("The question was withdrawn. You can still read it.")),
    Status.RETRACTED: Next(NOBODY, gettext_lazy("Releases from now on name the question without its text.")),
}

STEPS = (gettext_lazy("Write"), gettext_lazy("Test"), gettext_lazy("Rationale"), gettext_lazy("Review"),
         gettext_lazy("Decision"), gettext_lazy("Release"))  # fmt: skip
REACHED: dict[str, int] = {
    Status.DRAFT: 0,
    Status.CHECKING: 1,
    Status.TOO_EASY: 1,
    Status.ELIGIBLE: 2,
    Status.IN_REVIEW: 3,
    Status.CHANGES_REQUESTED: 3,
    Status.AWAITING_DECISION: 4,
    Status.APPROVED: 5,
    Status.REJECTED: 4,
    Status.DUPLICATE: 4,
    Status.RETRACTED: 5,
}
STOPPED = {Status.TOO_EASY, Status.REJECTED, Status.DUPLICATE, Status.RETRACTED, Status.WITHDRAWN}


@dataclass(frozen=True)
class QuestionRow:
    """One question in the contributor's list."""

    url: str
    handle: str
    title: str
    status: str
    next_who: Any
    is_mine: bool
    since_at: datetime
    is_day: bool
    due_at: datetime | None
    is_overdue: bool
    revision: int
    flags: list[Any]


def rows(questions: Iterable[Question], now: datetime) -> list[QuestionRow]:
    """Return the rows of a list; `questions` come from `for_list`."""
    return [_row(question, now) for question in questions]


def _row(question: Question, now: datetime) -> QuestionRow:
    newest, following = question.newest, NEXT[question.status]
    return QuestionRow(
        url=reverse("questions:detail", args=[question.pk]),
        handle=question.handle,
        title=first_words(newest.prompt),
        status=question.status,
        next_who=following.who,
        is_mine=following.is_owner,
        since_at=question.status_changed_at,
        is_day=is_moved_by_others(question),
        due_at=question.due_at if question.status == Status.CHANGES_REQUESTED else None,
        is_overdue=question.status == Status.CHANGES_REQUESTED and bool(question.due_at) and question.due_at < now,
        revision=newest.number,
        flags=flags(newest),
    )


def flags(revision: Revision) -> list[Any]:
    flags = [revision.get_answer_type_display()]
    if revision.category:
        flags.append(revision.get_category_display())
    if revision.image_id:
        flags.append(_("With picture"))
    if revision.language != "en":
        flags.append(revision.language)
    return flags


def first_words(prompt: str) -> str:
    """Return the beginning of a prompt on one line, without Markdown."""
    words = markup.plain(prompt[: 4 * FIRST_WORDS])
    if not words:
        return _("No text yet")
    return words if len(words) <= FIRST_WORDS else words[:FIRST_WORDS].rsplit(" ", 1)[0] + " …"


def is_moved_by_others(question: Question) -> bool:
    """True where people took the last step: the hour at which they did is nobody's business."""
    return question.status in {*Status} - {*OPENED_BY_OTHERS, Status.IN_REVIEW, Status.WITHDRAWN}


def steps(question: Question) -> list[dict[str, Any]]:
    """Return the way of a question for `components/steps.html`."""
    reached = REACHED.get(question.status, 3 if question.submitted_at else 0)
    state = "failed" if question.status in STOPPED else "current"
    return [
        {"label": label, "state": "done" if at < reached else state if at == reached else "todo"}
        for at, label in enumerate(STEPS)
    ]


class Button(NamedTuple):
    """One thing that the reader may do now."""

    label: Any
    url: str
    is_primary: bool = False
    is_danger: bool = False


# action -> page of its own; what is not here is done elsewhere or by the platform
PAGES: dict[str, str] = {
    Action.START_CHECK: "questions:check",
    Action.KEEP_CHECK: "questions:keep",
    Action.SUBMIT_FOR_REVIEW: "questions:support",
    Action.REVISE: "questions:revise",
    Action.CANCEL_CHECK: "questions:cancel",
    Action.WITHDRAW: "questions:withdraw",
}
LABELS = {Action.SUBMIT_FOR_REVIEW: gettext_lazy("Add rationale and submit")}
PRIMARY = {
    Status.TOO_EASY: Action.REVISE,
    Status.ELIGIBLE: Action.SUBMIT_FOR_REVIEW,
    Status.CHANGES_REQUESTED: Action.REVISE,
}


def buttons(question: Question, user: Any) -> list[Button]:
    """Return what the owner may do now, by the transition table; one of them is the primary one."""
    if not question.is_owned_by(user):
        return []
    open_to = [action for action in workflow.available_actions(question, user) if action in PAGES]
    if Action.KEEP_CHECK in open_to and not may_keep(question, user):
        open_to.remove(Action.KEEP_CHECK)
    found = [
        Button(
            LABELS.get(action, action.label),
            reverse(PAGES[action], args=[question.pk]),
            is_primary=PRIMARY.get(Status(question.status)) == action,
            is_danger=action in {Action.WITHDRAW, Action.CANCEL_CHECK},
        )
        for action in open_to
    ]
    if question.status == Status.DRAFT:
        edit = Button(_("Edit the question"), reverse("questions:edit", args=[question.pk]), is_primary=True)
        support = Button(_("Rationale and sources"), reverse("questions:support", args=[question.pk]))
        found = [edit, *found[:-1], support, *found[-1:]]
    return sorted(found, key=lambda button: (not button.is_primary, button.is_danger))


def may_keep(question: Question, user: Any) -> bool:
    """True when the earlier check holds for the present text, so that no new one is needed."""
    return question.status == Status.DRAFT and not guards.refusals(Action.KEEP_CHECK, question, user)


def findings(revision: Revision) -> list[linter.Finding]:
    """Return the remarks of the linter on a saved revision."""
    return linter.findings(revision, revision.question.call)


@dataclass(frozen=True)
class QuestionText:
    """A revision as it is read; key and supporting part are empty where the reader may not know them."""

    number: int
    prompt: str
    options: list[str]
    language: str
    image_url: str
    image_alt: str
    image_width: int
    image_height: int
    answer_type: str
    category: str
    subject: str
    correct: str = ""
    answer: str = ""
    supporting: list[tuple[Any, str]] = field(default_factory=list)
    rationale_image_url: str = ""


def picture_url(picture: Attachment | None) -> str:
    """Return where a picture is read, or nothing."""
    return reverse("questions:picture", args=[picture.pk]) if picture else ""


OPEN_WITH_KEY = ("rationale", "sources")
NOTES = {"ai_use_note": "questions.view_ai_note", "conflict_note": "questions.view_conflict_note"}


def beside(question: Question, user: Any) -> list[str]:
    """Return the fields of the supporting part that the user may read with the key."""
    return [*OPEN_WITH_KEY, *(name for name, needed in NOTES.items() if user.has_perm(needed, question))]


def question_text(
    revision: Revision, *, with_key: bool, beside: Iterable[str] = (*OPEN_WITH_KEY, *NOTES)
) -> QuestionText:
    """Return a revision for its reader: with the key, too, and with it what of the supporting part they may read."""
    image = revision.image
    body = QuestionText(
        number=revision.number,
        prompt=revision.prompt,
        options=list(revision.options) if revision.is_choice else [],
        language=revision.language,
        image_url=picture_url(image),
        image_alt=revision.image_alt,
        image_width=image.width if image else 0,
        image_height=image.height if image else 0,
        answer_type=revision.get_answer_type_display(),
        category=revision.get_category_display() if revision.category else "",
        subject=revision.raw_subject,
    )
    if not with_key:
        return body
    texts = [(_title(name), getattr(revision, name)) for name in beside]
    return QuestionText(
        **vars(body)
        | {
            "correct": revision.answer if revision.is_choice else "",
            "answer": "" if revision.is_choice else revision.answer,
            "supporting": [(label, text) for label, text in texts if text.strip()],
            "rationale_image_url": picture_url(revision.rationale_image),
        }
    )


def readable_revisions(question: Question, user: Any) -> list[Revision]:
    """Return the revisions that the reader may see, newest first.

    Owner, organisers and who was asked to look at it read all; everybody else only those that were once handed to reviewers.
    """
    found = question.revisions.select_related("image", "rationale_image").order_by("-number")
    if not (user.has_role("organiser") or user.has_perm("questions.view_unsubmitted", question)):
        return list(found.filter(pk__in=question.changes.filter(after=Status.IN_REVIEW).values("revision")))
    revisions = list(found)
    question.note_newest(revisions[0])
    return revisions


@dataclass(frozen=True)
class Event:
    """One line of the history for `components/timeline.html`; `is_day` hides the hour of other people's acts."""

    at: datetime
    title: Any
    actor: Any
    body: str = ""
    is_day: bool = False


SHOWN_REASONS = {Action.RETRACT, Action.WITHDRAW, Action.REJECT, Action.DESK_REJECT, Action.MARK_DUPLICATE}
BY_REVIEWERS = {Action.REQUEST_CHANGES, Action.RECOMMEND}


def history(question: Question, user: Any) -> list[Event]:
    """Return what happened to a question, newest first, without the name of anybody."""
    events = [_event(change, question, user) for change in question.past]
    is_owner = question.is_owned_by(user)
    created = Event(question.created_at, _("Written as a draft"), _owner_words(question, user), is_day=not is_owner)
    events.append(created)
    if is_owner:
        events += _reads(question)
    return sorted(events, key=lambda event: event.at, reverse=True)


def _event(change: StatusChange, question: Question, user: Any) -> Event:
    is_owners = change.by_id in {question.contributor_id, question.maintainer_id} - {None}
    if change.by_id is None and change.action not in BY_REVIEWERS:
        actor = PLATFORM
    elif is_owners:
        actor = _owner_words(question, user)
    else:
        actor = REVIEWERS if change.action in BY_REVIEWERS else ORGANISERS
    words = [_("Revision %(n)d") % {"n": change.revision.number}]
    if change.action in SHOWN_REASONS:
        words += [ReasonCode(change.reason_code).label] if change.reason_code else []
        words += [change.reason] if change.reason else []
    return Event(
        change.at,
        Status(change.after).label,
        actor,
        body=" · ".join(str(word) for word in words),
        is_day=actor not in {YOU, PLATFORM},
    )


def _owner_words(question: Question, user: Any) -> Any:
    return YOU if question.is_owned_by(user) else CONTRIBUTOR


def read_days() -> ArraySubquery:
    """Return what loads beside a question on which days (UTC) organisers read it, as `history` needs it for the owner."""
    reads = AuditEvent.objects.filter(action=READ, object_id=Cast(OuterRef("pk"), CharField()))
    days = reads.annotate(day=TruncDay("at", tzinfo=UTC)).order_by("day").values("day").distinct()
    return ArraySubquery(days)


def _reads(question: Question) -> list[Event]:
    days = (day.replace(tzinfo=UTC) for day in question.read_days)
    return [Event(day, _("Read by organisers"), ORGANISERS, is_day=True) for day in days]


class FieldDiff(NamedTuple):
    """One field of two revisions."""

    title: Any
    old: str
    new: str


COMPARED = ("prompt", "options", "answer_type", "answer", "image_alt", "category", "raw_subject", "language")


def differences(old: Revision, new: Revision, *, with_key: bool, beside: Iterable[str]) -> list[FieldDiff]:
    """Return the fields in which two revisions differ, key and supporting part only for who may know them."""
    names = [*COMPARED, *beside] if with_key else [name for name in COMPARED if name != "answer"]
    found = [FieldDiff(_title(name), shown(old, name), shown(new, name)) for name in names]
    pictures = [("image", _("Picture"))] + ([("rationale_image", _("Picture for the rationale"))] if with_key else [])
    for name, title in pictures:
        found.append(FieldDiff(title, _picture_words(getattr(old, name)), _picture_words(getattr(new, name))))
    return [diff for diff in found if diff.old != diff.new]


def _title(name: str) -> Any:
    return capfirst(str(Revision._meta.get_field(name).verbose_name))


def shown(source: Any, name: str) -> str:
    """Return one field of a revision or of typed values as text, options one to a line with their letters."""
    value = source.get(name, "") if isinstance(source, dict) else getattr(source, name)
    if name == "options":
        return "\n".join(f"{chr(ord('A') + at)}. {text}" for at, text in enumerate(value or []))
    return str(value)


def _picture_words(picture: Attachment | None) -> str:
    return f"{picture.width} × {picture.height} ({picture.sha256[:8]})" if picture else ""


def conflict(revision: Revision, typed: dict[str, Any]) -> list[FieldDiff]:
    """Return the fields in which what was typed here differs from what was saved elsewhere."""
    found = [FieldDiff(_title(name), shown(revision, name), shown(typed, name)) for name in typed]
    return [diff for diff in found if diff.old != diff.new]
