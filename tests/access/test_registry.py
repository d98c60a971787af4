"""The registry: every address has a line, and answers to those methods, people and caches that its line names."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from review import views as review_views
from tests.access.channels import Overheard
from tests.access.oracle import API, CODES, REGISTRY, SCOPES, scope_of
from tests.access.walker import address, call, open_to_strangers
from tests.access.world import World

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PAGE_METHODS = ("GET", "POST")


def patterns(resolver: Any, spaces: tuple[str, ...] = ()) -> Iterator[tuple[str, URLPattern]]:
    """Every address below a resolver by its full name."""
    for found in resolver.url_patterns:
        if isinstance(found, URLResolver):
            yield from patterns(found, (*spaces, *([found.namespace] if found.namespace else [])))
        else:
            yield ":".join((*spaces, found.name or f"nameless {found.pattern}")), found


def test_every_address_has_a_line_and_every_line_an_address() -> None:
    names = [name for name, _pattern in patterns(get_resolver())]

    assert sorted(set(names)) == sorted(REGISTRY)
    assert len(names) == len(set(names)), "two addresses with one name"


def test_every_address_of_the_api_has_a_scope() -> None:
    assert {scope_of(line.name) for line in API} == {*SCOPES, "none"}


def test_strangers_are_sent_to_the_login(world: World, clients: dict[str, Client]) -> None:
    assert open_to_strangers(world, clients["AN"], REGISTRY.values()) == []


def test_methods_are_those_of_the_registry(world: World, clients: dict[str, Client]) -> None:
    wrong = []
    for line in REGISTRY.values():
        if line.name.startswith(("account_", "mfa_")):
            continue  # allauth answers to more verbs than it uses; its pages are in the other tests
        url = address(line, world, is_random=True)
        for method in METHODS if line.name.startswith("api-") else PAGE_METHODS:
            is_open = call(clients["CX"], method, url).status != 405
            if is_open != (method in line.methods):
                wrong.append(f"{method} {line.name}")

    assert wrong == []


def test_pages_for_some_are_closed_to_the_others(readings: dict[str, Overheard]) -> None:
    wrong = []
    for line, code in product(REGISTRY.values(), CODES):
        if "*" in line.readers or line.of_question or "GET" not in line.methods:
            continue
        is_open = readings[code].reading.last[line.name].status in {200, 302}
        if is_open and code not in line.readers:
            wrong.append(f"{line.name}: open to {code}")
        if not is_open and code in line.readers and not line.objects:
            wrong.append(f"{line.name}: closed to {code}")

    assert wrong == []


def test_what_people_read_is_not_kept_by_caches(readings: dict[str, Overheard]) -> None:
    read = {(name, code): answer for code in CODES for name, answer in readings[code].reading.last.items()}

    wrong = [
        f"{name} {code}: {answer.headers.get('Cache-Control')}"
        for (name, code), answer in read.items()
        if answer.status == 200 and REGISTRY[name].cache not in answer.headers.get("Cache-Control", "")
    ]

    assert wrong == []


# --- control ---


def test_walker_finds_a_page_without_login(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_views.dashboard, "login_required", False, raising=False)

    assert open_to_strangers(world, clients["AN"], [REGISTRY["review:dashboard"]]) == ["GET review:dashboard: 403"]
