"""Counts, order and totals: the same page with and without a question that its reader may not know of."""

from itertools import product
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from hle_site import pipeline
from review import dashboards
from review.models import Round
from tests import factories
from tests.access.oracle import REGISTRY, Line
from tests.access.walker import ECHO, address, call
from tests.access.world import World

pytestmark = pytest.mark.django_db
BLIND = ("AN", "CX", "RC", "OC", "AD", "RS")
# what differs from one call to the next by itself: the codes of a second factor and the id that a new question will have
RESTLESS = {"mfa_activate_totp", "questions:new"}


def changed_by_a_hidden_question(
    world: World, clients: dict[str, Client], lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Return the pages that say something else once there is one more question that their reader may not see."""
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)  # pages tell ages in words

    def pages() -> dict[str, str]:
        return {
            f"{line.name} {code}": ECHO.sub("", call(clients[code], "GET", address(line, world)).body)
            for line, code in product(lines, BLIND)
        }

    before = pages()
    with transaction.atomic():
        factories.make_in_review(by=world.people["CO"], prompt="How many seals does the hidden charter carry?")
        pipeline.sweep()
        after = pages()
        transaction.set_rollback(True)
    return [name for name, page in before.items() if after[name] != page]


def test_a_hidden_question_changes_no_list(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line for line in REGISTRY.values() if not line.objects and line.reads and line.name not in RESTLESS]

    # the ledger's totals are open to organisers with a conflict too
    assert changed_by_a_hidden_question(world, clients, lines, monkeypatch) == ["money:index OC"]
    assert len(lines) > 30


# --- control ---


def test_walker_finds_a_count_before_the_filter(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = dashboards._counts

    def counting_all(*args: Any) -> dict[str, int]:
        return honest(*args) | {"pool": Round.objects.open().count()}

    monkeypatch.setattr(dashboards, "_counts", counting_all)

    found = changed_by_a_hidden_question(world, clients, [REGISTRY["review:dashboard"]], monkeypatch)

    assert found == ["review:dashboard RC"]
