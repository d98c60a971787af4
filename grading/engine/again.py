"""Judging stored answers once more: claim due judgements, ask their judge, store what it says. No verdict changes here.

Beside the pump, which is about predictions: a judgement of the seat `again` is its own job, with lease and fence. One row is one
call; where a reply cannot be used, the same statement that stores it plans the next. While the provider is away the job waits as
a parked check does, and goes on by itself.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Collection
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Prefetch
from django.db.models.functions import Now

from grading import budget, checks, llm, spending
from grading.engine import circuits, providers
from grading.engine.case import JUDGE_TOKENS, Case, Opinion
from grading.engine.held import Held, Shared, call_spec
from grading.enums import JudgeSeat, LedgerState, OutcomeKind
from grading.llm import RETRY_RULES, Outcome
from grading.models import Judgement, Ledger

logger = structlog.get_logger(__name__)

AT_ONCE = 50
UNREADABLE = {
    OutcomeKind.EMPTY,
    OutcomeKind.TRUNCATED,
    OutcomeKind.FILTERED,
    OutcomeKind.REFUSED,
    OutcomeKind.MALFORMED,
    OutcomeKind.ANSWER,
}
CLAIM = """
WITH free AS (
    SELECT j.id FROM grading_judgement j
    JOIN grading_modelspec m ON m.id = j.model_id
    JOIN grading_provider v ON v.id = m.provider_id
    LEFT JOIN grading_worker w ON w.id = j.worker_id
    WHERE j.due_at <= clock_timestamp()
      AND (j.worker_id IS NULL OR w.stopped_at IS NOT NULL
        OR w.beat_at < clock_timestamp() - %(dead_after_s)s * interval '1 second')
      AND v.is_active AND (v.paused_until IS NULL OR v.paused_until <= clock_timestamp())
      AND (v.paused_reason = '' OR j.id = (
        SELECT probe.id FROM grading_judgement probe JOIN grading_modelspec asked ON asked.id = probe.model_id
        WHERE asked.provider_id = v.id AND probe.due_at <= clock_timestamp() ORDER BY probe.due_at, probe.id LIMIT 1))
      AND (v.is_simulated OR v.id = ANY(%(payable)s))
    ORDER BY j.due_at LIMIT %(limit)s FOR UPDATE OF j SKIP LOCKED)
UPDATE grading_judgement j SET fence = j.fence + 1, worker_id = %(worker)s FROM free WHERE j.id = free.id RETURNING j.id
"""


def claim(worker_id: uuid.UUID, limit: int) -> list[Judgement]:
    """Take up to `limit` due judgements for this worker, with all that their calls need.

    One that was asked and has no result went out with a worker that died: it ends as ambiguous, and the next is planned.
    """
    values = {
        "worker": worker_id,
        "limit": limit,
        "dead_after_s": settings.WORKER_DEAD_AFTER_S,
        "payable": spending.payable_providers(),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        rows = _load([pk for (pk,) in cursor.fetchall()])
        lost = [row for row in rows if row.asked_at is not None]
        for row in lost:
            _end_lost(row)
    return [row for row in rows if row.asked_at is None]


def _load(taken: Collection[uuid.UUID]) -> list[Judgement]:
    said = Judgement.objects.filter(seat=JudgeSeat.AGAIN).order_by("-attempt")
    rows = Judgement.objects.filter(pk__in=taken).select_related(
        "model__provider", "prediction__revision__question__contributor"
    )
    return list(rows.prefetch_related(Prefetch("prediction__judgements", queryset=said, to_attr="said_again")))


def _end_lost(row: Judgement) -> None:
    Ledger.objects.filter(judgement=row, state=LedgerState.RESERVED).update(state=LedgerState.AMBIGUOUS)
    row.outcome, row.outcome_detail, row.due_at, row.worker = OutcomeKind.AMBIGUOUS, "the worker died", None, None
    row.save(update_fields=["outcome", "outcome_detail", "due_at", "worker"])
    if _next_in_s(row, OutcomeKind.AMBIGUOUS, None) is not None:
        Judgement.objects.create(
            prediction_id=row.prediction_id,
            model_id=row.model_id,
            seat=JudgeSeat.AGAIN,
            attempt=row.attempt + 1,
            judge_version=row.judge_version,
            requested_by_id=row.requested_by_id,
            due_at=Now(),
        )


def _next_in_s(row: Judgement, kind: OutcomeKind, retry_after_s: float | None) -> float | None:
    """Seconds until the judge is asked once more, None when it has had its asks; every ask is a row of its own.

    What passes by itself is waited for as in a parked check, `PARK_RETRY_S` after the usual asks, which then begin anew.
    """
    known_before = [known for known in row.prediction.said_again if known.judge_version == row.judge_version]
    earlier = [known for known in known_before if known.attempt < row.attempt]
    done = next((at for at, known in enumerate(earlier) if known.outcome != kind), len(earlier))
    rule, waits = RETRY_RULES[kind], settings.PARK_RETRY_S
    n_parked, done = divmod(done, 1 + rule.re_asks)
    delay_s = llm.retry_delay_s(kind, re_asks_done=done, retry_after_s=retry_after_s, draw=random.random)
    if rule.give_up_after_s is not None and (retry_after_s or 0) > rule.give_up_after_s:
        delay_s = None
    if kind not in checks.PASSING_KINDS:
        return None if n_parked else delay_s
    if delay_s is not None:
        return delay_s
    return waits[n_parked] if n_parked < len(waits) else None


async def run(worker_id: uuid.UUID, shared: Shared, *, most: int) -> int:
    """Ask judges again about up to `most` due judgements and return how many were claimed; less than that when no more are due."""
    n_claimed = 0
    while n_claimed < most and not shared.is_stopping():
        rows = await shared.in_database(claim, worker_id, min(AT_ONCE, most - n_claimed))
        if not rows:
            break
        n_claimed += len(rows)
        try:
            await asyncio.gather(*(_ask(row, shared) for row in rows))
        finally:
            await shared.in_database(_hand_back, worker_id, [row.pk for row in rows])
    return n_claimed


def _hand_back(worker_id: uuid.UUID, taken: Collection[uuid.UUID]) -> None:
    """What a cancelled run still holds is free again; of what was asked the next claim finds out."""
    Judgement.objects.filter(pk__in=taken, worker=worker_id).update(worker=None)


async def _ask(row: Judgement, shared: Shared) -> None:
    held = _Held(row, shared)
    try:
        await held.ask()
    except Exception as error:
        # The boundary of the work: a defect must neither end the others' calls nor be tried for ever.
        logger.exception("judging_again_failed", judgement=str(row.pk))
        await held.end(Outcome(OutcomeKind.MALFORMED, detail=f"internal error: {type(error).__name__}"), delay_s=None)
    finally:
        held.leave()


class _Held(Held):
    """A judgement that this worker holds: what is written goes to its row, the prediction stays as it is."""

    def __init__(self, row: Judgement, shared: Shared) -> None:
        super().__init__(row.prediction, shared)
        self.job = row
        self.case = Case(self.revision, self.order, row.prediction.reply)

    async def ask(self) -> None:
        """Ask the judge once and store what came of it, with the next ask if it decides nothing."""
        judge, row = self.job.model, self.job
        try:
            provider = providers.spec_of(judge.provider)
        except providers.NotSetUp as error:
            await self.end(Outcome(OutcomeKind.CONFIG_ERROR, detail=str(error), sent=False), delay_s=None)
            return
        if not await self.has_permit(judge):
            return
        prompt = self.case.prompt(row.judge_version)
        most_usd = budget.most_usd(judge, prompt_chars=prompt.chars, max_tokens=JUDGE_TOKENS)
        reservation = self.reservation(judge, row.pk, most_usd)
        here = {"id": row.pk, "fence": row.fence, "prediction": row.prediction_id}
        if not await self.write_ahead("ask_again", **reservation | here):
            return
        spec = call_spec(judge, prompt.messages, tokens=JUDGE_TOKENS, request_id=row.pk, schema=prompt.schema)
        outcome = await llm.call(provider, spec)
        await self.observe(judge, outcome)
        opinion, problem = await self.in_thread(self.case.read, row.judge_version, outcome)
        bill = budget.bill(judge, outcome, prompt_chars=prompt.chars)
        delay_s = None
        if opinion.is_correct is None:
            kind = OutcomeKind.UNPARSED if outcome.kind in UNREADABLE else outcome.kind
            # no person looks after this job: when the key is mended, a probe finds out, and the job goes on
            delay_s = circuits.rest_s(outcome) or _next_in_s(row, kind, outcome.retry_after_s)
        await self.end(outcome, delay_s=delay_s, opinion=opinion, problem=problem, bill=bill)

    async def end(
        self,
        outcome: Outcome,
        *,
        delay_s: float | None,
        opinion: Opinion | None = None,
        problem: str = "",
        bill: budget.Bill | None = None,
    ) -> None:
        """Store the end of the job and, if it is to be asked again, the next one."""
        bill = bill or budget.Bill(LedgerState.RELEASED, None, is_estimated=False)
        await self.shared.writer.write(
            "judged_again",
            id=self.job.pk,
            fence=self.job.fence,
            ledger=self.job.pk,
            ledger_state=bill.state,
            is_paid=not self.job.model.is_simulated,
            cost_usd=bill.cost_usd,
            is_estimated=bill.is_estimated,
            outcome=OutcomeKind.UNPARSED if problem else outcome.kind,
            outcome_detail=(problem or outcome.detail)[:200],
            reply=outcome.text,
            next=uuid.uuid4(),
            delay_s=delay_s,
            **(opinion or Opinion())._asdict(),
        )

    async def mark(self, **columns: Any) -> None:
        """Give the job back, due again in a while."""
        await self.shared.writer.write(
            "again_later", id=self.job.pk, fence=self.job.fence, delay_s=columns.get("delay_s", 0)
        )
