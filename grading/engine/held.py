"""A row under lease: what its ask and its score have in common. Each write is fenced."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import structlog
from django.db import DatabaseError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from grading import budget, llm, prompts
from grading.engine import circuits
from grading.engine.reserving import NoBudget
from grading.engine.writer import Writer
from grading.enums import OutcomeKind, PredictionState
from grading.llm import RETRY_RULES, CallSpec, Outcome, Pacer
from grading.models import ModelSpec, Prediction, Provider
from questions.models import Revision

logger = structlog.get_logger(__name__)

PERMIT_WAIT_S = 20.0
NO_BROKER_WAIT_S = 5.0
NO_BUDGET_WAIT_S = 60.0


class Shared(NamedTuple):
    """What all flights of a process share; made on the loop."""

    writer: Writer
    threads: ThreadPoolExecutor  # as many as there are comparison processes, so that none waits for one
    pictures: asyncio.Semaphore
    pacer: Pacer
    redis: Redis
    in_database: Callable[..., Awaitable[Any]]  # run a function that uses the ORM, in a thread
    is_stopping: Callable[[], bool]
    places: dict[int, asyncio.Semaphore]  # by provider: how many calls this process may have open there
    calls: dict[uuid.UUID, float]  # by prediction: since when a call is open


class Held:
    """A prediction that this worker holds. When a write is refused, somebody else holds it and the flight ends."""

    def __init__(self, row: Prediction, shared: Shared) -> None:
        self.row = row
        self.shared = shared
        self.revision: Revision = row.revision
        self.order = prompts.options_order(row.option_seed, len(self.revision.options))
        self.counts: dict[str, int] = dict(row.outcome_counts)
        self.is_probe = False
        self._place: asyncio.Semaphore | None = None
        self._tokens = 0

    def reservation(self, model: ModelSpec, ledger: uuid.UUID, most_usd: Any) -> dict[str, Any]:
        """Return what the write-ahead of a call says of its price."""
        return {
            "id": self.row.pk,
            "fence": self.row.fence,
            "ledger": ledger,
            "model_id": model.pk,
            "provider_id": model.provider_id,
            "is_paid": not model.is_simulated,
            "contributor_id": self.revision.question.contributor_id,
            "reserved_usd": most_usd,
            "price_version": model.price_version,
        }

    async def has_permit(self, model: ModelSpec) -> bool:
        """Wait until one call may go to the model's provider; else hand the row back untouched and return False.

        The caller says by `observe` what came of the call. Nothing is held in Redis or the database while this waits.
        """
        delay_s = await self._refusal_s(model)
        if delay_s is None:
            self.shared.calls[self.row.pk] = time.monotonic()
            return True
        self.leave()
        await self.mark(delay_s=delay_s)
        return False

    async def _refusal_s(self, model: ModelSpec) -> float | None:
        """Seconds after which it is worth trying again, None when the call may go now."""
        provider = model.provider
        left_s = circuits.stop_left_s(provider)
        self.is_probe = provider.paused_reason != ""
        if self.is_probe and (left_s > 0 or not await self.shared.in_database(circuits.take_probe, provider.pk)):
            return left_s + _some(PERMIT_WAIT_S)
        if left_s > 0:
            return left_s + _some(1.0)
        try:
            async with asyncio.timeout(PERMIT_WAIT_S):
                await self._take_place(provider)
                return await self._wait_for_pace(model)
        except TimeoutError:
            return _some(1.0)  # the line moves, only slower than this process could know

    async def _take_place(self, provider: Provider) -> None:
        place = self.shared.places.get(provider.pk)
        if place is None:
            place = self.shared.places[provider.pk] = asyncio.Semaphore(provider.max_connections)
        await place.acquire()
        self._place = place

    async def _wait_for_pace(self, model: ModelSpec) -> float | None:
        limit = _limit_of(model.provider)
        if limit is None or self.is_probe:
            return None
        self._tokens = self._expected_tokens(model)
        slug = model.provider.slug
        try:
            await self.shared.pacer.permit(slug, model.name, limit, tokens=self._tokens, max_wait_s=PERMIT_WAIT_S)
        except llm.PermitRefused as refused:
            return refused.wait_s
        except RedisError:
            return NO_BROKER_WAIT_S
        return None

    def _expected_tokens(self, model: ModelSpec) -> int:
        """What a call is booked with before its usage is known: the text sent, and the longest reply that may come."""
        chars = len(self.revision.prompt) + len(self.row.reply)
        return chars // budget.CHARS_PER_TOKEN + model.max_tokens

    async def observe(self, model: ModelSpec, outcome: Outcome) -> None:
        """Let pace and circuit of the provider know what came of the call, for all workers."""
        self.leave()
        if _limit_of(model.provider) is not None and self._tokens:
            used = (outcome.prompt_tokens or 0) + (outcome.completion_tokens or 0)
            self.shared.pacer.correct(model.provider.slug, model.name, estimated=self._tokens, used=used)
            self._tokens = 0
        hold = circuits.pause_after(model.provider, outcome, is_probe=self.is_probe)
        if hold is None:
            return
        try:
            if outcome.kind == OutcomeKind.THROTTLED and _limit_of(model.provider) is not None:
                await self.shared.pacer.slow_down(model.provider.slug, hold.stop_s)
            await self.shared.in_database(circuits.follow, model.provider, hold)
        except (RedisError, DatabaseError) as error:
            # What came of the call is still to be stored; this process keeps to the stop, the others find out themselves.
            logger.warning("hold_not_shared", provider=model.provider.slug, error=type(error).__name__)

    def leave(self) -> None:
        """Give up the place at the provider, if there is one."""
        self.shared.calls.pop(self.row.pk, None)
        if self._place is not None:
            self._place.release()
            self._place = None

    async def write_ahead(self, kind: str, **values: Any) -> bool:
        """Write down a call before it leaves; False when somebody else holds the row, or when no money is left for it."""
        try:
            return await self.shared.writer.write(kind, **values)
        except NoBudget:
            await self.mark(delay_s=_some(NO_BUDGET_WAIT_S))
            return False

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
        if self.is_probe and kind == OutcomeKind.CONFIG_ERROR:
            return circuits.SET_UP_REST_S  # it was sent to find out whether the provider is mended, and found that
        done = self.counts.get(name, 0)
        self.counts[name] = done + 1
        longest_s = RETRY_RULES[kind].give_up_after_s
        if longest_s is not None and (retry_after_s or 0) > longest_s:
            return None
        return llm.retry_delay_s(kind, re_asks_done=done, retry_after_s=retry_after_s, draw=random.random)


def _some(seconds: float) -> float:
    """A random part of so many seconds, so that those who wait do not all come back at once."""
    return random.random() * seconds  # noqa: S311 - no secret


def _limit_of(provider: Provider) -> llm.Limit | None:
    if not provider.requests_per_minute and not provider.tokens_per_minute:
        return None
    return llm.Limit(provider.requests_per_minute or None, provider.tokens_per_minute or None)


def call_spec(
    model: ModelSpec,
    messages: list[dict[str, Any]],
    *,
    tokens: int,
    request_id: uuid.UUID,
    schema: dict[str, Any] | None = None,
    draw: int = 0,
) -> CallSpec:
    """What the model is sent, as far as it takes it; further draws at its own temperature, or they would say the same."""
    return CallSpec(
        model=model.name,
        messages=messages,
        max_tokens=tokens,
        request_id=str(request_id),
        timeout_s=float(model.timeout_s),
        token_parameter=model.token_parameter,  # type: ignore[arg-type]
        temperature=0.0 if model.takes_temperature and draw == 0 else None,
        response_format=schema if model.takes_schema else None,
        reasoning_effort=model.reasoning_effort,
    )
