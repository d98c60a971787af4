"""Thin tasks: ids in, claim, call, store, settle."""

from celery import shared_task


@shared_task
def run_check(check_id: str) -> None:
    """Work on what is due; the id is a hint."""


@shared_task
def sweep() -> None:
    """Find what is due and has no message."""
