"""What waits for organisers, over the questions that the reader may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet, prefetch_related_objects
from django.urls import reverse
from django.utils.translation import gettext as _

from questions.enums import Status
from questions.models import Question
from questions.querysets import denied, newest_revisions
from review.enums import ACTIVE_ASSIGNMENTS, AppealStatus, AssignmentStatus
from review.models import Appeal, BlindSolve, Recommendation, Retraction, Round

SHOWN = 30


@dataclass(frozen=True)
class DeskRow:
    """One question on the organisers' desk."""

    handle: str
    url: str
    category: str
    subject: str
    since: datetime
    what: str
    recommendation: str = ""
    hue: str = ""
    note: str = ""


@dataclass(frozen=True)
class DeskList:
    """One list of the desk."""

    title: Any
    empty: Any
    rows: list[DeskRow]


def lists(user: Any) -> list[DeskList]:
    """Return what waits for organisers, oldest first, over the questions that the reader may see."""
    readable = _not_denied(user)
    found = [
        (_("Awaiting a decision"), _("No question waits for a decision."), _decisions(readable)),
        (_("Appeals"), _("No appeal is open."), _appeals(readable)),
        (_("Retractions to confirm"), _("No retraction is proposed."), _retractions(readable)),
        (_("Answers to compare"), _("Every recorded answer is compared with its key."), _uncompared(readable)),
        (_("Rounds without enough reviewers"), _("Every open round has its reviewers."), _understaffed(readable)),
    ]
    prefetch_related_objects([row.question for *_words, rows in found for row in rows], newest_revisions())
    return [DeskList(title, empty, [_row(*row) for row in rows]) for title, empty, rows in found]


def _not_denied(user: Any) -> QuerySet[Question]:
    return Question.objects.visible_to(user).exclude(pk__in=Question.objects.filter(denied(user)).values("pk"))


class _Waiting(NamedTuple):
    question: Question
    since: datetime
    what: str
    recommendation: str = ""
    hue: str = ""
    note: str = ""


def _row(question: Question, since: datetime, what: str, recommendation: str, hue: str, note: str) -> DeskRow:
    revision = question.newest
    return DeskRow(
        handle=question.handle,
        url=reverse("review:question", args=[question.pk]),
        category=revision.get_category_display(),
        subject=revision.raw_subject,
        since=since,
        what=what,
        recommendation=recommendation,
        hue=hue,
        note=note,
    )


def _decisions(readable: QuerySet[Question]) -> list[_Waiting]:
    waiting = readable.filter(status=Status.AWAITING_DECISION).order_by("status_changed_at")[:SHOWN]
    recommendations = {
        row.round.question_id: row
        for row in Recommendation.objects.filter(round__question__in=[question.pk for question in waiting])
        .select_related("round")
        .order_by("round__number")
    }
    hues = {"approve": "good", "reject": "bad"}
    rows = []
    for question in waiting:
        found = recommendations.get(question.pk)
        rows.append(
            _Waiting(
                question,
                question.status_changed_at,
                _("Decide"),
                recommendation=found.get_outcome_display() if found else "",
                hue=hues.get(found.outcome, "neutral") if found else "",
            )
        )
    return rows


def _appeals(readable: QuerySet[Question]) -> list[_Waiting]:
    rows = Appeal.objects.filter(status=AppealStatus.OPEN, question__in=readable.values("pk"))
    return [
        _Waiting(row.question, row.filed_at, _("Answer the appeal")) for row in rows.select_related("question")[:SHOWN]
    ]


def _retractions(readable: QuerySet[Question]) -> list[_Waiting]:
    rows = Retraction.objects.filter(confirmed_at=None, question__in=readable.values("pk"))
    return [_Waiting(row.question, row.proposed_at, _("Confirm")) for row in rows.select_related("question")[:SHOWN]]


def _uncompared(readable: QuerySet[Question]) -> list[_Waiting]:
    rows = BlindSolve.objects.filter(
        matches_key=None,
        is_unsolved=False,
        assignment__status=AssignmentStatus.SUBMITTED,
        assignment__round__question__in=readable.filter(status__in=[Status.IN_REVIEW, Status.AWAITING_DECISION]).values(
            "pk"
        ),
    ).select_related("assignment__round__question")
    return [_Waiting(row.assignment.round.question, row.recorded_at, _("Compare by hand")) for row in rows[:SHOWN]]


def _understaffed(readable: QuerySet[Question]) -> list[_Waiting]:
    rounds = (
        Round.objects.open()
        .filter(question__in=readable.filter(status=Status.IN_REVIEW).values("pk"))
        .annotate(active=Count("assignments", filter=Q(assignments__status__in=ACTIVE_ASSIGNMENTS)))
        .select_related("question")
        .order_by("opened_at")[: SHOWN * 2]
    )
    return [
        _Waiting(
            round_.question,
            round_.opened_at,
            _("Invite"),
            note=_("%(round)s, %(active)d of %(quorum)d places taken")
            % {"round": round_.get_kind_display(), "active": round_.active, "quorum": round_.quorum},
        )
        for round_ in rounds
        if round_.active < round_.quorum
    ][:SHOWN]
