"""Where a provider is and whether it may be asked: rows and environment in, plain specs out; breaker and pauses."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict, deque
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest, Now

from grading.enums import OutcomeKind
from grading.llm import RETRY_RULES, Outcome, ProviderSpec
from grading.models import Provider

logger = structlog.get_logger(__name__)

BREAKER_FAILURES = 5
BREAKER_WINDOW_S = 30.0
MAX_PAUSE_S = 3600.0
LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}

_failures: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=BREAKER_FAILURES))
_lock = threading.Lock()


class NotSetUp(Exception):
    """The provider cannot be asked; the message is shown to organisers."""


def spec_of(provider: Provider) -> ProviderSpec:
    """Read address and key from where the row says they are. Raises NotSetUp; then no call leaves."""
    if provider.no_training_at is None:
        raise NotSetUp("no agreement against training on record")
    address = provider.base_url or os.environ.get(provider.base_url_env, "")
    if not address:
        raise NotSetUp(f"{provider.base_url_env} is not set")
    _check_host(provider, address)
    return ProviderSpec(
        slug=provider.slug,
        base_url=address,
        api_key=os.environ.get(provider.key_env, ""),
        dialect=provider.dialect,
        max_connections=provider.max_connections,
        is_simulated=provider.is_simulated,
    )


def _check_host(provider: Provider, address: str) -> None:
    """An address in a row must be on the list of hosts; one in the environment was set by who runs the site."""
    parts = urlsplit(address)
    if provider.base_url and parts.hostname not in settings.PROVIDER_HOSTS:
        raise NotSetUp("its host is not on the list of allowed hosts")
    if parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
        raise NotSetUp("its address is not https")


def pause_after(provider: Provider, outcome: Outcome) -> float | None:
    """Seconds for which nobody should ask the provider after this outcome, or None.

    A rate limit stops all callers until the time that it names; five failures within 30 s open the breaker, and so does a
    refused key, with an alarm.
    """
    if RETRY_RULES[outcome.kind].alarm:
        logger.error("provider_alarm", provider=provider.slug, kind=outcome.kind.value, detail=outcome.detail)
    if outcome.kind == OutcomeKind.THROTTLED:
        return min(max(outcome.retry_after_s or 0.0, 1.0), MAX_PAUSE_S)
    if outcome.kind == OutcomeKind.TRANSIENT and _is_breaking(provider.pk):
        return settings.PROVIDER_PAUSE_S
    return None


def _is_breaking(provider_id: int) -> bool:
    with _lock:
        times = _failures[provider_id]
        times.append(time.monotonic())
        is_open = len(times) == BREAKER_FAILURES and times[-1] - times[0] <= BREAKER_WINDOW_S
        if is_open:
            times.clear()
    return is_open


def pause(provider_id: int, seconds: float) -> None:
    """Let no worker ask the provider for so long; a longer pause stays."""
    until = Now() + timedelta(seconds=seconds)
    Provider.objects.filter(pk=provider_id).update(paused_until=Greatest(until, F("paused_until")))
