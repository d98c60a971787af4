"""Which answers a check wants: ask a wave or a round, ask again, and want them no more."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from grading.checks.standing import TERMINAL, Seat, seats_of
from grading.enums import CheckStatus, OutcomeKind, PredictionState
from grading.models import DifficultyCheck, Prediction

# Thousands of these are written in a day's rush, and to make each a model instance first takes longer than all else here.
INSERT = """
INSERT INTO grading_prediction (id, tested_hash, revision_id, panel_id, model_id, wave, position, draw, option_seed, state, due_at,
    fence, tries, outcome, outcome_detail, outcome_counts, reply, answer, verdict, verdict_reason, decided_by, rule)
SELECT gen_random_uuid(), r.*, 'waiting', clock_timestamp(), 0, 0, '', '', '{}', '', '', 'unscored', '', '', ''
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(tested_hash text, revision_id uuid, panel_id bigint, model_id bigint, wave int,
    position int, draw int, option_seed bigint)
ON CONFLICT DO NOTHING
"""


class Wanted(NamedTuple):
    """The answers that a check needs next: of whom, in which draw."""

    check: DifficultyCheck
    seats: Sequence[Seat]
    draw: int


def ask_all(wanted: Sequence[Wanted]) -> list[DifficultyCheck]:
    """Make the rows due, and return the checks of which all were scored before: an answer is never drawn again."""
    if not wanted:
        return []
    rows = [row for part in wanted for row in _rows(part)]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, {"rows": json.dumps(rows)})
        are_all_new = cursor.rowcount == len(rows)
    if are_all_new:
        _mark_asked(wanted)
        return []
    states = _states(wanted)
    skipped = [pk for found in states.values() for pk, state in found if state == PredictionState.SKIPPED]
    if skipped:
        Prediction.objects.filter(pk__in=skipped).update(state=PredictionState.WAITING, due_at=timezone.now())
    _mark_asked(wanted)
    return [
        part.check
        for part in wanted
        if len(part.seats) == sum(state in TERMINAL for _pk, state in states.get(_place(part), ()))
    ]


def _rows(part: Wanted) -> list[dict[str, Any]]:
    return [
        {
            "tested_hash": part.check.tested_hash,
            "revision_id": str(part.check.revision_id),
            "panel_id": part.check.panel_id,
            "model_id": seat.model.pk,
            "wave": seat.wave,
            "position": seat.position,
            "draw": part.draw,
            "option_seed": secrets.randbits(48),
        }
        for seat in part.seats
    ]


def _place(part: Wanted) -> tuple[str, int, int]:
    return part.check.tested_hash, part.check.panel_id, part.draw


def _states(wanted: Sequence[Wanted]) -> dict[tuple[str, int, int], list[tuple[Any, str]]]:
    """Key and state of the wanted rows, by text, panel and draw."""
    models = {_place(part): {seat.model.pk for seat in part.seats} for part in wanted}
    rows = Prediction.objects.filter(tested_hash__in={part.check.tested_hash for part in wanted})
    states: dict[tuple[str, int, int], list[tuple[Any, str]]] = {}
    for tested_hash, panel, draw, model, pk, state in rows.order_by().values_list(
        "tested_hash", "panel_id", "draw", "model_id", "pk", "state"
    ):
        if model in models.get((tested_hash, panel, draw), ()):
            states.setdefault((tested_hash, panel, draw), []).append((pk, state))
    return states


def _mark_asked(wanted: Sequence[Wanted]) -> None:
    now, alike = timezone.now(), {}
    for check, seats, draw in wanted:
        # Of the further draws nothing shows before the decision, and so not here either.
        check.wave = max(seat.wave for seat in seats) if draw == 0 else check.wave
        check.status = CheckStatus.RUNNING if check.started_at else CheckStatus.QUEUED
        check.due_at = now
        alike.setdefault((check.wave, check.status), []).append(check.pk)
    for (wave, status), pks in alike.items():
        DifficultyCheck.objects.filter(pk__in=pks).update(wave=wave, status=status, due_at=now)


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
    end_all([(check, reason)], status)


def end_all(ended: Sequence[tuple[DifficultyCheck, str]], status: str) -> None:
    """End live checks in the same way, each for its reason."""
    now = timezone.now()
    alike: dict[str, list[Any]] = {}
    for check, reason in ended:
        check.status, check.outcome_reason, check.parked_reason, check.due_at = status, reason, "", None
        check.settled_at = now
        alike.setdefault(reason, []).append(check.pk)
    for reason, pks in alike.items():
        DifficultyCheck.objects.filter(pk__in=pks).update(
            status=status, outcome_reason=reason, parked_reason="", due_at=None, settled_at=now
        )
    _skip_waiting([check for check, _reason in ended if not check.is_run_all or status == CheckStatus.CANCELLED])


def _skip_waiting(ended: Sequence[DifficultyCheck]) -> None:
    """Mark as not needed what these checks waited for, unless another live check waits for it."""
    hashes = {check.tested_hash for check in ended}
    waiting = Prediction.objects.filter(tested_hash__in=hashes, state=PredictionState.WAITING)
    waited_for = set(waiting.order_by().values_list("tested_hash", "panel_id"))
    live = set(DifficultyCheck.objects.live().filter(tested_hash__in=hashes).values_list("tested_hash", "panel_id"))
    for check in ended:
        if (check.tested_hash, check.panel_id) in waited_for - live:
            rows(check).filter(state=PredictionState.WAITING).update(state=PredictionState.SKIPPED, worker=None)
