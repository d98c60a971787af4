"""Which answers a check wants: ask a wave or a round, ask again, and want them no more."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from grading.checks.standing import TERMINAL, Seat, seats_of
from grading.enums import CheckStatus, OutcomeKind, PredictionState
from grading.models import DifficultyCheck, Prediction


def ask(check: DifficultyCheck, seats: Sequence[Seat], *, draw: int) -> bool:
    """Make the rows of these seats due, and return whether all of them were scored before: an answer is never drawn again."""
    Prediction.objects.bulk_create(
        [
            Prediction(
                tested_hash=check.tested_hash,
                revision=check.revision,
                panel_id=check.panel_id,
                model=seat.model,
                wave=seat.wave,
                position=seat.position,
                draw=draw,
                option_seed=secrets.randbits(48),
            )
            for seat in seats
        ],
        ignore_conflicts=True,
    )
    known = Prediction.objects.filter(
        tested_hash=check.tested_hash,
        panel=check.panel_id,
        draw=draw,
        model__in=[seat.model.pk for seat in seats],
    )
    known.filter(state=PredictionState.SKIPPED).update(state=PredictionState.WAITING, due_at=timezone.now())
    # Of the further draws nothing shows before the decision, and so not here either.
    check.wave = max(seat.wave for seat in seats) if draw == 0 else check.wave
    check.status = CheckStatus.RUNNING if check.started_at else CheckStatus.QUEUED
    check.due_at = timezone.now()
    check.save(update_fields=["wave", "status", "due_at"])
    return known.filter(state__in=TERMINAL).count() == len(seats)


def ask_again(rows: Any) -> None:
    """Make unscored predictions due: a stored complete answer goes to the judge again, all others to the model."""
    fresh = {"due_at": timezone.now(), "worker": None, "outcome_counts": {}, "verdict_reason": "", "outcome_detail": ""}
    rows.filter(outcome=OutcomeKind.ANSWER).update(state=PredictionState.ANSWERED, **fresh)
    rows.filter(state=PredictionState.UNSCORED).update(state=PredictionState.WAITING, outcome="", **fresh)


def rows(check: DifficultyCheck) -> Any:
    """Return the answers that a check counts on: those of the models that it asks now, in all its draws."""
    return Prediction.objects.filter(
        tested_hash=check.tested_hash,
        panel=check.panel_id,
        draw__lte=check.confirmation_rounds,
        model__in=[seat.model.pk for seat in seats_of(check)],
    )


def end(check: DifficultyCheck, status: str, reason: str) -> None:
    """End a live check. What it alone still waited for is marked as not needed, unless it asks every model anyhow."""
    check.status, check.outcome_reason, check.parked_reason, check.due_at = status, reason, "", None
    check.settled_at = timezone.now()
    check.save(update_fields=["status", "outcome_reason", "parked_reason", "due_at", "settled_at"])
    if check.is_run_all and status != CheckStatus.CANCELLED:
        return
    others = DifficultyCheck.objects.live().filter(tested_hash=check.tested_hash, panel=check.panel_id)
    if not others.exclude(pk=check.pk).exists():
        waiting = rows(check).filter(state=PredictionState.WAITING)
        waiting.update(state=PredictionState.SKIPPED, worker=None)
