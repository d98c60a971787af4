"""Messages: one wakes a worker for all who wait, and none is needed that is on its way."""

import time
from typing import Any

import pytest
from django.conf import settings
from redis import Redis

from grading import tasks
from hle_site.celery import app
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    app.control.purge()


def n_messages() -> int:
    with Redis.from_url(settings.CACHE_URL) as redis:
        return int(redis.llen("hle:celery"))


def test_one_message_is_on_its_way_for_all_who_wait() -> None:
    for _start in range(3):
        tasks.hint("")

    assert n_messages() == 1


def test_what_becomes_due_after_a_worker_looked_sends_a_message_of_its_own(own_engine: Any) -> None:
    tasks.hint("")
    tasks.run_check("")
    tasks.hint("")

    assert n_messages() == 2


def test_sweep_wakes_a_worker_whatever_is_on_its_way(contributor: Any) -> None:
    factories.make_checking(by=contributor)
    tasks.hint("")
    n_before = n_messages()

    tasks.sweep()

    assert n_messages() == n_before + 1


def test_lost_message_silences_the_next_ones_for_a_while_only(monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks, "HINT_S", 1)
    tasks.hint("")
    app.control.purge()

    tasks.hint("")
    n_silenced = n_messages()
    time.sleep(1.1)  # the broker counts in whole seconds
    tasks.hint("")

    assert (n_silenced, n_messages()) == (0, 1)
