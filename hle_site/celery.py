"""The Celery application and the fixed schedule. Messages carry ids only; PostgreSQL is the queue of record."""

import logging
import os

from celery import Celery
from celery.signals import import_modules, setup_logging
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hle_site.settings")

app = Celery("hle_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks(["hle_site", "hle_site.notifications", "questions", "grading", "review"])


@setup_logging.connect
def keep_django_logging(**_kwargs: object) -> None:
    """Stop Celery from replacing the JSON logs that Django has configured."""


@import_modules.connect
def log_warnings(**_kwargs: object) -> None:
    """Let warnings be lines of the log, in worker and beat, from before Celery's own."""
    logging.captureWarnings(True)


def _every(task: str, seconds: float) -> dict[str, object]:
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 1.0)}}


app.conf.beat_schedule = {
    name: _every(name, settings.SWEEP_INTERVAL_S)
    for name in (
        "hle_site.tasks.sweep_status_changes",
        "questions.tasks.sweep",
        "grading.tasks.sweep",
        "review.tasks.sweep",
        "hle_site.notifications.tasks.sweep",
    )
}
