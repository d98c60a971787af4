"""Nobody changes a row without a right to, whatever they send."""

import json
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q
from django.test import Client

from questions import querysets
from questions.models import Question
from tests.access.oracle import IDLE, REGISTRY, Line
from tests.access.walker import address, places_for, writes
from tests.access.world import Place, World

pytestmark = pytest.mark.django_db
REASON = "Because it is so, and this can be looked up by everybody."
CHECKS = dict.fromkeys(("is_precise", "is_single_answer", "is_not_searchable", "is_not_artificial", "is_safe"), True)
# something valid for every form and serializer of the site at once
FILLED: dict[str, Any] = {
    "accept": "on",
    "answer": "Not as it was before.",
    "answer_type": "exactMatch",
    "audience": "reviewers",
    "category": "Math",
    "decision": "uphold",
    "depth": "solved",
    "do": "next",
    "feedback": REASON,
    "is_match": "yes",
    "is_upheld": "yes",
    "language": "en",
    "licence_version": "1",
    "outcome": "approve",
    "prompt": "How many cups does an octopus need at a table for three?",
    "public_reason": REASON,
    "rationale": REASON,
    "reason": REASON,
    "reason_code": "other",
    "resolution": REASON,
    "score": 4,
    "terms_version": "1",
    "text": REASON,
    "verdict": "incorrect",
    "version": "1",
}


def changed_by(
    world: World, client: Client, code: str, cases: Iterable[tuple[Line, Place]], *, is_filled: bool
) -> tuple[list[str], int]:
    """Return the writing calls of one reader after which a row is another, and how many calls there were; all is taken back."""
    found, calls = [], 0
    for line, place in cases:
        url = address(line, world, place, code)
        for method in sorted(set(line.methods) - {"GET"}) if url else ():
            cache.clear()
            calls, before = calls + 1, writes()
            with transaction.atomic():
                answer = client.generic(method, url, *_sent(line, is_filled=is_filled))
                if writes() != before:
                    found.append(f"{method} {line.name} {place.name} {code}: {answer.status_code}")
                transaction.set_rollback(True)
    return found, calls


def _sent(line: Line, *, is_filled: bool) -> tuple[str, str]:
    if not is_filled:
        return "", "application/octet-stream"
    if line.name.startswith("api-"):
        return json.dumps(FILLED | CHECKS), "application/json"
    values = FILLED | dict.fromkeys(CHECKS, "yes")
    return "&".join(f"{name}={value}".replace(" ", "+") for name, value in values.items()), (
        "application/x-www-form-urlencoded"
    )


def test_nobody_without_a_right_changes_anything(world: World, clients: dict[str, Client]) -> None:
    found = [
        changed_by(
            world,
            clients[code],
            code,
            [(line, place) for line in REGISTRY.values() for place in places_for(line, world, code)[:1]],
            is_filled=False,
        )
        for code in IDLE
    ]

    assert [row for rows, _calls in found for row in rows] == []
    assert sum(calls for _rows, calls in found) > 200


@pytest.mark.long
@pytest.mark.parametrize("code", [*IDLE, "RA", "SR"])
def test_nobody_without_a_right_changes_anything_at_any_place(
    world: World, clients: dict[str, Client], code: str
) -> None:
    cases = [
        (line, place)
        for line, place in product(REGISTRY.values(), world.places)
        if line.of_question and code not in {*place.assignments, *place.asked}
    ]

    found, calls = changed_by(world, clients[code], code, cases, is_filled=True)

    assert found == []
    assert calls > 100


# --- controls ---


@pytest.mark.parametrize(
    ("code", "place", "names"),
    [
        ("OR", "too-easy", {"grading:resolve"}),
        ("OR", "in-review", {"review:act"}),
        ("OR", "awaiting", {"review:decide"}),
        ("CO", "too-easy", {"questions:withdraw", "api-questions-revise"}),
        ("RA", "in-review", {"review:solve", "api-assignments-solve", "review:conflict", "review:hand_back"}),
    ],
)
def test_what_is_sent_changes_something_where_it_may(
    world: World, clients: dict[str, Client], code: str, place: str, names: set[str]
) -> None:
    cases = [(REGISTRY[name], world[place]) for name in sorted(names)]

    found, _calls = changed_by(world, clients[code], code, cases, is_filled=True)

    assert {row.split()[1] for row in found} == names


def test_walker_finds_a_step_that_asks_for_no_permission(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Question, "is_owned_by", lambda _self, _user: True)
    monkeypatch.setattr(querysets, "own", lambda _user: Q(pk__isnull=False))
    cases = [(REGISTRY["questions:withdraw"], world["eligible"])]

    found, _calls = changed_by(world, clients["CX"], "CX", cases, is_filled=True)

    assert found == ["POST questions:withdraw eligible CX: 302"]
