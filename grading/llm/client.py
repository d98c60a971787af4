"""Calls to providers on one event loop per process: `run` from any thread, `call` on the loop.

One AsyncOpenAI per provider, without retries of its own: who holds the rows decides whether to ask again.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient, Omit

from grading.enums import OutcomeKind
from grading.llm import errors, replies
from grading.llm.dialects import DIALECTS
from grading.llm.outcomes import Outcome
from grading.llm.specs import CallSpec, ProviderSpec

if sys.platform != "win32":
    from uvloop import new_event_loop
else:
    from asyncio import new_event_loop

T = TypeVar("T")

REQUEST_ID_HEADER = "X-Client-Request-Id"
# The SDK would tell every provider about this machine and about its own state, in ten headers to be built per call.
UNSAID = {"X-Stainless-Retry-Count": Omit(), "X-Stainless-Read-Timeout": Omit()}
UNSAID_ONCE = {
    f"X-Stainless-{name}": Omit()
    for name in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version", "Async")
}
MAX_REPLY_BYTES = 8 * 1024 * 1024
CONNECT_TIMEOUT_S = 10.0
POOL_TIMEOUT_S = 30.0
KEEPALIVE_S = 30.0
POLL_S = 0.25
CANCEL_GRACE_S = 5.0


class Stopped(Exception):
    """The wait ended early because the process is stopping."""


class LoopLost(Exception):
    """The event loop's thread ended under the wait; what was in flight is unknown."""


async def call(provider: ProviderSpec, spec: CallSpec) -> Outcome:
    """Ask once and say what came of it. Raises nothing but CancelledError; must run on the loop that `run` serves."""
    host = _host_of_this_loop()
    started = time.monotonic()
    outcome = await _ask(host, provider, spec)
    return replace(outcome, latency_ms=round((time.monotonic() - started) * 1000))


async def _ask(host: "_LoopHost", provider: ProviderSpec, spec: CallSpec) -> Outcome:
    dialect = DIALECTS.get(provider.dialect)
    if dialect is None:
        return Outcome(OutcomeKind.CONFIG_ERROR, detail="unsupported dialect", sent=False)
    if not (provider.api_key and provider.api_key.isascii() and provider.api_key.isprintable()):
        return Outcome(OutcomeKind.CONFIG_ERROR, detail="no key that can stand in a header", sent=False)
    try:
        client = host.client(provider)
        async with asyncio.timeout(spec.timeout_s):
            # The SDK's method for a path, without its models: reading fields of theirs costs as much as all else.
            # The whole address, since joining it to the client's own costs a twentieth of the call.
            response = await client.post(
                f"{provider.base_url.rstrip('/')}{dialect.path}",
                cast_to=httpx2.Response,
                body=dialect.write(dialect, spec),
                options={
                    "timeout": _timeout(spec.timeout_s),
                    # Both are given because the SDK would make or copy its own for each call; neither is sent.
                    "idempotency_key": spec.request_id,
                    "max_retries": 0,
                    "headers": {REQUEST_ID_HEADER: spec.request_id, **UNSAID},
                },
            )
    except Exception as error:  # noqa: BLE001 - the SDK raises far more than its own classes; each is an outcome
        return errors.from_exception(error)
    return replies.from_body(
        response.content,
        content_type=response.headers.get("content-type", ""),
        read=dialect.read,
        usage=dialect.usage,
        asked_model=spec.model,
    )


@lru_cache
def _timeout(seconds: float) -> httpx2.Timeout:
    # Connecting may take half of the deadline at most: so a call that meets the deadline was surely sent.
    half_s = seconds / 2
    return httpx2.Timeout(seconds, connect=min(CONNECT_TIMEOUT_S, half_s), pool=min(POOL_TIMEOUT_S, half_s))


def run(coro: Coroutine[Any, Any, T], *, deadline_s: float, stop_event: threading.Event | None = None) -> T:
    """Run the coroutine on the process's event loop and wait for it in this thread.

    When the deadline passes or the stop event is set, the coroutine is cancelled and has CANCEL_GRACE_S to end: what it
    then returns is returned, else TimeoutError or Stopped is raised. LoopLost: the loop's thread died. The caller
    releases its database connection first.
    """
    job = _Job(coro, _running_host())
    ends_at = time.monotonic() + deadline_s
    while not job.is_done(POLL_S):
        if not job.host.thread.is_alive():
            raise LoopLost("the event loop ended under a wait")
        if stop_event is not None and stop_event.is_set():
            return job.cancel(Stopped("the process is stopping"))
        if time.monotonic() >= ends_at:
            return job.cancel(TimeoutError(f"no end after {deadline_s} s"))
    return job.future.result()


def shutdown(timeout_s: float = 10.0) -> None:
    """Cancel what is in flight, close all clients and end the loop's thread; a later `run` begins anew."""
    with _lock:
        host = _current.pop("host", None)
    if host is not None and host.thread.is_alive():
        host.loop.call_soon_threadsafe(host.loop.stop)
        host.thread.join(timeout_s)


class _LoopHost:
    """A daemon thread with its event loop and the clients that live on it."""

    def __init__(self) -> None:
        # The SDK and its transport log each request; at DEBUG with parts of it, and at a cost at every level.
        for name in ("openai", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self.loop = new_event_loop()
        self.clients: dict[ProviderSpec, AsyncOpenAI] = {}
        self.is_closing = False
        self.thread = threading.Thread(target=self._serve, name="provider-loop", daemon=True)
        self.thread.start()

    def client(self, provider: ProviderSpec) -> AsyncOpenAI:
        if provider not in self.clients:
            self.clients[provider] = _make_client(provider)
        return self.clients[provider]

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.is_closing = True
            self.loop.run_until_complete(self._drain())
            self.loop.close()

    async def _drain(self) -> None:
        """Cancel all tasks, so that nobody waits for a loop that no longer turns, then close the clients."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in self.clients.values():
            await client.close()
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()


_lock = threading.Lock()
_current: dict[str, _LoopHost] = {}


def _running_host() -> _LoopHost:
    """The process's loop, made on first use; without the lock racing threads would each make one."""
    with _lock:
        host = _current.get("host")
        if host is None or host.is_closing or not host.thread.is_alive():
            host = _current["host"] = _LoopHost()
    if threading.current_thread() is host.thread:
        raise RuntimeError("run() would wait for the loop that it runs on")
    return host


def _host_of_this_loop() -> _LoopHost:
    host = _current.get("host")
    if host is None or host.loop is not asyncio.get_running_loop():
        raise RuntimeError("call() belongs on the loop that run() serves")
    return host


class _Job(Generic[T]):
    """One coroutine handed from a thread to the loop, with a future that the thread can wait for."""

    def __init__(self, coro: Coroutine[Any, Any, T], host: _LoopHost) -> None:
        self.coro = coro
        self.host = host
        self.future: Future[T] = Future()
        self.task: asyncio.Task[T] | None = None
        self._post(self._start)

    def is_done(self, within_s: float) -> bool:
        return bool(wait([self.future], timeout=within_s).done)

    def cancel(self, reason: Exception) -> T:
        """Cancel on the loop and return what the coroutine still hands over; raise `reason` when that is nothing."""
        self._post(self._cancel_task)
        if not self.is_done(CANCEL_GRACE_S) or isinstance(self.future.exception(), Stopped):
            raise reason
        return self.future.result()

    def _post(self, callback: Callable[[], None]) -> None:
        try:
            self.host.loop.call_soon_threadsafe(callback)
        except RuntimeError as error:
            self.coro.close()
            raise LoopLost("the event loop ended before the coroutine began") from error

    def _start(self) -> None:
        if self.host.is_closing:
            self.coro.close()
            self.future.set_exception(Stopped("the process is stopping"))
            return
        self.task = self.host.loop.create_task(self.coro)
        self.task.add_done_callback(self._finish)

    def _cancel_task(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def _finish(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.future.set_exception(Stopped("the call was cancelled"))
        elif (error := task.exception()) is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(task.result())


def _make_client(provider: ProviderSpec) -> AsyncOpenAI:
    limits = httpx2.Limits(
        max_connections=provider.max_connections,
        max_keepalive_connections=provider.max_connections,
        keepalive_expiry=KEEPALIVE_S,
    )
    http_client = DefaultAioHttpClient(
        limits=limits,
        follow_redirects=False,  # a key must not travel to an address that nobody put on the list
        trust_env=not provider.is_simulated,  # the simulator is on this machine, a proxy is not
        event_hooks={"response": [_check_before_reading]},
    )
    client = AsyncOpenAI(
        base_url=provider.base_url,
        api_key=provider.api_key,
        max_retries=0,
        http_client=http_client,
        default_headers=cast("dict[str, str]", {"Accept-Encoding": "identity", **UNSAID_ONCE}),
    )
    # Read from the environment by the SDK and meant for one vendor; sent to every provider otherwise.
    client.organization = client.project = None
    return client


async def _check_before_reading(response: httpx2.Response) -> None:
    """Refuse, before the body is read, what is not the reply to this request or cannot be bounded."""
    headers = {name.lower(): value for name, value in response.headers.raw}
    of_request = headers.get(REQUEST_ID_HEADER.lower().encode())
    if of_request is not None and of_request.decode("latin-1") != response.request.headers.get(REQUEST_ID_HEADER):
        raise errors.MismatchedReply
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise errors.EncodedReply(response.status_code, response.headers)
    length = headers.get(b"content-length", b"")
    if not length.isdigit():
        response.stream = _BoundedStream(response.stream)
    elif int(length) > MAX_REPLY_BYTES:
        raise errors.OversizedReply


class _BoundedStream(httpx2.AsyncByteStream):
    """A body that may not exceed MAX_REPLY_BYTES: the SDK would read any amount into memory."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size_bytes = 0
        async for chunk in self.stream:
            size_bytes += len(chunk)
            if size_bytes > MAX_REPLY_BYTES:
                raise errors.OversizedReply
            yield chunk

    async def aclose(self) -> None:
        await self.stream.aclose()
