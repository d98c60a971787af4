"""Thin tasks of review: due dates and reminders."""

from celery import shared_task

from review import deadlines


@shared_task
def sweep() -> None:
    """Expire assignments past their due date and remind people."""
    deadlines.sweep()
