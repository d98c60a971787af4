"""One scenario in a process of its own: a site of its own is disturbed once, and what came of it is written to a file.

`python -m tests.benchmarks.recovery.scenarios NAME FILE --checks N`, with the addresses of services in the environment.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks import site

if TYPE_CHECKING:
    import subprocess

# The intervals of production: what a recovery waits for.
PRODUCTION = {"HEARTBEAT_INTERVAL_S": "15", "WORKER_DEAD_AFTER_S": "60", "SWEEP_INTERVAL_S": "30"}
AT_ONCE = 24  # calls of one worker process
CALL_S = (1.0, 2.0)
KILL_AT = 0.85  # of the calls: what is left takes less time than the recovery
RESTART_S = 1.0
FLUSHES, IDLE_S = 3, 7.0  # at different times between two sweeps
START_S, SETTLED_S = 120.0, 420.0
ERRORS = {"500": 0.06, "503": 0.06, "529": 0.06, "reset": 0.02}
RIGHT_PERCENT = 6  # of each model's answers
SEED = "4"


class World:
    """The site of one scenario."""

    def __init__(self, folder: Path, broker: Any, simulator: Any) -> None:
        self.folder = folder
        self.broker = broker
        self.simulator = simulator

    @contextlib.contextmanager
    def beat(self, **more: str) -> Iterator[None]:
        """The clock of the sweeps."""
        from tests.faults import processes

        with processes.beat(self.folder, REDIS_URL=self.broker.url, **{**PRODUCTION, **more}):
            yield

    @contextlib.contextmanager
    def workers(self, count: int = 2, **more: str) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Worker processes that have signed on."""
        from grading.models import Worker
        from tests.faults import processes

        known = Worker.objects.count()
        settings = {"REDIS_URL": self.broker.url, "CALLS_IN_FLIGHT": str(AT_ONCE), **PRODUCTION, **more}
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(processes.worker(self.folder, **settings)) for _ in range(count)]
            _wait(lambda: Worker.objects.count() >= known + count, START_S, "workers")
            yield started

    def paid(self) -> list[dict[str, Any]]:
        """What the provider would bill: all but errors by status."""
        return [line for line in self.simulator.journal() if line["status"] == 200]


def main() -> int:
    """Run one scenario and write what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=sorted(SCENARIOS))
    parser.add_argument("file", type=Path)
    parser.add_argument("--checks", type=int, required=True)
    options = parser.parse_args()
    site.end_in_order()
    with contextlib.ExitStack() as stack:
        stack.enter_context(site.fresh_database(f"bench_recovery_{options.name}"))
        broker = stack.enter_context(site.broker())
        import django

        django.setup()  # the settings name services that were just started
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        told = SCENARIOS[options.name](stack, folder, broker, options.checks)
        options.file.write_text(json.dumps({"name": options.name, **told}))
    return 0


def _plain(stack: contextlib.ExitStack, folder: Path, broker: Any, checks: int) -> dict[str, Any]:
    """Nothing happens."""
    return _asked_in_waves(stack, folder, broker, checks, {})


def _errors(stack: contextlib.ExitStack, folder: Path, broker: Any, checks: int) -> dict[str, Any]:
    """The provider fails one call in five, by chance."""
    return _asked_in_waves(stack, folder, broker, checks, ERRORS)


def _asked_in_waves(
    stack: contextlib.ExitStack, folder: Path, broker: Any, checks: int, faults: dict[str, float]
) -> dict[str, Any]:
    from tests.benchmarks.calls import world

    batch = world.open_batch(site.templates(), checks)
    script = {"faults": faults, "seed": SEED, "replay": _recorded(folder)}
    simulator = stack.enter_context(site.provider(delay_s=[0.5, 1.0], **script))
    site_ = World(folder, broker, simulator)
    # a check that was parked resumes within seconds instead of minutes
    quick = {"SWEEP_INTERVAL_S": "5", "PARK_RETRY_S": "5,5,5,5", "PROVIDER_PAUSE_S": "1"}
    with site_.beat(**quick), site_.workers(**quick):
        world.release(batch)
        _settle(batch, resume=True)
    return _told(site_, batch) | {"verdicts": _verdicts()}


def _kill_one(stack: contextlib.ExitStack, folder: Path, broker: Any, checks: int) -> dict[str, Any]:
    """One of two workers dies in the middle of its calls."""
    return _killed(stack, folder, broker, checks, victims=1)


def _kill_all(stack: contextlib.ExitStack, folder: Path, broker: Any, checks: int) -> dict[str, Any]:
    """All workers die, and two others start a second later."""
    return _killed(stack, folder, broker, checks, victims=2)


def _killed(stack: contextlib.ExitStack, folder: Path, broker: Any, checks: int, *, victims: int) -> dict[str, Any]:
    from tests.benchmarks.calls import world

    site_, batch = _asked_at_once(stack, folder, broker, checks)
    with site_.beat(), site_.workers() as running:
        world.release(batch)
        _wait(lambda: len(site_.simulator.journal()) >= KILL_AT * 6 * checks, SETTLED_S, "most of the calls")
        killed_at = time.monotonic()
        for victim in running[:victims]:
            victim.send_signal(signal.SIGKILL)
        for victim in running[:victims]:
            victim.wait(10)
        in_flight = _open_calls_of_the_dead(victims)
        with contextlib.ExitStack() as others:
            if victims == len(running):
                time.sleep(RESTART_S)
                others.enter_context(site_.workers())
            _settle(batch)
            settled_s = time.monotonic() - killed_at
    return _told(site_, batch) | {"in_flight": in_flight, "settled_s": settled_s}


def _flush(stack: contextlib.ExitStack, folder: Path, broker: Any, checks: int) -> dict[str, Any]:
    """The broker forgets everything in the middle of the work, and again when only messages know of what is due."""
    from tests.benchmarks.calls import world

    site_, batch = _asked_at_once(stack, folder, broker, checks)
    later = [world.open_batch(site.templates(), AT_ONCE // 6) for _ in range(FLUSHES)]
    with site_.beat(), site_.workers():
        world.release(batch)
        _wait(lambda: len(site_.simulator.journal()) >= 3 * checks, SETTLED_S, "half of the calls")
        broker.flush()
        _settle(batch)
        settled_s = max(_flush_messages_of(site_, lost) for lost in later)
    return _told(site_, batch + [check for lost in later for check in lost]) | {"settled_s": settled_s}


def _flush_messages_of(site_: World, batch: list[Any]) -> float:
    """Let idle workers have work of which no message tells, and return the seconds until it was done."""
    time.sleep(IDLE_S)
    site_.broker.flush()
    flushed_at = time.monotonic()
    _make_due(batch)
    _settle(batch)
    return time.monotonic() - flushed_at


def _asked_at_once(stack: contextlib.ExitStack, folder: Path, broker: Any, checks: int) -> tuple[World, list[Any]]:
    """Checks that ask all six models in one wave, so that nothing follows the last call."""
    from tests.benchmarks.calls import world

    world.use_one_wave()
    batch = world.open_batch(site.templates(), checks)
    fixed = [{"contains": "divisors", "models": "simulated-[!j]*", "answer": "17"}]
    simulator = stack.enter_context(site.provider(delay_s=list(CALL_S), fixed=fixed))
    return World(folder, broker, simulator), batch


def _recorded(folder: Path) -> dict[str, Any]:
    """Answers of each model to each question, some of them right, the same in every run."""
    from grading.models import PanelMember
    from grading.simulator import chance
    from questions.models import Revision

    names = sorted(set(PanelMember.objects.values_list("model__name", flat=True)))
    questions, responses = folder / "questions.jsonl", folder / "responses.jsonl"
    with questions.open("w") as asked, responses.open("w") as answered:
        for revision in Revision.objects.order_by("prompt"):
            asked.write(json.dumps({"id": str(revision.pk), "question": revision.prompt}) + "\n")
            for name in names:
                is_right = chance.number("right", SEED, revision.prompt, name) % 100 < RIGHT_PERCENT
                answer = revision.answer if is_right else "17"
                row = {"question_id": str(revision.pk), "model": name, "response": "By the record.", "answer": answer}
                answered.write(json.dumps(row) + "\n")
    return {"questions": str(questions), "responses": str(responses), "models": {name: name for name in names}}


def _make_due(checks: list[Any]) -> None:
    """What is left of a test whose message is gone."""
    from django.utils import timezone

    from grading.models import DifficultyCheck, Prediction

    hashes = DifficultyCheck.objects.filter(pk__in=checks).values("tested_hash")
    Prediction.objects.filter(tested_hash__in=hashes).update(due_at=timezone.now())


def _open_calls_of_the_dead(victims: int) -> int:
    """How many calls nobody will hear the end of: all open ones when everybody is dead, else those of who does not go on."""
    from grading.models import Ledger, Prediction

    if victims > 1:
        return Ledger.objects.filter(state="reserved").count()
    time.sleep(CALL_S[1] + 1)  # the calls of the living end and are replaced by younger ones
    asked = Prediction.objects.filter(state="asked").order_by("asked_at")
    dead = asked.values_list("worker", flat=True)[:1]
    return asked.filter(worker__in=list(dead)).count()


def _settle(batch: list[Any], *, resume: bool = False) -> None:
    """Wait for every verdict; with `resume`, act as the person to whom checks are left."""
    from grading import checks
    from grading.models import DifficultyCheck
    from tests.benchmarks.calls import world

    def is_settled() -> bool:
        if resume:
            for check in DifficultyCheck.objects.filter(pk__in=batch, status="parked", due_at=None):
                checks.resume(check)
        return world.is_settled(batch)

    with contextlib.suppress(AssertionError):
        _wait(is_settled, SETTLED_S, "verdicts")


def _told(site_: World, batch: list[Any]) -> dict[str, Any]:
    """Count what was paid beside what was needed: an answer of each model in each draw, and a readable judgement where asked for.

    A connection that the provider resets after it has the request is billed and asked once more by the table of outcomes; such
    calls are counted apart.
    """
    from grading.models import DifficultyCheck, Judgement, Prediction
    from tests.benchmarks.calls import world

    paid = site_.paid()
    return {
        "checks": len(batch),
        "lost": DifficultyCheck.objects.live().filter(pk__in=batch).count(),
        "statuses": world.verdicts(batch),
        "paid": len(paid),
        "resets": sum(line["fault"] == "reset" for line in paid),
        "needed": Prediction.objects.filter(outcome="answer").count()
        + Judgement.objects.filter(outcome="answer").count(),
        "failed": sum(line["status"] >= 500 for line in site_.simulator.journal()),
    }


def _verdicts() -> dict[str, Any]:
    """By question: where its check stands, and what was said of each model's answer."""
    from grading.models import DifficultyCheck, Prediction

    found: dict[str, Any] = {}
    for prompt, status in DifficultyCheck.objects.values_list("revision__prompt", "status"):
        found[prompt] = {"": status}
    rows = Prediction.objects.exclude(verdict="unscored").values_list("revision__prompt", "model__name", "verdict")
    for prompt, model, verdict in rows:
        found[prompt][model] = verdict
    return found


def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    from tests.faults.processes import wait_for

    wait_for(condition, seconds=seconds, what=what)


SCENARIOS = {"plain": _plain, "errors": _errors, "kill_one": _kill_one, "kill_all": _kill_all, "flush": _flush}


if __name__ == "__main__":
    sys.exit(main())
