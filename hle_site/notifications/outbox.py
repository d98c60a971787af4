"""Put notices and mails into the outbox, inside the transaction of the change that they tell of."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _

from hle_site.notifications.models import Mail, Notice


class _Message(NamedTuple):
    notice: Notice
    mail: Mail | None


_collected: ContextVar[list[_Message] | None] = ContextVar("collected", default=None)


@contextmanager
def together() -> Iterator[None]:
    """Write all that is put into the outbox within this block at its end, with few statements."""
    messages: list[_Message] = []
    token = _collected.set(messages)
    try:
        yield
    finally:
        _collected.reset(token)
    _write(messages)


def notify(
    *, recipient: Any, kind: str, key: str, subject: str, body: str = "", path: str = "", is_mailed: bool = True
) -> None:
    """Write one notice, and a mail that points to it, once per `key`.

    Subject and body must not hold question text; `path` is where the reader goes next.
    """
    key = f"{kind}:{key}:{recipient.pk}"
    text = f"{body}\n\n{settings.SITE_URL.rstrip('/')}{path}\n\n{_('You can read this on the site as well.')}\n"
    message = _Message(
        Notice(key=key, recipient=recipient, kind=kind, subject=subject, body=body, path=path),
        Mail(key=key, recipient=recipient, subject=subject, body=text) if is_mailed else None,
    )
    collected = _collected.get()
    if collected is None:
        _write([message])
    else:
        collected.append(message)


def _write(messages: Sequence[_Message]) -> None:
    known = set(Notice.objects.filter(key__in=[part.notice.key for part in messages]).values_list("key", flat=True))
    fresh = [part for part in messages if part.notice.key not in known]
    # Of two writers at once both come to here, and the key lets one row through.
    Notice.objects.bulk_create([part.notice for part in fresh], ignore_conflicts=True)
    Mail.objects.bulk_create([part.mail for part in fresh if part.mail], ignore_conflicts=True)
