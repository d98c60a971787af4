"""The broker or the database goes away and comes back: work goes on, nothing is lost, nothing is paid for twice without need."""

import time
from pathlib import Path
from typing import Any

import pytest

from grading.enums import LedgerState
from grading.models import Ledger, Worker
from tests.faults import world
from tests.faults.processes import beat, wait_for, worker
from tests.faults.servers import own_broker, own_database

pytestmark = pytest.mark.django_db(transaction=True)

START_S, VERDICTS_S = 60, 90


def assert_paid_once(journal: list[dict[str, Any]], count: int) -> None:
    """All verdicts are there, each for one call."""
    world.assert_nothing_is_lost(count)
    world.assert_every_call_is_in_the_ledger(journal)
    assert set(world.asked(journal).values()) == {1}
    assert len(journal) == Ledger.objects.filter(state=LedgerState.BILLED).count()


def test_emptied_and_killed_broker_delays_and_loses_nothing(simulate: Any, tmp_path: Path) -> None:
    simulator = simulate(fixed=world.FIXED, delay_s=[0.2, 0.4])
    with own_broker() as broker:
        where = {"REDIS_URL": broker.url}
        with beat(tmp_path, **where), worker(tmp_path, **where):
            wait_for(Worker.objects.exists, seconds=START_S, what="a worker")
            broker.flush()  # an idle worker that has told the broker of its queue before
            world.start_checks(4)
            wait_for(world.is_settled, seconds=VERDICTS_S, what="verdicts after FLUSHALL")
            broker.kill()
            world.start_checks(4)
            broker.start()
            wait_for(world.is_settled, seconds=VERDICTS_S, what="verdicts after a restart without a log")

    journal = simulator.journal()
    assert len(world.asked(journal)) == len(journal)
    assert world.verdicts() == {"passed": 6, "failed": 2}


@pytest.mark.long
@pytest.mark.parametrize("away_s", [20, 60])
def test_broker_that_is_away_in_the_middle_of_calls(simulate: Any, tmp_path: Path, away_s: float) -> None:
    simulator = simulate(fixed=world.FIXED, delay_s=[1, 2])
    with own_broker() as broker:
        where = {"REDIS_URL": broker.url}
        with beat(tmp_path, **where), worker(tmp_path, CALLS_IN_FLIGHT="16", **where):
            wait_for(Worker.objects.exists, seconds=START_S, what="a worker")
            world.start_checks(20)
            wait_for(lambda: len(simulator.journal()) >= 20, seconds=60, what="twenty calls")
            broker.kill()
            time.sleep(away_s)
            broker.start()
            wait_for(world.is_settled, seconds=VERDICTS_S, what="a verdict for every question")

    assert_paid_once(simulator.journal(), 20)


def test_killed_database_is_waited_for(simulate: Any, tmp_path: Path) -> None:
    simulator = simulate(fixed=world.FIXED, delay_s=[0.4, 0.8])
    with own_database() as database:
        where = {"DATABASE_URL": database.url}
        world.start_checks(8)
        with beat(tmp_path, **where), worker(tmp_path, CALLS_IN_FLIGHT="8", **where):
            wait_for(lambda: len(simulator.journal()) >= 16, seconds=START_S, what="sixteen calls")
            database.kill()
            database.start_again()
            wait_for(world.is_settled, seconds=VERDICTS_S, what="a verdict for every question")

        world.assert_nothing_is_lost(8)
        world.assert_every_call_is_in_the_ledger(simulator.journal())
        assert set(world.asked(simulator.journal()).values()) == {1}


@pytest.mark.long
def test_database_that_is_away_for_half_a_minute(simulate: Any, tmp_path: Path) -> None:
    simulator = simulate(fixed=world.FIXED, delay_s=[1, 2])
    with own_database() as database:
        where = {"DATABASE_URL": database.url}
        world.start_checks(12)
        with beat(tmp_path, **where), worker(tmp_path, CALLS_IN_FLIGHT="16", **where):
            wait_for(lambda: len(simulator.journal()) >= 16, seconds=START_S, what="sixteen calls")
            database.kill()
            time.sleep(30)
            database.start_again()
            wait_for(world.is_settled, seconds=VERDICTS_S, what="a verdict for every question")

        world.assert_nothing_is_lost(12)
        world.assert_every_call_is_in_the_ledger(simulator.journal())
        assert max(world.asked(simulator.journal()).values()) <= 2
