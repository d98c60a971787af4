"""The pump of a worker process: claim, let the rows fly on the loop, settle the checks they belong to, claim again."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from redis.asyncio import Redis

from grading import checks, llm
from grading.checks import Key
from grading.engine import claims, leases
from grading.engine.flight import IMAGES_AT_ONCE, fly
from grading.engine.held import Shared
from grading.engine.writer import Writer
from grading.enums import OutcomeKind, PredictionState
from grading.llm import Pacer
from grading.models import Prediction

logger = structlog.get_logger(__name__)

TICK_S = 1.0
GATHER_S = 0.05  # answers that come close together are settled together
SHORT_WAIT_S = 2.0  # a re-ask that is due so soon is waited for
LONGEST_RUN_S = 1_800.0  # then the task ends, so that its message is acknowledged long before it would come again
CLAIM_SHARE = 16  # no claim for less than this part of the places: each looks at the whole queue
SCORERS = 2
DATABASE_THREADS = 2
PATIENCE = 60  # turns without a call under way: then the sweep looks after what seems to be due


class Engine:
    """The engine of this process. `work` may be called from many threads: one pumps, the others nudge it and go."""

    def __init__(self) -> None:
        self.worker_id = leases.sign_on()
        self.heart = leases.Heart(self.worker_id)
        self.heart.start()
        self.writer = Writer(self.worker_id)
        self.writer.start()
        self.flights: dict[uuid.UUID, asyncio.Task[None]] = {}
        self.touched: set[Key] = set()
        self._settling: asyncio.Task[None] | None = None
        self.stopping = threading.Event()
        self._scorers = ThreadPoolExecutor(SCORERS, thread_name_prefix="scorer")
        self._database = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="database")
        self._lock = threading.Lock()
        self._is_pumping = False
        self._is_wanted = False
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        connection.close()

    def work(self) -> float | None:
        """Work until nothing is due now; return the seconds until more is, if that is soon, for the next message.

        The calling thread holds no database connection while it waits, and so may not be inside a transaction.
        """
        if connection.in_atomic_block:
            raise RuntimeError("the engine waits for calls and cannot do that inside a transaction")
        connection.close()
        with self._lock:
            self._is_wanted = True
            if self._is_pumping:
                self._nudge()
                return None
            self._is_pumping = True
        return self._pump_while_wanted()

    def _pump_while_wanted(self) -> float | None:
        due_s = None
        try:
            while self._take_want():
                self.flights.clear()
                self._settling = None
                due_s = llm.run(self._pump(), deadline_s=2 * LONGEST_RUN_S)
        except BaseException:
            with self._lock:
                self._is_pumping = False
            raise
        return due_s

    def _take_want(self) -> bool:
        with self._lock:
            if self._is_wanted and not self.stopping.is_set():
                self._is_wanted = False
                return True
            self._is_pumping = False
            return False

    def _nudge(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended: then the pump begins anew
                self._loop.call_soon_threadsafe(self._news.set)

    def stop(self) -> None:
        """Claim nothing new; what is under way ends, what has not begun is handed back."""
        self.stopping.set()

    def close(self) -> None:
        """End the threads and give up the lease."""
        self.stop()
        self.writer.stop()
        self.heart.stop()
        self._scorers.shutdown()
        self._database.submit(_in_connection, leases.sign_off, self.worker_id).result(10)
        self._database.shutdown()

    # --- on the loop ---

    async def _pump(self) -> float | None:
        """Claim and fly until nothing is due within a moment; return seconds until the next row is due."""
        shared = self._shared()
        self._news, self._loop = asyncio.Event(), asyncio.get_running_loop()
        ends_at, patience = time.monotonic() + LONGEST_RUN_S, PATIENCE
        try:
            while True:
                try:
                    due_s = await self._turn(shared, may_claim=time.monotonic() < ends_at)
                except DatabaseError as error:
                    logger.warning("database_unreachable", error=type(error).__name__)
                    due_s, patience = TICK_S, patience - 1
                if self.flights or self._settling:
                    patience = PATIENCE
                    await self._wait(TICK_S)
                    continue
                patience -= 1
                is_soon = due_s is not None and due_s < SHORT_WAIT_S
                if not is_soon or patience <= 0 or self.stopping.is_set() or time.monotonic() > ends_at:
                    return due_s
                await self._wait(max(due_s or 0, GATHER_S))
        finally:
            self._loop = None
            await asyncio.gather(*self.flights.values(), return_exceptions=True)
            if self._settling:
                await asyncio.gather(self._settling, return_exceptions=True)
            await shared.redis.aclose()

    async def _turn(self, shared: Shared, *, may_claim: bool) -> float | None:
        """Claim what there is room for and settle what was touched; seconds until the next row is due when nothing is under way."""
        room = settings.CALLS_IN_FLIGHT - len(self.flights)
        if may_claim and room > settings.CALLS_IN_FLIGHT // CLAIM_SHARE and not self.stopping.is_set():
            self._is_wanted = False
            claimed = await self._in_database(claims.claim, self.worker_id, room, list(self.flights))
            self.touched |= claimed.lost
            for row in claimed.rows:
                self._launch(row, shared)
        if self.stopping.is_set():
            self._cancel_young(shared)
        if self.touched and self._settling is None:
            self._settling = asyncio.create_task(self._settle())
        if self.flights or self._settling:
            return None
        return await self._in_database(claims.next_due_s)

    def _cancel_young(self, shared: Shared) -> None:
        """Give up calls that have only begun, if the site wants a quick stop: they are asked once more by whoever takes them over."""
        began_after = time.monotonic() - settings.STOP_CANCELS_YOUNGER_S
        for pk, since in list(shared.calls.items()):
            if since > began_after and pk in self.flights:
                self.flights[pk].cancel()

    async def _settle(self) -> None:
        """Move on the checks whose answers have come in, beside the calls of all others."""
        touched, self.touched = self.touched, set()
        try:
            await self._in_database(checks.settle_ready, touched)
        except DatabaseError as error:
            logger.warning("settling_put_off", error=type(error).__name__)
            self.touched |= touched
            await asyncio.sleep(TICK_S)
        finally:
            self._settling = None
            self._news.set()

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
            await asyncio.sleep(GATHER_S)
        except TimeoutError:
            pass
        self._news.clear()

    def _launch(self, row: Prediction, shared: Shared) -> None:
        task = asyncio.create_task(self._fly(row, shared))
        self.flights[row.pk] = task
        task.add_done_callback(lambda done: self._land(row, done))

    def _land(self, row: Prediction, done: asyncio.Task[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            logger.error("row_left_to_the_next_claim", prediction=str(row.pk), error=type(done.exception()).__name__)
        self.flights.pop(row.pk, None)
        self.touched.add(Key(row.tested_hash, row.panel_id))
        self._news.set()

    async def _fly(self, row: Prediction, shared: Shared) -> None:
        try:
            await fly(row, shared)
        except DatabaseError:
            raise
        except asyncio.CancelledError:
            await shared.writer.write(
                "mark", id=row.pk, fence=row.fence
            )  # still `asked`: nobody knows whether it is paid for
            raise
        except Exception as error:
            # The boundary of the work: a defect must neither end the others' calls nor be tried for ever.
            logger.exception("flight_failed", prediction=str(row.pk))
            kind = {} if row.outcome or row.reply else {"outcome": OutcomeKind.AMBIGUOUS}
            detail = f"internal error: {type(error).__name__}"
            columns = {"state": PredictionState.UNSCORED, "outcome_detail": detail, **kind}
            await shared.writer.write("mark", id=row.pk, fence=row.fence, **columns)

    def _shared(self) -> Shared:
        redis = Redis.from_url(settings.CACHE_URL)
        return Shared(
            writer=self.writer,
            threads=self._scorers,
            pictures=asyncio.Semaphore(IMAGES_AT_ONCE),
            pacer=Pacer(redis),
            redis=redis,
            in_database=self._in_database,
            is_stopping=self.stopping.is_set,
            places={},
            calls={},
        )

    async def _in_database(self, function: Callable[..., Any], *values: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._database, _in_connection, function, *values)


def _in_connection(function: Callable[..., Any], *values: Any) -> Any:
    """Own threads keep their connection after they end; so none outlives its use."""
    try:
        return function(*values)
    finally:
        connection.close()


_engines: list[Engine] = []
_engines_lock = threading.Lock()


def current() -> Engine:
    """The engine of this process, made on first use."""
    with _engines_lock:
        if not _engines:
            _engines.append(Engine())
        return _engines[0]


def stop_claiming() -> None:
    """Let the engine of this process end its calls and claim nothing new."""
    for engine in _engines:
        engine.stop()


def shut_down() -> None:
    """End the engine of this process and its event loop, if there are any."""
    with _engines_lock:
        engines = [_engines.pop()] if _engines else []
    for engine in engines:
        engine.stop()
        llm.shutdown()
        engine.close()
