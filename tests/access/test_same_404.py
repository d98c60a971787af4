"""What somebody may not know of and what does not exist are answered with the same bytes."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hle_site.accounts import tokens
from questions.models import Question
from questions.views import finding
from tests.access.oracle import CODES, IDLE, REGISTRY, Line, may_read
from tests.access.walker import call, compared, told_apart
from tests.access.world import Place, World

pytestmark = pytest.mark.django_db


def test_hidden_and_unknown_are_the_same(world: World, clients: dict[str, Client]) -> None:
    assert told_apart(world, clients, _hidden(world)) == []


@pytest.mark.long
@pytest.mark.parametrize("code", [*IDLE, "RA", "SR"])
def test_hidden_and_unknown_are_the_same_everywhere(world: World, clients: dict[str, Client], code: str) -> None:
    cases = [
        (line, code, place)
        for line, place in product(REGISTRY.values(), world.places)
        if line.of_question and _is_hidden(place, code) and _has_picture_apart(line, place)
    ]

    assert told_apart(world, clients, cases) == []
    assert len(cases) > 60


def test_a_deleted_question_is_unknown(world: World, clients: dict[str, Client]) -> None:
    cases = [(line, "CO", _deleted(world)) for line in _of_questions()]

    assert told_apart(world, clients, cases) == []
    assert len(cases) > 20


@pytest.mark.long
def test_a_deleted_question_is_unknown_to_everybody(world: World, clients: dict[str, Client]) -> None:
    cases = [(line, code, _deleted(world)) for line, code in product(_of_questions(), CODES)]

    assert told_apart(world, clients, cases) == []
    assert len(cases) > 240


def test_things_of_others_are_unknown(world: World, clients: dict[str, Client]) -> None:
    expires_at = timezone.now() + timedelta(days=1)
    token, _key = tokens.create(by=world.people["CO"], name="mine", scopes=["draft"], expires_at=expires_at)
    things = [
        ("POST", "notifications:open", "CX", {"pk": world.fixed["notice"]}, {"pk": uuid.uuid4()}),
        ("POST", "accounts:revoke_token", "CX", {"pk": token.pk}, {"pk": uuid.uuid4()}),
        ("GET", "duplicates:pair", "OC", {"pk": world.fixed["pair"]}, {"pk": uuid.uuid4()}),
        ("POST", "releases:answer", "OC", {"pk": world.fixed["erratum"]}, {"pk": uuid.uuid4()}),
        *[
            ("GET", name, code, {"version": version}, {"version": "9.9.9"})
            for name in ("releases:detail", "releases:manifest", "api-releases-detail", "api-releases-items")
            for code in ("CX", "RS", "AD")
            for version in ("2.0.0", "3.0.0")
        ],
    ]

    wrong = [
        found
        for method, name, code, known, unknown in things
        for found in compared(
            f"{method} {name} {code}",
            *(call(clients[code], method, reverse(name, kwargs=ids)) for ids in (known, unknown)),
        )
    ]

    assert wrong == []


def _of_questions() -> list[Line]:
    return [line for line in REGISTRY.values() if set(line.objects.values()) == {"question"}]


def _deleted(world: World) -> Place:
    return Place("deleted", "D", world["draft"].question, ids={"question": world.deleted})


def _is_hidden(place: Place, code: str) -> bool:
    return code not in {*place.assignments, *place.asked} and not may_read("question.prompt", place, code)


def _has_picture_apart(line: Line, place: Place) -> bool:
    # one picture is shared by all places but the draft
    return "picture" not in line.objects.values() or place.name == "draft"


def _hidden(world: World) -> Iterator[tuple[Line, str, Place]]:
    """For each address of a question two readers who may not know of it, others for each address."""
    for number, line in enumerate(line for line in REGISTRY.values() if line.of_question):
        for code in (IDLE[number % len(IDLE)], "RA"):
            hidden = [
                place
                for place in world.places
                if code not in place.assignments and not may_read("question.prompt", place, code)
            ]
            yield line, code, world["draft"] if "picture" in line.objects.values() else hidden[number % len(hidden)]


# --- control ---


def test_walker_finds_403_where_404_belongs(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tells(found: Any, **wanted: Any) -> Any:
        if Question.objects.filter(**wanted).exists() and not found.filter(**wanted).exists():
            raise PermissionDenied
        return get_object_or_404(found, **wanted)

    monkeypatch.setattr(finding, "get_object_or_404", tells)

    wrong = told_apart(world, clients, [(REGISTRY["questions:detail"], "CX", world["eligible"])])

    assert [row.partition(" [")[0] for row in wrong] == ["GET questions:detail eligible CX: 403, unknown 404"]
