"""Workers that die or stop in the middle of checks: nothing is lost, nothing passes by it, and paid twice is only what was open."""

import signal
from pathlib import Path
from typing import Any

import pytest

from grading.enums import LedgerState, PredictionState
from grading.models import Ledger, Prediction, Worker
from tests.faults import world
from tests.faults.processes import beat, wait_for, worker

pytestmark = pytest.mark.django_db(transaction=True)

VERDICTS_S = 90


def reserved() -> int:
    """Calls that nobody has heard the end of."""
    return Ledger.objects.filter(state=LedgerState.RESERVED).count()


def test_killed_worker_loses_nothing_and_pays_twice_only_what_was_in_flight(simulate: Any, tmp_path: Path) -> None:
    simulator = simulate(fixed=world.FIXED, delay_s=[0.4, 0.8])
    world.start_checks(8)
    with beat(tmp_path):
        with worker(tmp_path) as first:
            wait_for(lambda: len(simulator.journal()) >= 20, seconds=60, what="twenty calls")
            first.send_signal(signal.SIGKILL)
            first.wait(10)
        in_flight = reserved()
        with worker(tmp_path):
            wait_for(world.is_settled, seconds=VERDICTS_S, what="a verdict for every question")

    assert in_flight > 0
    assert Ledger.objects.filter(state=LedgerState.AMBIGUOUS).count() == in_flight
    world.assert_nothing_is_lost(8)
    world.assert_every_call_is_in_the_ledger(simulator.journal())
    world.assert_paid_twice_only_what_was_open(simulator.journal(), in_flight)


@pytest.mark.long
def test_other_worker_takes_over_from_a_killed_one(simulate: Any, tmp_path: Path) -> None:
    simulator = simulate(fixed=world.FIXED, delay_s=[0.4, 0.8])
    with beat(tmp_path), worker(tmp_path, CALLS_IN_FLIGHT="16") as first, worker(tmp_path, CALLS_IN_FLIGHT="16"):
        wait_for(lambda: Worker.objects.count() == 2, seconds=60, what="two workers")
        world.start_checks(20)
        wait_for(lambda: len(simulator.journal()) >= 30, seconds=60, what="thirty calls")
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        wait_for(world.is_settled, seconds=VERDICTS_S, what="a verdict for every question")

    world.assert_nothing_is_lost(20)
    world.assert_every_call_is_in_the_ledger(simulator.journal())
    world.assert_paid_twice_only_what_was_open(simulator.journal(), 16)


def test_stopped_worker_ends_its_calls_and_hands_the_rest_back(simulate: Any, tmp_path: Path) -> None:
    simulator = simulate(fixed=world.FIXED, delay_s=[0.4, 0.8])
    world.start_checks(8)
    with beat(tmp_path):
        with worker(tmp_path, CALLS_IN_FLIGHT="6") as first:
            wait_for(lambda: len(simulator.journal()) >= 8, seconds=60, what="eight calls")
            first.send_signal(signal.SIGTERM)
            first.wait(20)
        held = Prediction.objects.exclude(worker=None).exclude(state=PredictionState.SETTLED).count()
        with worker(tmp_path):
            wait_for(world.is_settled, seconds=VERDICTS_S, what="a verdict for every question")

    assert (first.returncode, held) == (0, 0)
    assert Worker.objects.filter(stopped_at=None).count() == 1
    assert Ledger.objects.exclude(state=LedgerState.BILLED).count() == 0
    world.assert_nothing_is_lost(8)
    world.assert_every_call_is_in_the_ledger(simulator.journal())
    assert len(simulator.journal()) == Ledger.objects.count()
    assert set(world.asked(simulator.journal()).values()) == {1}


@pytest.mark.long
def test_rolling_restart_pays_for_nothing_twice(simulate: Any, tmp_path: Path) -> None:
    simulator = simulate(fixed=world.FIXED, delay_s=[1, 3])
    world.start_checks(24)
    with beat(tmp_path):
        for _deploy in range(4):
            n_calls = len(simulator.journal())
            with worker(tmp_path, CALLS_IN_FLIGHT="12") as running:
                wait_for(lambda: len(simulator.journal()) >= n_calls + 15, seconds=60, what="calls")  # noqa: B023
                running.send_signal(signal.SIGTERM)
                running.wait(30)
            assert (running.returncode, reserved()) == (0, 0)
        with worker(tmp_path):
            wait_for(world.is_settled, seconds=VERDICTS_S, what="a verdict for every question")

    world.assert_nothing_is_lost(24)
    assert len(simulator.journal()) == Ledger.objects.filter(state=LedgerState.BILLED).count()
    assert set(world.asked(simulator.journal()).values()) == {1}
