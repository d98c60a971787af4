"""Tokens of the API as readers: no more than their owner may, and no more than their scope."""

import pytest
from django.test import Client

from hle_site.accounts.tokens import HasScope
from tests.access.oracle import API, REGISTRY
from tests.access.walker import address, beyond_tokens, call, open_to_strangers
from tests.access.world import World

pytestmark = pytest.mark.django_db
Tokens = dict[tuple[str, str], Client]


def test_a_token_opens_no_more_than_its_scope(world: World, token_clients: Tokens) -> None:
    wrong, calls = beyond_tokens(world, token_clients, API)

    assert wrong == []
    assert calls > 500


@pytest.mark.long
def test_a_token_opens_no_more_than_its_scope_at_any_place(world: World, token_clients: Tokens) -> None:
    lines = [line for line in API if line.of_question and "GET" in line.methods]

    wrong, calls = beyond_tokens(world, token_clients, lines, full=REGISTRY)

    assert wrong == []
    assert calls > 2_000


def test_a_token_opens_no_page(world: World, token_clients: Tokens) -> None:
    others = {line.name: line for line in REGISTRY.values() if line not in API and line.methods[0] == "GET"}
    schema = others.pop("schema")
    pages = others.values()

    assert open_to_strangers(world, token_clients["OR", "release"], pages) == []
    assert call(token_clients["OR", "release"], "GET", address(schema, world)).status == 403


# --- control ---


def test_walker_finds_a_missing_check_of_scopes(
    world: World, token_clients: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HasScope, "has_permission", lambda _self, request, _view: request.user.is_authenticated)
    one = {("CO", "release"): token_clients["CO", "release"]}

    wrong, _calls = beyond_tokens(world, one, API)

    assert "scope" in {row.partition(":")[0] for row in wrong}
