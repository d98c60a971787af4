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
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from redis.asyncio import Redis

from grading import checks, llm
from grading.checks import Key
from grading.engine import again, claims, files, leases
from grading.engine.flight import IMAGES_AT_ONCE, fly
from grading.engine.held import Shared
from grading.engine.writer import Writer
from grading.enums import OutcomeKind, PredictionState
from grading.llm import Pacer
from grading.models import Prediction

logger = structlog.get_logger(__name__)

TICK_S = 1.0
GATHER_S = 0.25  # answers that come close together are settled together,
GATHER_CALLS = 64  # and for so much longer with each so many calls under way, up to LONGEST_GATHER times
LONGEST_GATHER = 4
SHORT_WAIT_S = 2.0  # a re-ask that is due so soon is waited for
LONGEST_RUN_S = 1_800.0  # then the task ends, so that its message is acknowledged long before it would come again
CLAIM_SHARE = 16  # no claim for less than this part of the places
SCORERS = 2
DATABASE_THREADS = 2  # for what is rare
PATIENCE = 60  # turns without a call under way: then the sweep looks after what seems to be due


class Engine:
    """The engine of this process. `work` may be called from many threads: one pumps, the others nudge it and go."""

    def __init__(self) -> None:
        files.allow_calls(settings.CALLS_IN_FLIGHT)
        self.worker_id = leases.sign_on()
        self.heart = leases.Heart(self.worker_id)
        self.heart.start()
        self.writer = Writer(self.worker_id)
        self.writer.start()
        self.turns = claims.Turns(self.worker_id)
        self.flights: dict[uuid.UUID, asyncio.Task[None]] = {}
        self.touched: set[Key] = set()
        self._settling: asyncio.Task[None] | None = None
        self.stopping = threading.Event()
        self._scorers = ThreadPoolExecutor(SCORERS, thread_name_prefix="scorer")
        self._database = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="database")
        self._claimer = ThreadPoolExecutor(1, thread_name_prefix="claimer")
        self._settler = ThreadPoolExecutor(1, thread_name_prefix="settler")
        self._lock = threading.Lock()
        self._is_pumping = False
        self._is_wanted = False
        self._has_lost = True
        self._claimed_at = 0.0
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

    def judge_again(self, most: int) -> int:
        """Put up to `most` due judgements before their judges once more; return how many there were. Waits like `work`."""
        if connection.in_atomic_block:
            raise RuntimeError("the engine waits for calls and cannot do that inside a transaction")
        connection.close()
        return llm.run(self._judge_again(most), deadline_s=LONGEST_RUN_S)

    def _pump_while_wanted(self) -> float | None:
        due_s = None
        try:
            while self._take_want():
                self.flights.clear()
                self._settling, self._has_lost = None, True
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
        for threads in (self._scorers, self._claimer, self._settler):
            threads.shutdown()
        self._database.submit(_in_connection, leases.sign_off, self.worker_id).result(10)
        self._database.shutdown()

    # --- on the loop ---

    async def _judge_again(self, most: int) -> int:
        shared = self._shared()
        try:
            return await again.run(self.worker_id, shared, most=most)
        finally:
            await shared.redis.aclose()

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
            for threads in (self._claimer, self._settler):
                await self._in(threads, _disconnect)

    async def _turn(self, shared: Shared, *, may_claim: bool) -> float | None:
        """Claim what there is room for and settle what was touched; seconds until the next row is due when nothing is under way."""
        if may_claim and not self.stopping.is_set():
            await self._claim(shared)
        if self.stopping.is_set():
            self._cancel_young(shared)
        if self.touched and self._settling is None:
            self._settling = asyncio.create_task(self._settle())
        if self.flights or self._settling:
            return None
        return await self._in(self._claimer, claims.next_due_s)

    async def _claim(self, shared: Shared) -> None:
        """Fill the free places, if rows may have become due since the last look, and if it is worth one."""
        room = settings.CALLS_IN_FLIGHT - len(self.flights)
        is_idle = not self.flights and not self._settling
        is_time = time.monotonic() - self._claimed_at >= TICK_S
        if room <= settings.CALLS_IN_FLIGHT // CLAIM_SHARE or not (
            self._is_wanted or self.turns.has_more or is_idle or is_time
        ):
            return
        self._is_wanted, self._claimed_at = False, time.monotonic()
        flying = list(self.flights) if self._has_lost else None
        claimed = await self._in(self._claimer, self.turns.claim, room, flying)
        self._has_lost = False
        self.touched |= claimed.lost
        for row in claimed.rows:
            self._launch(row, shared)
        if self.turns.has_more:
            self._news.set()

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
            if await self._in(self._settler, checks.settle_landed, touched):
                self._is_wanted = True  # a wave may have been opened
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
            if self.flights:  # else nothing can come that would be worth a pause
                await asyncio.sleep(GATHER_S * min(LONGEST_GATHER, 1 + len(self.flights) / GATHER_CALLS))
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
            self._has_lost = True
        self.flights.pop(row.pk, None)
        self.touched.add(Key(row.tested_hash, row.panel_id))
        self._news.set()

    async def _fly(self, row: Prediction, shared: Shared) -> None:
        try:
            await fly(row, shared)
        except (OperationalError, InterfaceError):
            raise  # the database is away: the next claim goes on where this stopped
        except asyncio.CancelledError:
            # Still `asked`: nobody knows whether it is paid for.
            await shared.writer.write("mark", id=row.pk, fence=row.fence)
            raise
        except Exception as error:
            # The boundary of the work: neither a defect nor a row that the database refuses may end the others' calls or be
            # tried for ever.
            logger.exception("flight_failed", prediction=str(row.pk))
            kind = {} if row.outcome or row.reply else {"outcome": OutcomeKind.AMBIGUOUS}
            detail = f"internal error: {type(error).__name__}"
            columns = {"state": PredictionState.UNSCORED, "outcome_detail": detail, **kind}
            await shared.in_database(claims.note_lost_calls, [row.pk])
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

    async def _in(self, thread: ThreadPoolExecutor, function: Callable[..., Any], *values: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(thread, _in_kept_connection, function, *values)


def _disconnect() -> None:
    connection.close()


def _in_kept_connection(function: Callable[..., Any], *values: Any) -> Any:
    """For a thread whose connection is closed at the end of the run; one that has failed is not used again."""
    try:
        return function(*values)
    except BaseException:
        connection.close()
        raise


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
