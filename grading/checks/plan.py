"""Which answers a check wants: open a wave, ask again, and want them no more."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from grading.checks.standing import TERMINAL
from grading.enums import CheckStatus, OutcomeKind, PredictionState
from grading.models import DifficultyCheck, PanelMember, Prediction


def open_wave(check: DifficultyCheck, members: Sequence[PanelMember], wave: int) -> bool:
    """Make the wave's rows due, and return whether all of them were scored before: an answer is never drawn again."""
    due = [member for member in members if member.wave == wave]
    Prediction.objects.bulk_create(
        [
            Prediction(
                tested_hash=check.tested_hash,
                revision=check.revision,
                panel_id=check.panel_id,
                model=member.model,
                wave=member.wave,
                position=member.position,
                option_seed=secrets.randbits(48),
            )
            for member in due
        ],
        ignore_conflicts=True,
    )
    known = Prediction.objects.filter(
        tested_hash=check.tested_hash, panel=check.panel_id, draw=0, model__in=[member.model_id for member in due]
    )
    known.filter(state=PredictionState.SKIPPED).update(state=PredictionState.WAITING, due_at=timezone.now())
    check.wave = wave
    check.status = CheckStatus.RUNNING if check.started_at else CheckStatus.QUEUED
    check.due_at = timezone.now()
    check.save(update_fields=["wave", "status", "due_at"])
    return known.filter(state__in=TERMINAL).count() == len(due)


def ask_again(rows: Any) -> None:
    """Make unscored predictions due: a stored complete answer goes to the judge again, all others to the model."""
    fresh = {"due_at": timezone.now(), "worker": None, "outcome_counts": {}, "verdict_reason": "", "outcome_detail": ""}
    rows.filter(outcome=OutcomeKind.ANSWER).update(state=PredictionState.ANSWERED, **fresh)
    rows.filter(state=PredictionState.UNSCORED).update(state=PredictionState.WAITING, outcome="", **fresh)


def rows(check: DifficultyCheck) -> Any:
    """Return the answers of a check's first draw."""
    return Prediction.objects.filter(tested_hash=check.tested_hash, panel=check.panel_id, draw=0)


def end(check: DifficultyCheck, status: str, reason: str) -> None:
    """End a live check. What it alone still waited for is marked as not needed."""
    check.status, check.outcome_reason, check.parked_reason, check.due_at = status, reason, "", None
    check.settled_at = timezone.now()
    check.save(update_fields=["status", "outcome_reason", "parked_reason", "due_at", "settled_at"])
    others = DifficultyCheck.objects.live().filter(tested_hash=check.tested_hash, panel=check.panel_id)
    if not others.exclude(pk=check.pk).exists():
        waiting = rows(check).filter(state=PredictionState.WAITING)
        waiting.update(state=PredictionState.SKIPPED, worker=None)
