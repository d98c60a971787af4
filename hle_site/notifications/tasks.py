"""The task that sends due mails."""

from celery import shared_task

from hle_site.notifications import sending


@shared_task
def sweep() -> None:
    """Send what is due."""
    sending.send_due()
