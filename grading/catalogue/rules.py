"""What an entry of the catalogue may say: names of environment variables, addresses, what a used entry keeps. Reads only."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from grading.models import CallPanel, DifficultyCheck, Judgement, ModelSpec, Panel, Prediction

# A row names the variable whose value is sent to the provider as its key. So that no other secret of the site can be
# named, such variables carry their purpose in their name.
KEY_NAME = re.compile(r"[A-Z][A-Z0-9_]*_API_KEY|SIMULATOR_TOKEN")
ADDRESS_NAME = re.compile(r"[A-Z][A-Z0-9_]*_API_URL|SIMULATOR_URL")
LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}
# What a model is sent: a panel version that was used must go on meaning the same.
SENT_FIELDS = (
    "name", "takes_images", "takes_system_prompt", "takes_temperature", "takes_schema", "token_parameter", "max_tokens",
    "reasoning_effort",
)  # fmt: skip
PRICE_FIELDS = ("usd_per_million_in", "usd_per_million_out")


def key_name_problem(name: str) -> str:
    """Say why a variable cannot hold a provider's key, or nothing."""
    if KEY_NAME.fullmatch(name):
        return ""
    return _("%(name)s: the variable of a key must end with _API_KEY, such as ACME_API_KEY.") % {"name": name or "–"}


def address_name_problem(name: str) -> str:
    """Say why a variable cannot hold a provider's address, or nothing."""
    if ADDRESS_NAME.fullmatch(name):
        return ""
    return _("%(name)s: the variable of an address must end with _API_URL, such as ACME_API_URL.") % {"name": name}


def address_problem(url: str) -> str:
    """Say why a provider cannot live at an address, or nothing: https, and a host that who runs the site has allowed."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return _("%(url)s is not an address.") % {"url": url[:200]}
    if host not in settings.PROVIDER_HOSTS:
        return _("The host %(host)s is not in PROVIDER_HOSTS; who runs the site must allow it there.") % {
            "host": host or "–"
        }
    if parts.username or parts.password:
        return _("An address carries no user name or password: name the key's variable instead.")
    if parts.scheme != "https" and host not in LOCAL_HOSTS:
        return _("The address must begin with https://.")
    return ""


def changed_fields(old: ModelSpec, new: ModelSpec) -> list[str]:
    """Return the names of what a model is sent that differ between two states of it."""
    return [name for name in SENT_FIELDS if getattr(old, name) != getattr(new, name)]


def is_price_unversioned(old: ModelSpec, new: ModelSpec) -> bool:
    """True when a price differs and the version of the price list does not: costs name the version alone."""
    is_changed = any(getattr(old, name) != getattr(new, name) for name in PRICE_FIELDS)
    return is_changed and old.price_version == new.price_version


def is_model_used(model: ModelSpec) -> bool:
    """True when the model has answered or judged anything."""
    return (
        Prediction.objects.filter(model=model).exists()
        or Judgement.objects.filter(model=model).exists()
        or DifficultyCheck.objects.filter(Q(panel__judge=model) | Q(panel__members__model=model)).exists()
    )


def is_panel_used(panel: Panel) -> bool:
    """True when a check ran on this version, or a call uses it: then it is never changed."""
    return (
        DifficultyCheck.objects.filter(panel=panel).exists()
        or Prediction.objects.filter(panel=panel).exists()
        or CallPanel.objects.filter(panel=panel).exists()
    )
