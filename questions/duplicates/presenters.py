"""Pairs as values for their pages: rows of the list, the two sides of one pair, what the encoder is doing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from questions import presenters
from questions.duplicates import embedders, vectors
from questions.enums import Action, PairKind, PairState
from questions.models import ComparedText, DuplicatePair, EmbedderReport, Question, Revision
from questions.workflow import available_actions

HUES = {PairState.OPEN: "warn", PairState.DISMISSED: "neutral", PairState.CONFIRMED: "bad"}
ICONS = {PairState.OPEN: "flag", PairState.DISMISSED: "slash", PairState.CONFIRMED: "check"}


@dataclass(frozen=True)
class PairRow:
    """One pair in the list; no text of either question."""

    url: str
    handles: str
    percent: int
    kind: str
    is_by_meaning: bool
    languages: str
    subject: str
    is_one_person: bool
    state: str
    hue: str
    icon: str
    found_at: datetime


def for_list(pairs: QuerySet[DuplicatePair]) -> QuerySet[DuplicatePair]:
    """Load what rows show in one query."""
    related = ("first", "second", "first_revision", "second_revision")
    return pairs.select_related(*related)


def rows(pairs: Iterable[DuplicatePair]) -> list[PairRow]:
    """Return the rows of a list; `pairs` come from `for_list`."""
    return [_row(pair) for pair in pairs]


def _row(pair: DuplicatePair) -> PairRow:
    one, other = _ordered(pair)
    spoken = [one.language, other.language]
    return PairRow(
        url=reverse("duplicates:pair", args=[pair.pk]),
        handles=f"{one.question.handle} · {other.question.handle}",
        percent=round(pair.score * 100),
        kind=pair.get_kind_display(),
        is_by_meaning=pair.kind == PairKind.EMBEDDING,
        languages=spoken[0] if spoken[0] == spoken[1] else " – ".join(spoken),
        subject=one.get_category_display() or _("No category"),
        is_one_person=one.question.contributor_id == other.question.contributor_id,
        state=pair.get_state_display(),
        hue=HUES[PairState(pair.state)],
        icon=ICONS[PairState(pair.state)],
        found_at=pair.found_at,
    )


def _ordered(pair: DuplicatePair) -> list[Revision]:
    """Return the two texts with their questions, that of the older question first."""
    pair.first_revision.question, pair.second_revision.question = pair.first, pair.second
    return sorted((pair.first_revision, pair.second_revision), key=lambda text: (text.question.created_at, text.pk))


@dataclass(frozen=True)
class Side:
    """One of the two questions: where it stands, the text that was compared, and what may be done."""

    question: Question
    status: str
    title: str
    url: str
    text: presenters.QuestionText | None
    is_newest: bool
    mark_url: str = ""


def sides(pair: DuplicatePair, user: Any) -> list[Side]:
    """Return the two questions, the older first, each with the text that was compared where the reader may know that text."""
    texts = _ordered(pair)
    return [_side(text, other.question, user) for text, other in (texts, texts[::-1])]


def _side(text: Revision, other: Question, user: Any) -> Side:
    question = text.question
    readable = {row.tested_hash for row in presenters.readable_revisions(question, user)}
    may_mark = Action.MARK_DUPLICATE in available_actions(question, user)
    mark_url = reverse("review:act", args=[question.pk, Action.MARK_DUPLICATE]) + f"?original={other.handle}"
    return Side(
        question=question,
        status=question.status,
        title=text.raw_subject or question.handle,
        url=reverse("questions:detail", args=[question.pk]),
        text=presenters.question_text(text, with_key=False) if text.tested_hash in readable else None,
        is_newest=question.newest.tested_hash == text.tested_hash,
        mark_url=mark_url if may_mark else "",
    )


def is_logged(question: Question, user: Any) -> bool:
    """True where reading the text of a question is an event of its own: it has not been handed in yet, and it is not the own."""
    return question.status in presenters.OPENED_BY_OTHERS and not question.is_owned_by(user)


@dataclass(frozen=True)
class EncoderState:
    """What the search by meaning is doing, in words; `is_running` when a model has said that it works."""

    is_running: bool
    title: str
    body: str
    model: str = ""
    due: int = 0
    uncovered: int = 0


def encoder_state() -> EncoderState:
    """Return what the pages say of the search across languages, without loading a model."""
    setting = settings.DUPLICATE_EMBEDDER
    if not setting:
        return EncoderState(
            False,
            _("Only letters and words are compared"),
            _(
                "Copies that were translated are not found. Who runs the site can change that: DUPLICATE_EMBEDDER names a word list or an encoder, as the README says."
            ),
        )
    report = vectors.report_of(setting)
    problem = report.problem if report else embedders.problem_of(setting)
    if report is None or not report.model:
        body = problem or _("No worker of the queue “embeddings” has loaded it yet. Is one running?")
        return EncoderState(False, _("The encoder does not work yet; letters and words are compared"), body)
    return _state_of(report)


def _state_of(report: EmbedderReport) -> EncoderState:
    languages = None if report.languages is None else frozenset(report.languages)
    due = vectors.due(report.model, languages).count()
    uncovered = 0 if languages is None else ComparedText.objects.exclude(revision__language__in=languages).count()
    title = _("The encoder has a problem; some texts wait") if report.problem else _("Meaning is compared too")
    return EncoderState(not report.problem, title, report.problem, report.model, due, uncovered)
