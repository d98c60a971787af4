"""Other ways to make the same calls, each in a process of its own that takes `N` on a line and tells what N calls cost.

`sdk`: the yardstick, AsyncOpenAI on its aiohttp backend and uvloop. `script`: AsyncOpenAI as it comes, a semaphore and gather,
the shape of the published script. `aiohttp`: no SDK at all. None of them keeps, scores or stores an answer.
Source of that shape: https://github.com/centerforaisafety/hle (hle_eval/run_model_predictions.py).
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import uvloop
from openai import AsyncOpenAI, DefaultAioHttpClient

MODEL = "simulated-small"
Messages = list[dict[str, Any]]
Run = Callable[[list[Messages]], Awaitable[None]]


async def serve(kind: str, base_url: str, messages_path: str, at_once: int) -> None:
    """Answer each number on standard input with the cost of so many calls."""
    messages = cycle(json.loads(Path(messages_path).read_text()))
    async with PEERS[kind](base_url, at_once) as run:
        await run(list(islice(messages, 64)))
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = list(islice(messages, int(line)))
            before, started = cpu_s(), time.monotonic()
            await run(asked)
            usage = {"cpu_s": cpu_s() - before, "wall_s": time.monotonic() - started, "calls": len(asked)}
            usage["peak_rss_kb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 // 1_000
            print(json.dumps(usage), flush=True)


def cpu_s() -> float:
    """Processor seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@asynccontextmanager
async def bare_sdk(base_url: str, at_once: int) -> AsyncIterator[Run]:
    """The SDK at its cheapest: aiohttp, kept connections, no retries, no task for each call."""
    limits = httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once, keepalive_expiry=30)
    http_client = DefaultAioHttpClient(limits=limits)
    async with AsyncOpenAI(base_url=base_url, api_key="stub", max_retries=0, http_client=http_client) as client:
        yield lambda asked: _drain(asked, at_once, lambda messages: _complete(client, messages))


@asynccontextmanager
async def script(base_url: str, at_once: int) -> AsyncIterator[Run]:
    """The SDK as it comes, a task for each call, a semaphore around it."""
    gate = asyncio.Semaphore(at_once)
    async with AsyncOpenAI(base_url=base_url, api_key="stub") as client:

        async def ask(messages: Messages) -> None:
            async with gate:
                await _complete(client, messages)

        async def run(asked: list[Messages]) -> None:
            await asyncio.gather(*[ask(messages) for messages in asked])

        yield run


@asynccontextmanager
async def raw_aiohttp(base_url: str, at_once: int) -> AsyncIterator[Run]:
    """One session, JSON in and out."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once)) as session:

        async def ask(messages: Messages) -> None:
            body = {"model": MODEL, "messages": messages, "max_completion_tokens": 8_192, "temperature": 0.0}
            async with session.post(f"{base_url}/chat/completions", json=body) as response:
                assert (await response.json())["choices"][0]["message"]["content"]

        yield lambda asked: _drain(asked, at_once, ask)


async def _complete(client: AsyncOpenAI, messages: Messages) -> None:
    completion = await client.chat.completions.create(
        model=MODEL, messages=messages, max_completion_tokens=8_192, temperature=0.0
    )
    assert completion.choices[0].message.content


async def _drain(asked: list[Messages], at_once: int, ask: Callable[[Messages], Awaitable[None]]) -> None:
    waiting = iter(asked)

    async def call() -> None:
        for messages in waiting:
            await ask(messages)

    await asyncio.gather(*[call() for _ in range(min(at_once, len(asked)))])


PEERS: dict[str, Callable[[str, int], AbstractAsyncContextManager[Run]]] = {
    "sdk": bare_sdk,
    "script": script,
    "aiohttp": raw_aiohttp,
}

if __name__ == "__main__":
    kind, address, path, calls = sys.argv[1:]
    with asyncio.Runner(loop_factory=asyncio.new_event_loop if kind == "script" else uvloop.new_event_loop) as runner:
        runner.run(serve(kind, address, path, int(calls)))
