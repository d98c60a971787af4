"""The task of the roof: react to status changes that a crash left unhandled."""

from celery import shared_task

from hle_site import pipeline


@shared_task
def sweep_status_changes() -> None:
    """Handle what is due."""
    pipeline.sweep()
