"""Thin tasks: a message is a hint to look into the database, and an id in it says why it was sent."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import structlog
from celery import shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from grading import checks, engine
from grading.catalogue import actions as catalogue
from grading.models import Judgement, ModelSpec, Prediction, Worker

logger = structlog.get_logger(__name__)

SWEEP_LOCK = 0x47524144  # "GRAD"
HINTED = "grading-hinted"
HINT_S = 5  # after so long a message counts as lost; until then one is enough for all who wait
LONGEST_COUNTDOWN_S = 60
MOST_AT_A_TIME = 500


@shared_task
def run_check(check_id: str = "") -> None:
    """Work on whatever is due, this check among it; when more is due soon, leave a message for then."""
    with suppress(RedisError):
        cache.delete(HINTED)  # before the look: what becomes due after it sends a message of its own
    due_s = engine.current().work()
    if due_s is not None and due_s < LONGEST_COUNTDOWN_S:
        send_check(check_id, countdown_s=max(due_s, 0.5))


@shared_task
def judge_again() -> None:
    """Put stored answers before their judges once more, as far as that is due."""
    if engine.current().judge_again(MOST_AT_A_TIME) == MOST_AT_A_TIME:
        send(judge_again)


@shared_task
def sweep() -> None:
    """Find what is due and has no message: after a crash, a lost broker, a dead worker. Two sweeps at once do it once."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SWEEP_LOCK])
        if not cursor.fetchone()[0]:
            return
        moved = checks.sweep()
        n_due = Prediction.objects.open().filter(due_at__lte=Now()).count()
        n_workers = Worker.objects.alive().count()
        is_again_due = Judgement.objects.filter(due_at__lte=Now()).exists()
    logger.info("swept", moved=moved, due=n_due)
    for _worker in range(min(n_due, max(1, n_workers))):
        send_check("")
    if is_again_due:
        send(judge_again)


@shared_task
def test_connection(model_id: int, by_id: str) -> None:
    """Ask a model for one word, for the page of its provider."""
    model = ModelSpec.objects.select_related("provider").get(pk=model_id)
    catalogue.run_test(model=model, by=get_user_model().objects.get(pk=by_id))


def hint(check_id: str) -> None:
    """Send a message, unless one is on its way whose worker looks after now: it takes whatever is due then."""
    try:
        is_alone = cache.add(HINTED, 1, HINT_S)
    except RedisError as error:
        logger.warning("broker_unreachable", error=type(error).__name__)
        return
    if is_alone:
        send_check(check_id)


def send_check(check_id: str, *, countdown_s: float | None = None) -> None:
    """Send a message; without a broker the sweep finds the work."""
    send(run_check, check_id, countdown_s=countdown_s, expires_s=settings.SWEEP_INTERVAL_S * 10)


def send(task: Any, *arguments: Any, countdown_s: float | None = None, expires_s: float = 120) -> bool:
    """Send a message of ids, and return whether the broker took it."""
    try:
        task.apply_async(arguments, countdown=countdown_s, expires=expires_s)
    except OperationalError as error:
        logger.warning("broker_unreachable", error=type(error).__name__)
        return False
    return True


@worker_ready.connect
def start_engine(**_kwargs: object) -> None:
    """Sign on before the first message, so that the operations page shows the worker."""
    engine.current()


@worker_shutting_down.connect
def stop_claiming(**_kwargs: object) -> None:
    """Let calls end and claim nothing new."""
    engine.stop_claiming()


@worker_shutdown.connect
def end_engine(**_kwargs: object) -> None:
    """Hand everything back."""
    engine.shut_down()
