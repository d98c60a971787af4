"""Where a provider is and whether it may be asked: rows and environment in, plain specs out."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from django.conf import settings

from grading.catalogue import rules
from grading.engine.circuits import reopen
from grading.llm import ProviderSpec
from grading.models import Provider

__all__ = ["NotSetUp", "reopen", "spec_of"]


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
    if parts.scheme != "https" and parts.hostname not in rules.LOCAL_HOSTS:
        raise NotSetUp("its address is not https")
    if not rules.KEY_NAME.fullmatch(provider.key_env):
        raise NotSetUp(f"{provider.key_env} does not name a provider's key")
