"""Send due mails: claim by update, send, mark. A second sender finds nothing to claim."""

from datetime import timedelta
from smtplib import SMTPException

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from hle_site.notifications.models import Mail

CLAIM = timedelta(minutes=5)
MAX_TRIES = 8


def _claim(limit: int) -> list[Mail]:
    now = timezone.now()
    free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    with transaction.atomic():
        rows = list(
            Mail.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(free, sent_at=None, due_at__lte=now, tries__lt=MAX_TRIES)
            .select_related("recipient")
            .order_by("due_at")[:limit]
        )
        Mail.objects.filter(pk__in=[row.pk for row in rows]).update(claimed_until=now + CLAIM, tries=F("tries") + 1)
    return rows


def send_due(limit: int = 50) -> int:
    """Send up to `limit` due mails and return how many went out; failed ones wait longer each time."""
    sent = 0
    for mail in _claim(limit):
        try:
            EmailMessage(mail.subject, mail.body, to=[mail.recipient.email]).send()
        except (OSError, SMTPException) as error:
            wait = timedelta(minutes=2 ** min(mail.tries, 6))
            Mail.objects.filter(pk=mail.pk).update(
                failure=type(error).__name__, due_at=timezone.now() + wait, claimed_until=None
            )
            continue
        Mail.objects.filter(pk=mail.pk).update(sent_at=timezone.now(), claimed_until=None, failure="")
        sent += 1
    return sent
