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
    _notice, is_new = Notice.objects.get_or_create(
        key=key, defaults={"recipient": recipient, "kind": kind, "subject": subject, "body": body, "path": path}
    )
    if not is_new or not is_mailed:
        return
    text = f"{body}\n\n{settings.SITE_URL.rstrip('/')}{path}\n\n{_('You can read this on the site as well.')}\n"
    Mail.objects.get_or_create(key=key, defaults={"recipient": recipient, "subject": subject, "body": text})
