"""Write and verify the audit chain: `hash = SHA-256(previous || canonical JSON)`, serialised by an advisory lock."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog
from django.db import connection, transaction

from hle_site.audit.models import AuditEvent, AuditReason

CHAIN_LOCK = 0x4155444954  # "AUDIT"
FIRST_HASH = "0" * 64
# a statement of its own after that of the lock: one that had waited would not see what was committed meanwhile
END_OF_CHAIN = f"""SELECT clock_timestamp(),
    (SELECT hash FROM {AuditEvent._meta.db_table} ORDER BY sequence DESC LIMIT 1)"""  # noqa: S608  our own table's name


def _end_of_chain() -> tuple[Any, str]:
    """Keep other writers out until the transaction ends; return the database's time and the hash of the last event."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
        cursor.execute(END_OF_CHAIN)
        now, last = cursor.fetchone()
    return now, last or FIRST_HASH


def _hash_of(event: AuditEvent) -> str:
    fields = {
        "at": event.at.isoformat(),
        "actor": str(event.actor_id or ""),
        "acted_as": str(event.acted_as_id or ""),
        "action": event.action,
        "object": f"{event.object_type}:{event.object_id}",
        "before": event.before,
        "after": event.after,
        "reason": event.reason_hash,
        "request": event.request_id,
    }
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256((event.previous_hash + canonical).encode()).hexdigest()


class Act(NamedTuple):
    """What was done to one object; `reason` is stored apart from the chain, which holds its hash only."""

    action: str
    on: Any
    before: str = ""
    after: str = ""
    reason: str = ""


def record(
    action: str,
    *,
    by: Any,
    on: Any,
    before: str = "",
    after: str = "",
    reason: str = "",
) -> AuditEvent:
    """Append one event in the caller's transaction.

    `by` is a user, or None for the platform; `on` is the object acted upon. `reason` is stored apart from the chain, which holds its hash only.
    """
    return record_all([Act(action, on, before, after, reason)], by=by)[0]


def record_all(acts: Sequence[Act], *, by: Any) -> list[AuditEvent]:
    """Append an event for each act in the caller's transaction, in this order."""
    with transaction.atomic(savepoint=False):
        at, last = _end_of_chain()
        events = _chained(acts, by=by, at=at, last=last)
        AuditEvent.objects.bulk_create(events)
        reasons = [
            AuditReason(event=event, text=act.reason) for act, event in zip(acts, events, strict=True) if act.reason
        ]
        if reasons:
            AuditReason.objects.bulk_create(reasons)
    return events


def _chained(acts: Sequence[Act], *, by: Any, at: Any, last: str) -> list[AuditEvent]:
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    events = []
    for act in acts:
        event = AuditEvent(
            at=at,
            actor_id=getattr(by, "pk", None),
            action=act.action,
            object_type=act.on._meta.label_lower,
            object_id=str(act.on.pk),
            before=act.before,
            after=act.after,
            reason_hash=hashlib.sha256(act.reason.encode("utf-8", "surrogatepass")).hexdigest() if act.reason else "",
            request_id=request_id,
            previous_hash=last,
        )
        event.hash = last = _hash_of(event)
        events.append(event)
    return events


def is_intact(event: AuditEvent) -> bool:
    """Return whether an event still says what it said when it was written."""
    return event.hash == _hash_of(event)


def verify() -> list[int]:
    """Return the sequence numbers whose hash or link is wrong; empty when the chain holds."""
    broken, previous = [], FIRST_HASH
    for event in AuditEvent.objects.order_by("sequence").iterator():
        if event.previous_hash != previous or not is_intact(event):
            broken.append(event.sequence)
        previous = event.hash
    return broken
