"""Calls refused with 429 under a rate limit, known and guessed too high, beside the SDK's retries.

A simulated provider lets 50 requests a second through, as many at once, and answers all others with 429 and Retry-After: 1. Two
worker processes share the pace; each question is one call to one model. The peers make their calls at once, as scripts do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks import site
from tests.benchmarks.report import Figure, report

PER_SECOND = 50
GUESSED = 80
DELAY_S = 2.0
MODEL = "simulated-small"
RUN_S = 300.0


class Run(NamedTuple):
    """What one client needed for its calls."""

    calls: int
    lost: int
    sent: int
    refused: int
    wall_s: float

    @property
    def refused_per_1000(self) -> float:
        """Requests refused for each 1,000 calls that were wanted."""
        return 1_000 * self.refused / self.calls

    @property
    def ideal(self) -> str:
        """The wall beside the least that the limit allows: a second's worth at once, the rest evenly."""
        return f"{self.wall_s:.1f} s of at least {(self.calls - PER_SECOND) / PER_SECOND + DELAY_S:.1f} s"


def main() -> int:
    """Measure, print the table, and return the exit status."""
    options = _options()
    site.end_in_order()
    with contextlib.ExitStack() as stack:
        stack.enter_context(site.fresh_database("bench_pacing"))
        stack.enter_context(site.broker())
        import django

        django.setup()  # the settings name services that were just started
        known = _by_the_site(PER_SECOND, options.calls)
        guessed = _by_the_site(GUESSED, options.calls)
        peers = {retries: _by_the_sdk(retries, options.calls) for retries in (2, 10)}
    return report("Pacing", _figures(known, guessed, peers), context=_context(options.calls))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py bench pacing", allow_abbrev=False)
    parser.add_argument("--calls", type=int, default=1_000, help="of each client")
    return parser.parse_args()


def _context(calls: int) -> list[str]:
    return [
        f"{calls} calls a client; the provider takes {DELAY_S:.0f} s for an answer and {PER_SECOND} requests a second"
    ]


@contextlib.contextmanager
def _provider() -> Iterator[Any]:
    fixed = [{"contains": "divisors", "models": "simulated-[!j]*", "answer": "17"}]
    with site.provider(requests_per_second=PER_SECOND, delay_s=[DELAY_S, DELAY_S], fixed=fixed) as simulator:
        yield simulator


def _by_the_site(limit_per_second: int, calls: int) -> Run:
    from grading.models import DifficultyCheck, Provider, Worker
    from tests.benchmarks.calls import world
    from tests.faults.processes import wait_for, worker

    site.use_one_model(MODEL)
    Provider.objects.update(requests_per_minute=60 * limit_per_second, paused_until=None, paused_reason="")
    batch = world.open_batch(site.templates(), calls)
    known = Worker.objects.count()
    # production's own intervals: nothing dies here, so that none of them is waited for
    usual = {"HEARTBEAT_INTERVAL_S": "15", "WORKER_DEAD_AFTER_S": "60", "REDIS_URL": os.environ["REDIS_URL"]}
    with tempfile.TemporaryDirectory() as folder, _provider() as simulator:
        with worker(Path(folder), **usual), worker(Path(folder), **usual):
            wait_for(lambda: Worker.objects.count() >= known + 2, seconds=120, what="two workers")
            began = time.monotonic()
            world.release(batch)
            with contextlib.suppress(AssertionError):
                wait_for(lambda: world.is_settled(batch), seconds=RUN_S, what="verdicts")
            wall_s = time.monotonic() - began
        lost = DifficultyCheck.objects.live().filter(pk__in=batch).count()
        return _run(simulator, calls, lost, wall_s)


def _run(simulator: Any, calls: int, lost: int, wall_s: float) -> Run:
    lines = [line for line in simulator.journal() if line["model"] == MODEL]
    run = Run(calls, lost, len(lines), sum(line["status"] == 429 for line in lines), wall_s)
    print(f"  {run}", flush=True)
    return run


def _by_the_sdk(max_retries: int, calls: int) -> Run:
    with _provider() as simulator:
        began = time.monotonic()
        lost = asyncio.run(_ask_all(simulator.base_url, max_retries, calls))
        return _run(simulator, calls, lost, time.monotonic() - began)


async def _ask_all(base_url: str, max_retries: int, calls: int) -> int:
    """Make all calls at once and return how many ended in an error."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async with AsyncOpenAI(
        base_url=base_url, api_key="bench", max_retries=max_retries, http_client=DefaultAioHttpClient()
    ) as client:
        asked = (
            client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": f"Which number has {number} divisors?"}]
            )
            for number in range(calls)
        )
        ends = await asyncio.gather(*asked, return_exceptions=True)
    return sum(isinstance(end, BaseException) for end in ends)


def _figures(known: Run, guessed: Run, peers: dict[int, Run]) -> list[Figure]:
    beside = ", ".join(f"SDK, {retries} retries: {run.refused_per_1000:,.0f}" for retries, run in peers.items())
    figures = [
        Figure(
            "429 per 1,000 calls, known limit", known.refused_per_1000, "", 20, 0, is_lower_better=True, peer=beside
        ),
        Figure("calls lost, known limit", known.lost, "", 0, 0, is_lower_better=True, peer=known.ideal),
        Figure(f"429 per 1,000 calls, {GUESSED}/s guessed", guessed.refused_per_1000, peer=beside),
        Figure(f"calls lost, {GUESSED}/s guessed", guessed.lost, "", 0, 0, is_lower_better=True, peer=guessed.ideal),
    ]
    for retries, run in peers.items():
        figures.append(Figure(f"calls lost, SDK with {retries} retries", run.lost, peer=run.ideal))
    return figures


if __name__ == "__main__":
    sys.exit(main())
