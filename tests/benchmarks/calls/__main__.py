"""Processor time and memory of a model call in the real worker, beside the bare SDK and inspect_ai.

The worker's time is that of its whole process tree, all in: message, lease, call, comparison, batched writes, verdicts and
what follows them. The provider's stand-in, the database and the sender of messages are not in it. Rounds are interleaved with
the peers', and each ratio is the median of the rounds' own. The database and the broker keep what they accept (fsync is on).
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from hle_site import embedded
from hle_site.embedded import environment, places
from hle_site.embedded.places import CHECKOUT
from tests.benchmarks.calls import meter
from tests.benchmarks.calls.meter import Peer, Stub, Usage
from tests.benchmarks.report import Figure, absent, report

if TYPE_CHECKING:
    from tests.benchmarks.calls.site import Beside, Held

INSPECT = ("inspect-ai==0.3.285", "openai==3.54.0")
INSTALL_S = 600
PEERS = {"sdk": "bare SDK", "aiohttp": "aiohttp", "script": "HLE's script", "inspect": "inspect_ai"}
WORKER = "worker"
SPARE_QUESTIONS = 1.05  # of those that fill the worker, so that it is full for a while


class Rounds:
    """What each round cost, by who made its calls."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[Usage]] = defaultdict(list)

    def add(self, name: str, usage: Usage) -> None:
        """Keep a round and print it."""
        self.by_name[name].append(usage)
        print(
            f"  {PEERS.get(name, name):<13}{usage.calls:>6} calls {usage.cpu_ms_per_call:8.3f} ms CPU a call"
            f" {usage.calls / usage.wall_s:6.0f} calls/s   load {os.getloadavg()[0]:.1f}",
            flush=True,
        )

    def cpu_ms(self, name: str) -> float:
        """Median of processor milliseconds a call."""
        return _median(usage.cpu_ms_per_call for usage in self.by_name[name])

    def ratio(self, name: str, other: str) -> float:
        """Median over the rounds of the ratio of processor time a call."""
        pairs = zip(self.by_name[name], self.by_name[other], strict=False)
        return _median(one.cpu_ms_per_call / two.cpu_ms_per_call for one, two in pairs)


def main() -> int:
    """Measure, print the table, and return the exit status."""
    options = _options()
    if not Path("/proc/self/stat").exists():
        return absent("the processor time of a process tree is read from /proc, which this system lacks.")
    with contextlib.ExitStack() as stack:
        services = stack.enter_context(embedded.services(places.default_state() / "bench", durable=True))
        services.empty_database()
        stub = Stub()
        stack.enter_context(meter.ending(stub.process))
        os.environ |= environment.of_site("test", services, environment.test_secrets())
        os.environ |= {"SIMULATOR_URL": stub.base_url, "SIMULATOR_TOKEN": "stub"}
        subprocess.run([sys.executable, "manage.py", "migrate", "--no-input", "-v", "0"], cwd=CHECKOUT, check=True)
        figures = _measure(services, stub, options, stack)
    context = [
        f"{options.rounds} rounds of {options.questions} questions, six calls each and 18 where options are confirmed; answers of 1.1 kB after {options.latency} s",
        f"at most {options.at_once} calls in flight, also for the peers; PostgreSQL with fsync, Valkey with its log",
    ]
    return report("Model calls", figures, context=context)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py bench calls", allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--questions", type=int, default=120, help="in a round; each is six calls")
    parser.add_argument("--latency", type=float, default=0.5, help="seconds until the stub answers")
    parser.add_argument(
        "--at-once", type=int, default=512, help="most calls in flight while processor time is measured"
    )
    parser.add_argument("--in-flight", type=int, default=5_000, help="calls that one worker is to hold at once")
    parser.add_argument("--inspect-calls", type=int, default=60, help="in a round; 0 leaves inspect_ai out")
    return parser.parse_args()


def _measure(
    services: embedded.Services, stub: Stub, options: argparse.Namespace, stack: contextlib.ExitStack
) -> list[Figure]:
    import django

    django.setup()  # the settings name services that were just started
    from tests.benchmarks.calls import world
    from tests.benchmarks.calls.site import Site

    world.keep_quiet()
    world.allow(options.in_flight)
    narrow = world.make_templates()
    warm_up, logged = world.open_batch(narrow, 20), world.open_batch(narrow, 50)
    batches = [world.open_batch(narrow, options.questions) for _round in range(options.rounds)]
    world.use_one_wave()
    wide = world.make_templates()
    first, filling = (
        world.open_batch(wide, 10),
        world.open_batch(wide, math.ceil(options.in_flight / 6 * SPARE_QUESTIONS)),
    )
    messages = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "messages.json"
    world.write_messages(messages)
    site = Site(services, stub, latency_s=options.latency)
    peers = _peers(stub, messages, options, stack)
    rounds, beside = Rounds(), []
    stub.set_latency(options.latency)
    with site.worker(calls_in_flight=options.at_once) as pid:
        site.run(pid, warm_up)
        for batch in batches:
            for name, peer in peers.items():
                rounds.add(name, peer(6 * options.questions))
            usage, others = site.run_beside(pid, batch)
            rounds.add(WORKER, usage)
            beside.append(others)
        statements = site.statements_per_call(pid, logged)
    stub.set_latency(0)
    with site.worker(calls_in_flight=options.in_flight) as pid:
        site.run(pid, first)
        held = site.hold(pid, filling)
    return _figures(rounds, beside, statements, held)


def _peers(
    stub: Stub, messages: Path, options: argparse.Namespace, stack: contextlib.ExitStack
) -> dict[str, Callable[[int], Usage]]:
    """Return the peers by name, each ready to make a number of calls."""
    own = [sys.executable, "-m", "tests.benchmarks.calls.peers"]
    commands = {
        name: [*own, name, stub.base_url, str(messages), str(options.at_once)] for name in ("sdk", "aiohttp", "script")
    }
    python = _python_with_inspect() if options.inspect_calls else None
    if python:
        commands["inspect"] = [str(python), str(meter.HERE / "inspect_peer.py"), stub.base_url, str(messages)]
    peers = {name: Peer(command) for name, command in commands.items()}
    for peer in peers.values():
        stack.enter_context(meter.ending(peer.process))
    runs = {name: peer.run for name, peer in peers.items()}
    if python:
        runs["inspect"] = lambda _calls: peers["inspect"].run(options.inspect_calls)
    return runs


def _python_with_inspect() -> Path | None:
    """Return the Python of an environment with inspect_ai, made at the first run; None when it cannot be had."""
    home = places.default_state() / "peers" / INSPECT[0].replace("==", "-")
    python, done = home / "bin/python", home / "complete"
    if done.exists():
        return python
    print(f"Installing {INSPECT[0]} into {home} ...", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    try:
        venv.create(home, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *INSPECT],
            check=True,
            timeout=INSTALL_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"inspect_ai could not be installed: {error}")
        return None
    done.touch()
    return python


def _figures(rounds: Rounds, beside: list[Beside], statements: float, held: Held) -> list[Figure]:
    worker_ms, sdk_ms = rounds.cpu_ms(WORKER), rounds.cpu_ms("sdk")
    return [
        Figure(
            "CPU per call, all in / bare SDK",
            rounds.ratio(WORKER, "sdk"),
            "x",
            at_least=1.5,
            aim=1.25,
            is_lower_better=True,
            peer=f"{worker_ms:.2f} ms / {sdk_ms:.2f} ms",
            note="the worker calls by the SDK's untyped method, with fewer headers, which is cheaper than the typed one",
        ),
        Figure(
            "calls per CPU-second / inspect_ai",
            rounds.ratio("inspect", WORKER),
            "x",
            at_least=7,
            aim=10,
            peer=f"{1_000 / worker_ms:.0f} / {1_000 / rounds.cpu_ms('inspect'):.0f}",
            note="" if rounds.by_name["inspect"] else "inspect_ai could not be installed",
        ),
        Figure("calls in flight, one worker", held.calls, at_least=2_000, aim=5_000),
        Figure(
            "memory per call in flight",
            held.kb_per_call,
            "KB",
            at_least=60,
            aim=40,
            is_lower_better=True,
            peer=f"{held.idle_kb / 1_000:.0f} MB idle, {held.full_kb / 1_000:.0f} MB full",
        ),
        *(
            Figure(
                f"CPU per call, {PEERS[name]}", rounds.cpu_ms(name), "ms", peer=f"peak {_peak_mb(rounds, name):.0f} MB"
            )
            for name in PEERS
        ),
        Figure("CPU per call, worker", worker_ms, "ms", peer=f"peak {_peak_mb(rounds, WORKER):.0f} MB"),
        Figure("CPU per call, PostgreSQL", _median(one.postgres_ms_per_call for one in beside), "ms"),
        Figure("database round trips per call", statements),
        Figure(
            "Redis commands per question",
            _median(one.redis_commands_per_question for one in beside),
            note="with those of the sender",
        ),
        Figure("added latency, median", _median(one.added_p50_ms for one in beside), "ms"),
        Figure("added latency, p99", _median(one.added_p99_ms for one in beside), "ms"),
    ]


def _peak_mb(rounds: Rounds, name: str) -> float:
    return max((usage.peak_rss_kb for usage in rounds.by_name[name]), default=math.nan) / 1_000


def _median(values: Iterable[float]) -> float:
    return median([*values] or [math.nan])


if __name__ == "__main__":
    sys.exit(main())
