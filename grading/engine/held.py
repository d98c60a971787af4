"""A row under lease: what its ask and its score have in common. Each write is fenced."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from grading import llm, prompts
from grading.engine import providers
from grading.engine.writer import Writer
from grading.enums import OutcomeKind, PredictionState
from grading.llm import RETRY_RULES, CallSpec, Outcome, Pacer, PermitRefused
from grading.models import ModelSpec, Prediction
from questions.models import Revision

PERMIT_WAIT_S = 20.0


class Shared(NamedTuple):
    """What all flights of a process share; made on the loop."""

    writer: Writer
    threads: ThreadPoolExecutor  # as many as there are comparison processes, so that none waits for one
    pictures: asyncio.Semaphore
    pacer: Pacer
    redis: Redis
    pause: Callable[[int, float], Awaitable[None]]
    is_stopping: Callable[[], bool]


class Held:
    """A prediction that this worker holds. When a write is refused, somebody else holds it and the flight ends."""

    def __init__(self, row: Prediction, shared: Shared) -> None:
        self.row = row
        self.shared = shared
        self.revision: Revision = row.revision
        self.order = prompts.options_order(row.option_seed, len(self.revision.options))
        self.counts: dict[str, int] = dict(row.outcome_counts)

    def reservation(self, model: ModelSpec, ledger: uuid.UUID, most_usd: Any) -> dict[str, Any]:
        """Return what the write-ahead of a call says of its price."""
        return {
            "id": self.row.pk,
            "fence": self.row.fence,
            "ledger": ledger,
            "model_id": model.pk,
            "contributor_id": self.revision.question.contributor_id,
            "reserved_usd": most_usd,
            "price_version": model.price_version,
        }

    async def has_permit(self, model: ModelSpec) -> bool:
        """Wait for the provider's rate, if it has one; too long a wait, or no Redis, hands the row back untouched."""
        per_minute = model.provider.requests_per_minute
        if not per_minute:
            return True
        limit = llm.Limit(per_minute=per_minute, burst=max(1, per_minute // 60))
        try:
            await self.shared.pacer.permit(model.provider.slug, model.name, limit, max_wait_s=PERMIT_WAIT_S)
        except PermitRefused as refused:
            await self.mark(delay_s=refused.wait_s)
            return False
        except RedisError:
            await self.mark(delay_s=5)
            return False
        return True

    async def observe(self, model: ModelSpec, outcome: Outcome) -> None:
        """Hold the provider back for all workers when the outcome says so."""
        seconds = providers.pause_after(model.provider, outcome)
        if seconds is not None:
            await self.shared.pause(model.provider_id, seconds)

    async def end_unscored(self, kind: OutcomeKind, detail: str) -> None:
        """End the row without an answer."""
        await self.mark(state=PredictionState.UNSCORED, outcome=kind, outcome_detail=detail[:200])

    async def mark(self, **columns: Any) -> None:
        """Write what else is to be said of the row, and give up the lease."""
        await self.shared.writer.write("mark", id=self.row.pk, fence=self.row.fence, **columns)

    async def in_thread(self, function: Callable[..., Any], *values: Any) -> Any:
        """Run work that takes processor time beside the loop."""
        return await asyncio.get_running_loop().run_in_executor(self.shared.threads, function, *values)

    def retry_delay_s(self, kind: OutcomeKind, retry_after_s: float | None, *, name: str) -> float | None:
        """Count one more end of this kind and say when to ask again; None: not by ourselves."""
        done = self.counts.get(name, 0)
        self.counts[name] = done + 1
        longest_s = RETRY_RULES[kind].give_up_after_s
        if longest_s is not None and (retry_after_s or 0) > longest_s:
            return None
        return llm.retry_delay_s(kind, re_asks_done=done, retry_after_s=retry_after_s, draw=random.random)


def call_spec(
    model: ModelSpec,
    messages: list[dict[str, Any]],
    *,
    tokens: int,
    request_id: uuid.UUID,
    schema: dict[str, Any] | None = None,
) -> CallSpec:
    """What the model is sent, as far as it takes it."""
    return CallSpec(
        model=model.name,
        messages=messages,
        max_tokens=tokens,
        request_id=str(request_id),
        timeout_s=float(model.timeout_s),
        token_parameter=model.token_parameter,  # type: ignore[arg-type]
        temperature=0.0 if model.takes_temperature else None,
        response_format=schema if model.takes_schema else None,
    )
