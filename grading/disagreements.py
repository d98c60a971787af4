"""Answers that wait for a person: judges who differ or cannot be read, and verdicts that a later judgement does not share."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _

from grading.enums import JUDGE_DETAIL, CheckStatus, DecidedBy, JudgeSeat, OutcomeKind, PredictionState, Verdict
from grading.models import DifficultyCheck, Judgement, Prediction
from hle_site.accounts.enums import Role
from questions.models import Question
from questions.querysets import denied

MOST = 100
BY_ITSELF = [f"{JUDGE_DETAIL}{kind}" for kind in (OutcomeKind.THROTTLED, OutcomeKind.TRANSIENT)]


class Dispute(NamedTuple):
    """One answer, the question that it is about, why a person is needed, and since when."""

    prediction: Prediction
    question: Question
    why: str
    since: datetime

    @property
    def url(self) -> str:
        """Where it is decided."""
        return reverse("grading:judge", args=[self.question.pk, self.prediction.pk])


def needs_a_person(row: Prediction) -> bool:
    """True while a stored complete answer has no verdict, or one that a later judgement does not share."""
    is_undecided = row.outcome == OutcomeKind.ANSWER and row.state == PredictionState.UNSCORED
    return is_undecided or judged_otherwise().filter(pk=row.pk).exists()


def judged_otherwise() -> QuerySet[Prediction]:
    """Answers whose verdict, by comparison or judge, the newest readable judgement made later does not share."""
    again = Judgement.objects.filter(seat=JudgeSeat.AGAIN, is_correct__isnull=False)
    newest = again.filter(prediction=OuterRef("pk")).order_by("-answered_at")
    differs = Q(verdict=Verdict.CORRECT, again=False) | Q(verdict=Verdict.INCORRECT, again=True)
    return (
        Prediction.objects.filter(
            pk__in=again.values("prediction"),
            state=PredictionState.SETTLED,
            decided_by__in=[DecidedBy.MATCHER, DecidedBy.JUDGE],
        )
        .annotate(again=Subquery(newest.values("is_correct")[:1]), again_at=Subquery(newest.values("answered_at")[:1]))
        .filter(differs)
    )


def waiting_for(user: Any) -> list[Dispute]:
    """Return what this reader may decide, the oldest first; what the reader has a conflict with is not there."""
    mine = Question.objects.visible_to(user).exclude(pk__in=Question.objects.filter(denied(user)).values("pk"))
    found = sorted([*_undecided(mine), *_otherwise(mine)], key=lambda one: one.since)[:MOST]
    allowed = _allowed(user, {dispute.question.pk: dispute.question for dispute in found})
    return [dispute for dispute in found if dispute.question.pk in allowed]


def next_for(user: Any, *, after: Prediction) -> Dispute | None:
    """Return the dispute that comes after this one in the list, the first one behind the last."""
    found = waiting_for(user)
    at = next((at for at, dispute in enumerate(found) if dispute.prediction.pk == after.pk), None)
    others = found if at is None else [*found[at + 1 :], *found[:at]]
    return others[0] if others else None


def _undecided(questions: QuerySet[Question]) -> list[Dispute]:
    checks = {
        (check.tested_hash, check.panel_id): check
        for check in DifficultyCheck.objects.filter(status=CheckStatus.PARKED, question__in=questions).select_related(
            "question"
        )
    }
    rows = (
        Prediction.objects.filter(
            tested_hash__in={tested_hash for tested_hash, _panel in checks},
            state=PredictionState.UNSCORED,
            outcome=OutcomeKind.ANSWER,
        )
        .exclude(outcome_detail__in=BY_ITSELF)
        .select_related("model__provider")
        .defer("reply")
        .order_by("answered_at")[:MOST]
    )
    found = [(row, checks.get((row.tested_hash, row.panel_id))) for row in rows]
    return [
        Dispute(row, check.question, row.why_unscored, row.answered_at or check.created_at)
        for row, check in found
        if check
    ]


def _otherwise(questions: QuerySet[Question]) -> list[Dispute]:
    rows = judged_otherwise().filter(revision__question__in=questions)
    rows = rows.select_related("model__provider", "revision__question").defer("reply").order_by(F("again_at"))[:MOST]
    why = _("Judged again, otherwise")
    return [Dispute(row, row.revision.question, why, row.again_at) for row in rows]


def _allowed(user: Any, questions: dict[Any, Question]) -> set[Any]:
    """Who is an organiser and nothing else may decide all that is left; others may owe an own answer first."""
    if user.roles == {Role.ORGANISER}:
        return set(questions)
    return {pk for pk, question in questions.items() if user.has_perm("grading.judge_answer", question)}
