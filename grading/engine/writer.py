"""The one writer of a worker process: batches of 50 rows or 100 ms, each kind one statement, every write fenced."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
import uuid
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from grading.engine import reserving
from grading.engine.reserving import NoBudget
from grading.engine.statements import STATEMENTS

logger = structlog.get_logger(__name__)

BATCH_ROWS = 50
BATCH_S = 0.1
RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)  # an outage of the database must not lose an answer that was paid for


class Write(NamedTuple):
    """One write: which statement, and its values by column."""

    kind: str
    values: dict[str, Any]


class Waiting(NamedTuple):
    """A write, and who waits on which loop for what becomes of it."""

    write: Write
    done: asyncio.Future[bool]
    loop: asyncio.AbstractEventLoop


class Writer(threading.Thread):
    """A thread with a connection of its own. `write` is awaited on the loop and says whether the fence let the row pass."""

    def __init__(self, worker_id: uuid.UUID) -> None:
        super().__init__(name="writer", daemon=True)
        self.worker_id = worker_id
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._is_stopping = threading.Event()

    async def write(self, kind: str, **values: Any) -> bool:
        """Queue one write and wait until its batch is committed."""
        loop = asyncio.get_running_loop()
        waiting = Waiting(Write(kind, values), loop.create_future(), loop)
        self._queue.put(waiting)
        return await waiting.done

    def run(self) -> None:
        """Write batches until stopped."""
        while True:
            batch = self._next_batch()
            if batch:
                self._write(batch)
            elif self._is_stopping.is_set():
                break
        connection.close()

    def stop(self) -> None:
        """Write what is queued, then end the thread."""
        self._is_stopping.set()
        self._queue.put(None)
        self.join(30)

    def _next_batch(self) -> list[Waiting]:
        first = self._next(1.0)
        if first is None:
            connection.close()  # nothing to write: no connection to hold
            return []
        if self._queue.qsize() < BATCH_ROWS:
            self._is_stopping.wait(BATCH_S)  # to be woken for each row would cost as much as to write it
        batch = [first]
        while len(batch) < BATCH_ROWS and not self._queue.empty():
            item = self._queue.get()
            if item is not None:
                batch.append(item)
        return batch

    def _next(self, timeout_s: float) -> Waiting | None:
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _write(self, batch: list[Waiting]) -> None:
        try:
            held, unpaid = self._commit([waiting.write for waiting in batch])
        except DatabaseError as error:
            self._write_apart(batch, error)
        except Exception as error:
            # The boundary of the thread: if it ended, every flight would wait for ever.
            logger.exception("batch_failed", rows=len(batch))
            _tell([(waiting, error) for waiting in batch])
        else:
            _tell([(waiting, _result(waiting.write, held, unpaid)) for waiting in batch])

    def _write_apart(self, batch: list[Waiting], error: DatabaseError) -> None:
        """Do not let one row that the database refuses take the others with it."""
        if len(batch) > 1 and not isinstance(error, OperationalError | InterfaceError):
            for waiting in batch:
                self._write([waiting])
            return
        logger.error("batch_lost", rows=len(batch), error=type(error).__name__)
        _tell([(waiting, error) for waiting in batch])

    def _commit(self, writes: list[Write]) -> tuple[set[tuple[str, uuid.UUID]], list[Write]]:
        for pause_s in RETRY_S:
            try:
                return self._commit_once(writes)
            except (OperationalError, InterfaceError) as error:
                logger.warning("batch_retried", error=type(error).__name__, rows=len(writes))
                connection.close()
                self._is_stopping.wait(pause_s)
        return self._commit_once(writes)

    def _commit_once(self, writes: list[Write]) -> tuple[set[tuple[str, uuid.UUID]], list[Write]]:
        """Return which rows the fence let pass, and the calls for which there was no money."""
        held = set()
        with transaction.atomic(), connection.cursor() as cursor:
            unpaid = reserving.without_budget(writes)
            reserving.book(writes)
            for kind, statement in STATEMENTS.items():
                rows = [write.values for write in writes if write.kind == kind and write not in unpaid]
                if rows:
                    cursor.execute(statement, {"rows": json.dumps(rows, default=str), "worker": self.worker_id})
                    held |= {(kind, pk) for (pk,) in cursor.fetchall()}
            reserving.give_back([write for write in writes if (write.kind, write.values["id"]) not in held], unpaid)
        return held, unpaid


def _result(write: Write, held: Collection[tuple[str, uuid.UUID]], unpaid: Sequence[Write]) -> bool | NoBudget:
    if write in unpaid:
        return NoBudget()
    is_held = (write.kind, write.values["id"]) in held
    if not is_held:
        logger.warning("late_write_refused", kind=write.kind, prediction=str(write.values["id"]))
    return is_held


def _tell(results: Sequence[tuple[Waiting, bool | Exception]]) -> None:
    """Wake those who wait, once for each loop: waking one by one costs a system call each."""
    for loop in {waiting.loop for waiting, _result in results}:
        own = [(waiting.done, result) for waiting, result in results if waiting.loop is loop]
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it those who waited
            loop.call_soon_threadsafe(_resolve, own)


def _resolve(results: Sequence[tuple[asyncio.Future[bool], bool | Exception]]) -> None:
    for done, result in results:
        if done.done():
            continue  # cancelled
        if isinstance(result, Exception):
            done.set_exception(result)
        else:
            done.set_result(result)
