"""Put notices and mails into the outbox, inside the transaction of the change that they tell of."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from hle_site.notifications.models import Mail, Notice


def notify(
    *, recipient: Any, kind: str, key: str, subject: str, body: str = "", path: str = "", is_mailed: bool = True
) -> None:
    """Write one notice, and a mail that points to it, once per `key`.

    Subject and body must not hold question text; `path` is where the reader goes next.
    """
    key = f"{kind}:{key}:{recipient.pk}"
    if Notice.objects.filter(key=key).exists():
        return
    # Of two writers at once both come to here, and the key lets one row through.
    notice = Notice(key=key, recipient=recipient, kind=kind, subject=subject, body=body, path=path)
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
    if is_mailed:
        text = f"{body}\n\n{settings.SITE_URL.rstrip('/')}{path}\n\n{_('You can read this on the site as well.')}\n"
        mail = Mail(key=key, recipient=recipient, subject=subject, body=text)
        Mail.objects.bulk_create([mail], ignore_conflicts=True)
