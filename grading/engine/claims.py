"""Claim due predictions by compare-and-set: of two claims of one row, one wins; a second finds nothing."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Prefetch
from django.db.models.functions import Now

from grading import spending
from grading.checks import Key
from grading.enums import CheckStatus, LedgerState, OutcomeKind, PredictionState
from grading.models import DifficultyCheck, Judgement, Ledger, Prediction


class Claimed(NamedTuple):
    """Rows that this worker now holds, and the texts for which the claim found an answer lost for good."""

    rows: list[Prediction]
    lost: set[Key]


# A row is free when nobody holds it, when its worker is dead, or when this very process has lost track of it.
# Contributors take turns (`place`), so that nobody's hundred questions delay another's one.
# A provider whose circuit is open is sent one row, as a probe.
# A row that was asked and has no result is ambiguous: asked again once, then left to a person.
_CLAIM = """
WITH free AS (
    SELECT p.id, row_number() OVER (PARTITION BY q.contributor_id ORDER BY p.due_at, p.wave, p.position) AS place, p.due_at
    FROM grading_prediction p
    JOIN grading_modelspec m ON m.id = p.model_id
    JOIN grading_provider v ON v.id = m.provider_id
    JOIN questions_revision r ON r.id = p.revision_id
    JOIN questions_question q ON q.id = r.question_id
    LEFT JOIN grading_worker w ON w.id = p.worker_id
    WHERE p.state IN ('waiting', 'asked', 'answered') AND p.due_at <= clock_timestamp()
      AND {is_free}
      AND (p.state <> 'waiting' OR (
            v.is_active AND (v.paused_until IS NULL OR v.paused_until <= clock_timestamp())
            AND (v.paused_reason = '' OR p.id = ({probe}))
            AND (v.is_simulated OR v.id = ANY(%(payable)s))))
), locked AS (
    SELECT p.id FROM grading_prediction p JOIN free USING (id)
    LEFT JOIN grading_worker w ON w.id = p.worker_id
    WHERE p.state IN ('waiting', 'asked', 'answered') AND p.due_at <= clock_timestamp() AND {is_free}
    ORDER BY free.place, free.due_at
    LIMIT %(limit)s
    FOR UPDATE OF p SKIP LOCKED
)
UPDATE grading_prediction p SET
    fence = p.fence + 1,
    worker_id = CASE WHEN {is_lost} THEN NULL ELSE %(worker)s END,
    state = CASE WHEN {is_lost} THEN 'unscored' WHEN p.state = 'asked' THEN 'waiting' ELSE p.state END,
    outcome = CASE WHEN {is_lost} THEN 'ambiguous' ELSE p.outcome END,
    outcome_detail = CASE WHEN {is_lost} THEN 'the worker died twice' ELSE p.outcome_detail END,
    outcome_counts = CASE WHEN p.state = 'asked'
        THEN jsonb_set(p.outcome_counts, '{{ambiguous}}', to_jsonb({ambiguous} + 1)) ELSE p.outcome_counts END
FROM locked WHERE p.id = locked.id
RETURNING p.id, p.state, p.tested_hash, p.panel_id
"""
_AMBIGUOUS = "COALESCE((p.outcome_counts ->> 'ambiguous')::int, 0)"
_PARTS = {
    "ambiguous": _AMBIGUOUS,
    "probe": """SELECT probe.id FROM grading_prediction probe JOIN grading_modelspec asked ON asked.id = probe.model_id
                WHERE asked.provider_id = v.id AND probe.state = 'waiting' AND probe.due_at <= clock_timestamp()
                ORDER BY probe.due_at LIMIT 1""",
    "is_lost": f"(p.state = 'asked' AND {_AMBIGUOUS} >= 1)",
    "is_free": """(p.worker_id IS NULL OR w.stopped_at IS NOT NULL
        OR w.beat_at < clock_timestamp() - %(dead_after_s)s * interval '1 second'
        OR (p.worker_id = %(worker)s AND NOT p.id = ANY(%(flying)s::uuid[])))""",
}
CLAIM = _CLAIM.format(**_PARTS)

NEXT_DUE = """
SELECT EXTRACT(EPOCH FROM MIN(GREATEST(p.due_at, COALESCE(v.paused_until, p.due_at))) - clock_timestamp())
FROM grading_prediction p
JOIN grading_modelspec m ON m.id = p.model_id
JOIN grading_provider v ON v.id = m.provider_id
WHERE p.state IN ('waiting', 'answered') AND p.worker_id IS NULL
  AND v.is_active AND (v.is_simulated OR v.id = ANY(%(payable)s) OR p.state = 'answered')
"""


def claim(worker_id: uuid.UUID, limit: int, flying: Collection[uuid.UUID] = ()) -> Claimed:
    """Take up to `limit` due rows for this worker and load all that their calls need.

    `flying` are the rows that it is working on; others in its name were lost with a thread and are free.
    """
    values = {
        "worker": worker_id,
        "limit": limit,
        "flying": [str(pk) for pk in flying],
        "payable": spending.payable_providers(),
        "dead_after_s": settings.WORKER_DEAD_AFTER_S,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        found = cursor.fetchall()
        taken = [pk for pk, *_rest in found]
        if taken:
            _note_lost_calls(taken)
            _mark_running({tested_hash for _pk, _state, tested_hash, _panel in found})
    lost = {Key(tested_hash, panel) for _pk, state, tested_hash, panel in found if state == PredictionState.UNSCORED}
    held = [pk for pk, state, *_rest in found if state != PredictionState.UNSCORED]
    return Claimed(_load(held), lost)


def next_due_s() -> float | None:
    """Seconds until the next free row is due, negative when one is; None without any."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_DUE, {"payable": spending.payable_providers()})
        seconds = cursor.fetchone()[0]
    return None if seconds is None else float(seconds)


def _note_lost_calls(taken: list[uuid.UUID]) -> None:
    """Calls of these rows that have no result went out with a worker that died: perhaps billed, reply unknown."""
    Ledger.objects.filter(prediction__in=taken, state=LedgerState.RESERVED).update(state=LedgerState.AMBIGUOUS)
    Judgement.objects.filter(prediction__in=taken, answered_at=None, outcome="").update(
        outcome=OutcomeKind.AMBIGUOUS, outcome_detail="the worker died"
    )


def _mark_running(hashes: set[str]) -> None:
    DifficultyCheck.objects.filter(tested_hash__in=hashes, status=CheckStatus.QUEUED).update(
        status=CheckStatus.RUNNING, started_at=Now()
    )


def _load(taken: list[uuid.UUID]) -> list[Prediction]:
    rows = (
        Prediction.objects.filter(pk__in=taken)
        .select_related(
            "model__provider",
            "panel__judge__provider",
            "panel__second_judge__provider",
            "revision__image",
            "revision__question__contributor",
        )
        .prefetch_related(Prefetch("judgements", queryset=Judgement.objects.order_by("asked_at"), to_attr="judged"))
    )
    return list(rows)
