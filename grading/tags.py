"""The tag of the model test panel, by which a page that asks again learns whether anything has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from grading.enums import PredictionState
from grading.models import DifficultyCheck, Prediction
from questions.models import Question

TAGGED = (
    "panel",
    "draw",
    "model",
    "state",
    "fence",
    "tries",
    "outcome",
    "verdict",
    "due_at",
    "answered_at",
    "contest__is_upheld",
)


def newest(question: Question, user: Any) -> str:
    """The tag of the panel as it is now, at the price of two small queries."""
    check = question.checks.order_by("-created_at").first()
    rows = Prediction.objects.filter(tested_hash=check.tested_hash).select_related("contest") if check else []
    return etag(question, user, check, rows.only(*TAGGED) if check else [])


def etag(question: Question, user: Any, check: DifficultyCheck | None, answers: Iterable[Prediction]) -> str:
    """A tag that changes when anything on the panel does, for this reader."""
    facts: list[Any] = [str(user.pk), question.status, user.has_perm("grading.view_answers", question)]
    if check is not None:
        facts += [str(check.pk), check.status, check.wave, check.parked_reason, str(check.due_at)]
        rows = [row for row in answers if row.draw == 0 and row.panel_id == check.panel_id]
        facts += sorted(str(_fact(row)) for row in rows)
        if check.is_live and any(map(is_queued, rows)):
            facts.append(timezone.now().replace(second=0, microsecond=0))  # the place in the queue moves on
    return '"' + hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:32] + '"'


def is_queued(row: Prediction) -> bool:
    """Whether this answer waits to be asked for, and for the first time."""
    return row.state == PredictionState.WAITING and not row.tries


def _fact(row: Prediction) -> tuple[Any, ...]:
    contest = getattr(row, "contest", None)
    seen = (row.model_id, row.state, row.fence, row.outcome, row.verdict, row.due_at, row.answered_at)
    return (*seen, contest and (contest.pk, contest.is_upheld))
