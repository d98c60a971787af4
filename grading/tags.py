"""The tag of the model test panel, by which a page that asks again learns whether anything has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from grading.models import DifficultyCheck, Prediction
from questions.models import Question

TAGGED = (
    "panel",
    "draw",
    "model",
    "state",
    "fence",
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
        facts += sorted(str(_fact(row)) for row in answers if row.draw == 0 and row.panel_id == check.panel_id)
    return '"' + hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:32] + '"'


def _fact(row: Prediction) -> tuple[Any, ...]:
    contest = getattr(row, "contest", None)
    seen = (row.model_id, row.state, row.fence, row.outcome, row.verdict, row.due_at, row.answered_at)
    return (*seen, contest and (contest.pk, contest.is_upheld))
