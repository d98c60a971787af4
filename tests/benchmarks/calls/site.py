"""The real worker on services of its own, and what it costs while it works off batches of questions."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.conf import settings
from redis import Redis

from grading.models import Worker
from hle_site.embedded import Services
from tests.benchmarks.calls import meter, world
from tests.benchmarks.calls.meter import Stub, Usage

# as docker-compose.yml starts it
COMMAND = (
    *("-m", "celery", "-A", "hle_site", "worker", "--pool", "threads", "-c", "16", "--prefetch-multiplier", "1"),
    *("--without-mingle", "--without-gossip", "--loglevel", "INFO"),
)
START_S, ROUND_S, IDLE_S = 60.0, 240.0, 2.0
HOLD_S = 25.0  # how long the stub holds an answer while calls in flight are counted


class Beside(NamedTuple):
    """What a round cost others, and how long calls took beyond the stub's own time."""

    postgres_ms_per_call: float
    redis_commands_per_question: float
    added_p50_ms: float
    added_p99_ms: float


class Held(NamedTuple):
    """The most calls in flight in one process, and its memory before and then."""

    calls: int
    idle_kb: int
    full_kb: int

    @property
    def kb_per_call(self) -> float:
        """Growth of resident memory for each call, in units of 1,000 bytes."""
        return (self.full_kb - self.idle_kb) / self.calls if self.calls else math.nan


class Site:
    """Services, a provider, and workers that are started on them."""

    def __init__(self, services: Services, stub: Stub, *, latency_s: float) -> None:
        self.services = services
        self.stub = stub
        self.latency_s = latency_s
        self.redis = Redis.from_url(settings.CACHE_URL)
        self.postgres_pid = next(child.process.pid for child in services.children if child.name == "postgres")

    @contextlib.contextmanager
    def worker(self, *, calls_in_flight: int) -> Iterator[int]:
        """Yield the pid of a worker that is ready; it ends with the block."""
        env = {**os.environ, "CALLS_IN_FLIGHT": str(calls_in_flight)}
        n_known = Worker.objects.count()
        with tempfile.TemporaryFile() as log:
            process = meter.start([sys.executable, *COMMAND], env=env, stdout=log, stderr=log)
            with meter.ending(process):
                meter.wait_for(lambda: Worker.objects.count() > n_known, seconds=START_S, what="a worker")
                yield process.pid

    def run(self, pid: int, checks: list[uuid.UUID]) -> Usage:
        """Release the checks and return what the worker spent until all had their verdict. Raises RuntimeError on a wrong one."""
        calls_before, cpu_before, started = self.stub.state()["calls"], meter.cpu_s(pid), time.monotonic()
        world.release(checks)
        meter.wait_for(lambda: world.is_settled(checks), seconds=ROUND_S, what=f"{len(checks)} verdicts")
        wall_s = time.monotonic() - started
        time.sleep(IDLE_S)  # what follows a verdict is part of its cost
        calls = self.stub.state()["calls"] - calls_before
        if world.verdicts(checks) != {"passed": len(checks)}:
            raise RuntimeError(f"no model was right, and still: {world.verdicts(checks)}")
        return Usage(calls, meter.cpu_s(pid) - cpu_before, wall_s, meter.peak_rss_kb(pid))

    def run_beside(self, pid: int, checks: list[uuid.UUID]) -> tuple[Usage, Beside]:
        """Run, and look at the database, the broker and the added waiting as well."""
        postgres_before, commands_before = meter.cpu_s(self.postgres_pid), self._redis_commands()
        usage = self.run(pid, checks)
        postgres_s = meter.cpu_s(self.postgres_pid) - postgres_before
        waits = [wait - 1_000 * self.latency_s for wait in world.latencies_ms(checks)]
        return usage, Beside(
            postgres_ms_per_call=1_000 * postgres_s / usage.calls,
            redis_commands_per_question=(self._redis_commands() - commands_before) / len(checks),
            added_p50_ms=waits[len(waits) // 2],
            added_p99_ms=waits[len(waits) * 99 // 100],
        )

    def statements_per_call(self, pid: int, checks: list[uuid.UUID]) -> float:
        """Run with every statement logged by the database, and return how many the worker sent for each call."""
        log = self.services.state / "logs/postgres.log"
        self.services.query("ALTER DATABASE app SET log_statement = 'all'")
        size_before = log.stat().st_size
        try:
            usage = self.run(pid, checks)
        finally:
            self.services.query("ALTER DATABASE app RESET log_statement")
        with log.open("rb") as written:
            written.seek(size_before)
            return sum(b"LOG:  statement: " in line for line in written) / usage.calls

    def hold(self, pid: int, checks: list[uuid.UUID]) -> Held:
        """Release more calls than fit, and return how many were in flight at the most, and the memory at that time."""
        self.stub.set_latency(HOLD_S)
        idle_kb = meter.rss_kb(pid)
        world.release(checks)
        most = Held(0, idle_kb, idle_kb)
        ends_at = time.monotonic() + ROUND_S
        while time.monotonic() < ends_at:
            in_flight = self.stub.state()["in_flight"]
            if in_flight > most.calls:
                most = Held(in_flight, idle_kb, meter.rss_kb(pid))
            elif in_flight < most.calls // 2:
                break
            time.sleep(0.2)
        self.stub.set_latency(0)
        meter.wait_for(lambda: world.is_settled(checks), seconds=ROUND_S, what="verdicts on all that was held")
        return most

    def _redis_commands(self) -> int:
        told: Any = self.redis.info("stats")
        return int(told["total_commands_processed"])
