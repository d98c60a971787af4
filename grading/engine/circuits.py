"""Who may be asked at present: stops after a 429, and one circuit per provider, shared by all workers through the provider's row.

A circuit is open while the row names a reason. Then one call in five seconds goes out as a probe, and the first that is answered
closes it.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from redis import Redis
from redis.exceptions import RedisError

from grading.enums import OutcomeKind
from grading.llm import RETRY_RULES, Outcome, pacing
from grading.models import Provider
from hle_site.accounts.enums import Role
from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.notifications import outbox

logger = structlog.get_logger(__name__)

BREAKER_FAILURES = 5
BREAKER_WINDOW_S = 30.0
STORMS = 2  # stops by 429 in a row, without an answer between them, after which only probes go out
LEAST_STOP_S = 1.0
MAX_STOP_S = 3600.0
SET_UP_REST_S = 60.0  # a refused key does not mend itself within seconds
RESET_TIMEOUT_S = 2.0
KNOWN_FOR_S = 30.0  # a longer stop is read from the row, where somebody may have ended it
FAILED = {OutcomeKind.THROTTLED, OutcomeKind.TRANSIENT, OutcomeKind.AMBIGUOUS, OutcomeKind.CONFIG_ERROR}
ABOUT_ONE_MODEL = ("HTTP 404", "HTTP 410", "model_not_found")  # in the detail: no reason to leave the others alone


class Hold(NamedTuple):
    """What follows from an outcome for everybody who would ask the provider."""

    stop_s: float = 0.0
    reason: str = ""  # the circuit opens
    is_closing: bool = False  # a probe was answered


@dataclass
class _Record:
    """What this process saw of one provider lately."""

    failed_at: deque[float] = field(default_factory=lambda: deque(maxlen=BREAKER_FAILURES))
    stopped_until: float = 0.0
    storms: int = 0


_records: dict[int, _Record] = defaultdict(_Record)
_lock = threading.Lock()


def pause_after(provider: Provider, outcome: Outcome, *, is_probe: bool = False) -> Hold | None:
    """Say what follows from an outcome for all callers of the provider, or None.

    A rate limit stops them until the time that it names. The circuit opens after five failures within 30 s, after a second stop
    in a row, or by a refused key; an answer in between begins both counts anew, since a provider that fails one call in five
    is still worth asking. Only the answer to a probe closes it: others may have been asked long before.
    """
    if RETRY_RULES[outcome.kind].alarm:
        logger.error("provider_alarm", provider=provider.slug, kind=outcome.kind.value, detail=outcome.detail)
    with _lock:
        record, now = _records[provider.pk], time.monotonic()
        if outcome.kind not in FAILED:
            record.failed_at.clear()
            record.storms = 0
            return Hold(is_closing=True) if is_probe else None
        if outcome.kind == OutcomeKind.CONFIG_ERROR:
            rest = rest_s(outcome)
            return None if rest is None else Hold(rest, _("It refuses our calls: key or account"))
        if outcome.kind == OutcomeKind.THROTTLED:
            return _after_throttling(record, now, outcome)
        if outcome.kind == OutcomeKind.TRANSIENT:
            return _after_failure(record, now)
    return None


def rest_s(outcome: Outcome) -> float | None:
    """Seconds for which a provider is left alone that refuses every call of ours, None where the outcome does not say so."""
    is_about_one_model = any(sign in outcome.detail for sign in ABOUT_ONE_MODEL)
    return SET_UP_REST_S if outcome.kind == OutcomeKind.CONFIG_ERROR and not is_about_one_model else None


def _after_throttling(record: _Record, now: float, outcome: Outcome) -> Hold | None:
    stop_s = min(max(outcome.retry_after_s or 0.0, LEAST_STOP_S), MAX_STOP_S)
    if now + min(stop_s, KNOWN_FOR_S) <= record.stopped_until + LEAST_STOP_S / 2:
        return None  # one of many at once; the first of them was told to all
    if now >= record.stopped_until:
        record.storms += 1
    record.stopped_until = now + min(stop_s, KNOWN_FOR_S)
    if record.storms < STORMS:
        return Hold(stop_s)
    return Hold(max(stop_s, settings.PROVIDER_PAUSE_S), _("It takes no calls at present: rate limit"))


def _after_failure(record: _Record, now: float) -> Hold | None:
    record.failed_at.append(now)
    if len(record.failed_at) < BREAKER_FAILURES or now - record.failed_at[0] > BREAKER_WINDOW_S:
        return None
    record.failed_at.clear()
    return Hold(settings.PROVIDER_PAUSE_S, _("It fails call after call"))


def stop_left_s(provider: Provider) -> float:
    """Seconds for which nobody may ask the provider, by its row as it was read and by what this process saw since."""
    by_row = (provider.paused_until - timezone.now()).total_seconds() if provider.paused_until else 0.0
    return max(by_row, _records[provider.pk].stopped_until - time.monotonic(), 0.0)


def follow(provider: Provider, hold: Hold) -> None:
    """Let every worker know: stop, open the circuit, or close it."""
    if hold.is_closing:
        _close(provider, by=None)
        return
    until = Now() + timedelta(seconds=hold.stop_s)
    if hold.reason:
        _open(provider, hold.reason)
    Provider.objects.filter(pk=provider.pk).update(paused_until=Greatest(until, F("paused_until")))


def take_probe(provider_id: int) -> bool:
    """Win the one call that an open provider is sent in five seconds, among all workers."""
    is_time = Q(paused_until=None) | Q(paused_until__lte=Now())
    again_at = Now() + timedelta(seconds=settings.PROVIDER_PAUSE_S)
    return Provider.objects.filter(is_time, pk=provider_id).update(paused_until=again_at) == 1


def reopen(provider: Provider, *, by: Any) -> bool:
    """Close the circuit by hand and forget every stop; return whether there was any."""
    if not by.has_perm("grading.manage_panel"):
        raise PermissionDenied("reopen a provider")
    _records.pop(provider.pk, None)
    try:
        with Redis.from_url(settings.CACHE_URL, socket_timeout=RESET_TIMEOUT_S) as redis:
            redis.delete(pacing.key_of(provider.slug))
    except RedisError as error:
        logger.warning("pace_not_reset", provider=provider.slug, error=type(error).__name__)
    return _close(provider, by=by)


@transaction.atomic
def _open(provider: Provider, reason: str) -> None:
    """Write the reason once and tell the organisers, who alone can mend a key."""
    if not Provider.objects.filter(pk=provider.pk, paused_reason="").update(paused_reason=reason):
        return
    event = log.record("provider.open_circuit", by=None, on=provider, after="open", reason=reason)
    organisers = User.objects.filter(grants__role=Role.ORGANISER, grants__revoked_at=None, is_active=True)
    for organiser in organisers:
        outbox.notify(
            recipient=organiser,
            kind="provider_circuit",
            key=f"{provider.slug}:{event.sequence}",
            subject=_("%(name)s is left alone") % {"name": provider.name},
            body=_("%(reason)s. Questions wait meanwhile and nothing counts as wrong. It is tried again by itself.")
            % {"reason": reason},
            path=reverse("grading:operations"),
        )


@transaction.atomic
def _close(provider: Provider, *, by: Any) -> bool:
    held = Provider.objects.filter(~Q(paused_reason="") | ~Q(paused_until=None), pk=provider.pk)
    before = held.select_for_update().values_list("paused_reason", flat=True).first()
    if before is None:
        return False
    Provider.objects.filter(pk=provider.pk).update(paused_until=None, paused_reason="")
    log.record("provider.close_circuit", by=by, on=provider, before="open" if before else "stopped", after="closed")
    return True
