"""A contributor with hundreds of calls due delays nobody else by more than what is already under way."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from grading.engine import claims, leases
from grading.models import DifficultyCheck, Prediction
from questions.models import Question
from tests import factories
from tests.faults import world
from tests.faults.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 300
AT_ONCE = 16


@pytest.fixture
def busy(transactional_db: None) -> Iterator[Question]:
    """A question of somebody who has so many calls due."""
    question = factories.make_checking(by=factories.make_user("busy"), prompt="Which number has 14 divisors, exactly?")
    rows = list(Prediction.objects.all())
    more = [
        Prediction(
            tested_hash=row.tested_hash,
            revision=row.revision,
            panel=row.panel,
            model=row.model,
            wave=1,
            draw=draw,
            due_at=row.due_at,
        )
        for row in rows
        for draw in range(1, MANY // len(rows))
    ]
    Prediction.objects.bulk_create(more)
    assert Prediction.objects.count() == MANY
    return question


def quiet_check() -> str:
    """Start the one check of somebody else, and return the hash of its text."""
    question = factories.make_checking(by=factories.make_user("quiet"), prompt="Which number has 22 divisors?")
    return question.newest.tested_hash


def test_next_claim_takes_the_one_row_of_another(busy: Question) -> None:
    mine = quiet_check()
    Prediction.objects.filter(tested_hash=mine, position__gt=0).delete()

    taken = claims.claim(leases.sign_on(), 2).rows

    assert {row.tested_hash for row in taken} == {mine, busy.newest.tested_hash}


def test_every_contributor_is_in_every_claim(busy: Question) -> None:
    hashes = {quiet_check(), busy.newest.tested_hash}
    for number in range(3):
        question = factories.make_checking(
            by=factories.make_user(f"other{number}"), prompt=f"What has {number} divisors?"
        )
        hashes.add(question.newest.tested_hash)

    taken = claims.claim(leases.sign_on(), 5).rows

    assert {row.tested_hash for row in taken} == hashes


def test_another_is_asked_as_soon_as_calls_under_way_end(
    busy: Question, simulate: Any, own_engine: Any, settings: Any
) -> None:
    settings.CALLS_IN_FLIGHT = AT_ONCE
    simulator = simulate(fixed=world.FIXED, delay_s=[0.2, 0.4])
    working = threading.Thread(target=own_engine.work)
    working.start()
    wait_for(lambda: len(simulator.journal()) >= AT_ONCE, seconds=60, what="all places taken")
    quiet = DifficultyCheck.objects.get(tested_hash=quiet_check())
    n_before = len(simulator.journal())
    wait_for(
        lambda: Prediction.objects.filter(tested_hash=quiet.tested_hash, tries=1).count() >= 2, seconds=60, what="it"
    )
    n_after = len(simulator.journal())
    Prediction.objects.filter(tested_hash=busy.newest.tested_hash, state="waiting").update(
        due_at=timezone.now().replace(year=2999)
    )
    working.join(60)

    # what had a place when it came, and what was claimed together with it
    assert n_after - n_before <= 2 * AT_ONCE
    assert not working.is_alive()
