"""What the pages of the catalogue show of a provider and of a panel. The value of a key is read by nobody."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from grading.catalogue import rules
from grading.engine import providers
from grading.enums import OutcomeKind
from grading.models import CallPanel, ModelSpec, Panel, PanelMember, Provider

# The wire works when a model produced something, even if it was cut off or filtered.
CONNECTED = {OutcomeKind.ANSWER, OutcomeKind.TRUNCATED, OutcomeKind.EMPTY, OutcomeKind.FILTERED}


@dataclass(frozen=True)
class ProviderCard:
    """One provider: what it lacks, and how the last test of its connection ended."""

    provider: Provider
    problem: str
    has_key: bool
    n_models: int
    is_testing: bool
    is_connected: bool


@dataclass(frozen=True)
class Lane:
    """The members of one wave."""

    number: int
    members: list[PanelMember]


@dataclass(frozen=True)
class PanelCard:
    """One panel version with its lanes and the calls that use it."""

    panel: Panel
    lanes: list[Lane]
    used_by: list[CallPanel]
    is_used: bool


def provider_card(provider: Provider) -> ProviderCard:
    """Say how a provider stands."""
    return ProviderCard(
        provider=provider,
        problem=_problem(provider),
        has_key=bool(os.environ.get(provider.key_env)),
        n_models=provider.models.count(),
        is_testing=provider.tested_at is not None and not provider.test_outcome,
        is_connected=provider.test_outcome in CONNECTED,
    )


def _problem(provider: Provider) -> str:
    try:
        providers.spec_of(provider)
    except providers.NotSetUp as error:
        return str(error)
    return ""


def panel_card(panel: Panel) -> PanelCard:
    """Lay a panel out."""
    members = panel.members.select_related("model__provider", "substitute")
    return PanelCard(
        panel=panel,
        lanes=_lanes(members),
        used_by=list(CallPanel.objects.filter(panel=panel).select_related("call", "policy")),
        is_used=rules.is_panel_used(panel),
    )


def _lanes(members: Iterable[PanelMember]) -> list[Lane]:
    lanes: dict[int, list[PanelMember]] = {}
    for member in members:
        lanes.setdefault(member.wave, []).append(member)
    return [Lane(number, lanes[number]) for number in sorted(lanes)]


def overview() -> dict[str, Any]:
    """Everything on the first page of the catalogue."""
    in_force = CallPanel.objects.select_related("call", "policy", "panel__judge", "panel__second_judge")
    return {
        "in_force": [(choice, panel_card(choice.panel)) for choice in in_force.order_by("-call__is_default")],
        "providers": [provider_card(provider) for provider in Provider.objects.all()],
        "panels": Panel.objects.select_related("judge", "created_by").order_by("slug", "-version"),
    }


def model_rows(provider: Provider) -> Iterable[ModelSpec]:
    """Return a provider's models, those in use first."""
    return provider.models.order_by("is_retired", "label")
