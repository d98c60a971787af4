"""Claim due predictions by compare-and-set: of two claims of one row, one wins; a second finds nothing."""

# ruff: noqa: S608 - put together from the constants of this file; values travel apart

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from grading import spending
from grading.checks import Key
from grading.enums import LedgerState, OutcomeKind, PredictionState
from grading.models import Judgement, Ledger, ModelSpec, Panel, Prediction
from questions.models import Revision

AT_ONCE = 500  # rows in one claim: more would need memory for all their texts at once
LOOK_AHEAD = 4_096  # rows whose order is looked up at a time, by one pass over the whole queue
LOOK_SHARE = 10  # the order is good for so many times as long as it took to find
OF_REVISION = ("prompt", "options", "answer", "answer_type", "image", "question__contributor_id")


class Claimed(NamedTuple):
    """Rows that this worker now holds, and the texts for which the claim found an answer lost for good."""

    rows: list[Prediction]
    lost: set[Key]


# A row is free when nobody holds it, when its worker is dead, or when this very process has lost track of it.
# A provider whose circuit is open is sent one row, as a probe.
_FREE = """p.state IN ('waiting', 'asked', 'answered') AND p.due_at <= clock_timestamp()
    AND (p.worker_id IS NULL OR w.stopped_at IS NOT NULL
        OR w.beat_at < clock_timestamp() - %(dead_after_s)s * interval '1 second'
        OR (%(has_lost)s AND p.worker_id = %(worker)s AND NOT p.id = ANY(%(flying)s::uuid[])))"""
_MAY_BE_ASKED = """(p.state <> 'waiting' OR (
    v.is_active AND (v.paused_until IS NULL OR v.paused_until <= clock_timestamp())
    AND (v.paused_reason = '' OR p.id = (
        SELECT probe.id FROM grading_prediction probe JOIN grading_modelspec asked ON asked.id = probe.model_id
        WHERE asked.provider_id = v.id AND probe.state = 'waiting' AND probe.due_at <= clock_timestamp()
        ORDER BY probe.due_at LIMIT 1))
    AND (v.is_simulated OR v.id = ANY(%(payable)s))))"""

# Contributors take turns (`place`), so that nobody's hundred questions delay another's one. This looks at the whole queue.
ORDER = f"""
SELECT id FROM (
    SELECT p.id, row_number() OVER (PARTITION BY q.contributor_id ORDER BY p.due_at, p.wave, p.position) AS place, p.due_at
    FROM grading_prediction p
    JOIN grading_modelspec m ON m.id = p.model_id
    JOIN grading_provider v ON v.id = m.provider_id
    JOIN questions_revision r ON r.id = p.revision_id
    JOIN questions_question q ON q.id = r.question_id
    LEFT JOIN grading_worker w ON w.id = p.worker_id
    WHERE {_FREE} AND {_MAY_BE_ASKED}) AS free
ORDER BY place, due_at
LIMIT %(looked_at)s
"""

# A row that was asked and has no result is ambiguous: asked again once, then left to a person.
_AMBIGUOUS = "COALESCE((p.outcome_counts ->> 'ambiguous')::int, 0)"
_IS_LOST = f"(p.state = 'asked' AND {_AMBIGUOUS} >= 1)"
TAKE = f"""
WITH locked AS (
    SELECT p.id FROM unnest(%(ids)s::uuid[]) AS wanted(id) JOIN grading_prediction p USING (id)
    LEFT JOIN grading_worker w ON w.id = p.worker_id
    WHERE {_FREE}
    FOR UPDATE OF p SKIP LOCKED)
UPDATE grading_prediction p SET
    fence = p.fence + 1,
    worker_id = CASE WHEN {_IS_LOST} THEN NULL ELSE %(worker)s END,
    state = CASE WHEN {_IS_LOST} THEN 'unscored' WHEN p.state = 'asked' THEN 'waiting' ELSE p.state END,
    outcome = CASE WHEN {_IS_LOST} THEN 'ambiguous' ELSE p.outcome END,
    outcome_detail = CASE WHEN {_IS_LOST} THEN 'the worker died twice' ELSE p.outcome_detail END,
    outcome_counts = CASE WHEN p.state = 'asked'
        THEN jsonb_set(p.outcome_counts, '{{ambiguous}}', to_jsonb({_AMBIGUOUS} + 1)) ELSE p.outcome_counts END
FROM locked WHERE p.id = locked.id
RETURNING p.*
"""

MARK_RUNNING = """
UPDATE grading_difficultycheck SET status = 'running', started_at = statement_timestamp()
WHERE status = 'queued' AND tested_hash = ANY(%(hashes)s)
"""

NEXT_DUE = """
SELECT EXTRACT(EPOCH FROM MIN(GREATEST(p.due_at, COALESCE(v.paused_until, p.due_at))) - clock_timestamp())
FROM grading_prediction p
JOIN grading_modelspec m ON m.id = p.model_id
JOIN grading_provider v ON v.id = m.provider_id
WHERE p.state IN ('waiting', 'answered') AND p.worker_id IS NULL
  AND v.is_active AND (v.is_simulated OR v.id = ANY(%(payable)s) OR p.state = 'answered')
"""


class Turns:
    """The order in which a worker takes due rows, looked up in the whole queue at most for a part of the time."""

    def __init__(self, worker_id: uuid.UUID) -> None:
        self.worker_id = worker_id
        self._ids: list[uuid.UUID] = []
        self._is_whole = True  # nothing is due beyond the known ids
        self._good_until = 0.0

    @property
    def has_more(self) -> bool:
        """True while rows were due that the last claim left."""
        return bool(self._ids) or not self._is_whole

    def claim(self, limit: int, flying: Collection[uuid.UUID] | None = None) -> Claimed:
        """Take up to `limit` due rows and load all that their calls need.

        `flying` are the rows that the worker is working on: others in its name were lost with a thread and are free. None
        where none can be.
        """
        values = {
            "worker": self.worker_id,
            "has_lost": flying is not None,
            "flying": [str(pk) for pk in flying or ()],
            "dead_after_s": settings.WORKER_DEAD_AFTER_S,
        }
        if flying is not None or not self._ids or time.monotonic() > self._good_until:
            self._look(values)
        limit = min(limit, AT_ONCE)
        wanted, self._ids = self._ids[:limit], self._ids[limit:]
        return _take(values | {"ids": [str(pk) for pk in wanted]}) if wanted else Claimed([], set())

    def _look(self, values: dict[str, Any]) -> None:
        started = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(ORDER, values | {"looked_at": LOOK_AHEAD, "payable": spending.payable_providers()})
            self._ids = [pk for (pk,) in cursor.fetchall()]
        self._is_whole = len(self._ids) < LOOK_AHEAD
        self._good_until = time.monotonic() + LOOK_SHARE * (time.monotonic() - started)


def claim(worker_id: uuid.UUID, limit: int, flying: Collection[uuid.UUID] = ()) -> Claimed:
    """Take up to `limit` due rows for a worker whose order of turns nobody keeps."""
    return Turns(worker_id).claim(limit, flying)


def next_due_s() -> float | None:
    """Seconds until the next free row is due, negative when one is; None without any."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_DUE, {"payable": spending.payable_providers()})
        seconds = cursor.fetchone()[0]
    return None if seconds is None else float(seconds)


def _take(values: dict[str, Any]) -> Claimed:
    with transaction.atomic():
        taken = list(Prediction.objects.raw(TAKE, values))
        asked_before = [row.pk for row in taken if row.tries]
        if asked_before:
            note_lost_calls(asked_before)
        if taken:
            _mark_running({row.tested_hash for row in taken})
    lost = {Key(row.tested_hash, row.panel_id) for row in taken if row.state == PredictionState.UNSCORED}
    return Claimed(_load([row for row in taken if row.state != PredictionState.UNSCORED]), lost)


def note_lost_calls(taken: list[uuid.UUID]) -> None:
    """Mark the calls of these rows that have no result as perhaps billed: who made them died, or could not store what came."""
    Ledger.objects.filter(prediction__in=taken, state=LedgerState.RESERVED).update(state=LedgerState.AMBIGUOUS)
    Judgement.objects.filter(prediction__in=taken, answered_at=None, outcome="").update(
        outcome=OutcomeKind.AMBIGUOUS, outcome_detail="the reply was lost"
    )


def _mark_running(hashes: set[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MARK_RUNNING, {"hashes": list(hashes)})


def _load(rows: list[Prediction]) -> list[Prediction]:
    """Hang beside each row what its call needs: a few look-ups for all of them, each thing once."""
    if not rows:
        return rows
    revisions = Revision.objects.select_related("image", "question").only(*OF_REVISION)
    by_pk = {revision.pk: revision for revision in revisions.filter(pk__in={row.revision_id for row in rows})}
    models = {model.pk: model for model in ModelSpec.objects.select_related("provider").order_by()}
    panels = {panel.pk: panel for panel in Panel.objects.filter(pk__in={row.panel_id for row in rows})}
    for panel in panels.values():
        panel.judge, panel.second_judge = models[panel.judge_id], models.get(panel.second_judge_id)
    judged = _judged([row.pk for row in rows if row.tries])
    for row in rows:
        row.revision, row.model, row.panel = by_pk[row.revision_id], models[row.model_id], panels[row.panel_id]
        row.judged = judged.get(row.pk, [])
    return rows


def _judged(asked_before: list[uuid.UUID]) -> dict[uuid.UUID, list[Judgement]]:
    found: dict[uuid.UUID, list[Judgement]] = {}
    if asked_before:
        for judgement in Judgement.objects.filter(prediction__in=asked_before).order_by("asked_at"):
            found.setdefault(judgement.prediction_id, []).append(judgement)
    return found
