"""Every page and fragment, read by everybody: no secret where the oracle has no cell, and what it shows where it has one."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import PermissionsMixin
from django.db import transaction
from django.db.models import Q
from django.test import Client

from hle_site.accounts.models import User
from hle_site.notifications.models import Mail, Notice
from questions import presenters as question_presenters
from questions import querysets, search
from questions.models import Question
from questions.releases import selection
from review.api.shapes import AssignmentSerializer
from review.models import Assignment, Round
from tests.access.channels import Overheard
from tests.access.oracle import BLINDINGS, CODES, FIELDS, REGISTRY, may_read
from tests.access.walker import EVERYBODY, address, call, leaks, read_by
from tests.access.world import World

pytestmark = pytest.mark.django_db
# a permission that the rules know by name, and the cell that it opens
RIGHTS = {
    "questions.view_question": "question.prompt",
    "questions.view_key": "question.key",
    "grading.view_answers": "prediction.answer",
    "grading.view_check": "check.state",
    "grading.view_confirmation": "confirmation.answer",
}
TAKING_PART = ("CO", "RA", "RX", "SR", "OR", "AU")
OF_QUESTIONS = [line for line in REGISTRY.values() if line.of_question]
# the page of a check names the hash of the tested part, against which a guess of the key could be held: closed before the own answer
CLOSER = {"grading.view_check": {("RA", "in-review")}}


def test_no_secret_reaches_a_reader_without_its_cell(readings: dict[str, Overheard]) -> None:
    assert [row for found in readings.values() for row in found.reading.wrong] == []
    assert sum(found.reading.calls for found in readings.values()) > 1_400


@pytest.mark.long
@pytest.mark.parametrize("blinding", BLINDINGS)
def test_no_secret_reaches_a_reader_at_any_place_under_any_blinding(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch, blinding: str
) -> None:
    for place in world.places:
        monkeypatch.setattr(place, "blinding", blinding)
    # only those who have a part in a review notice its blinding
    codes, lines = (EVERYBODY, REGISTRY.values()) if blinding == "B2" else (TAKING_PART, OF_QUESTIONS)
    with transaction.atomic():
        Round.objects.update(blinding=blinding)
        found = [read_by(world, clients[code], code, lines, full=REGISTRY) for code in codes]
        transaction.set_rollback(True)

    assert [row for reading in found for row in reading.wrong] == []
    assert sum(reading.calls for reading in found) > (5_000 if blinding == "B2" else 2_000)


# other ways to ask for the same: verbs, formats, fields, orders, conditions, and headers that lie
WAYS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("HEAD", "", {}),
    ("OPTIONS", "", {}),
    ("GET", "?format=json&fields=answer&expand=revision&ordering=answer", {}),
    ("GET", "?format=api&depth=9&include=key,rationale&as=organiser", {"Accept": "text/html"}),
    ("GET", ".json", {}),
    ("GET", "x.css", {}),
    ("GET", "", {"HX-Request": "true"}),
    ("GET", "", {"If-None-Match": "*"}),
    ("GET", "", {"Range": "bytes=0-400"}),
    ("GET", "", {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "organiser"}),
    ("POST", "", {"X-HTTP-Method-Override": "GET"}),
)


@pytest.mark.long
@pytest.mark.parametrize("way", range(len(WAYS)))
def test_no_secret_reaches_a_reader_however_it_is_asked_for(world: World, clients: dict[str, Client], way: int) -> None:
    method, more, headers = WAYS[way]
    wrong, calls = [], 0
    for number, (code, line) in enumerate(product(EVERYBODY, REGISTRY.values())):
        place = world.places[(number + way) % len(world.places)] if line.of_question else None
        url = address(line, world, place, code) if line.reads else ""
        if not url or (number + way) % 3:
            continue
        answer, calls = call(clients[code], method, url + more, headers=headers), calls + 1
        where = f"{method} {line.name} {place and place.name} {code} {answer.status}"
        wrong += [f"{where}: {found}" for found in leaks(line, answer, world, place, code)]
        wrong += [where] * (answer.status >= 500)

    assert wrong == []
    assert calls > 300


@pytest.mark.parametrize("version", ["2.0.0", "3.0.0"])
def test_no_secret_reaches_a_reader_from_a_release_in_preparation(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setitem(world.fixed, "version", version)
    monkeypatch.setitem(world.fixed, "public_id", selection.public_id(world["approved"].question.pk))
    lines = [line for line in REGISTRY.values() if "version" in line.objects.values()]

    found = {code: read_by(world, clients[code], code, lines) for code in ("AN", "CO", "CX", "OR", "OC", "AU", "RS")}

    assert [row for reading in found.values() for row in reading.wrong] == []
    files = {code for code, reading in found.items() if reading.last["releases:download"].status == 200}
    assert files == ({"OR", "AU"} if version == "2.0.0" else set())


def test_notices_and_mails_hold_no_secret(world: World) -> None:
    rows = [*Notice.objects.values_list("subject", "body", "path"), *Mail.objects.values_list("subject", "body", "key")]

    assert len(rows) > 20
    assert [row for row in rows if "cnry-" in " ".join(row).casefold()] == []


@pytest.mark.parametrize("code", CODES)
def test_lists_and_permissions_agree(world: World, code: str) -> None:
    person = User.objects.get(pk=world.people[code].pk)

    listed = set(Question.objects.visible_to(person).values_list("pk", flat=True))
    allowed = {
        place.question.pk for place in world.places if person.has_perm("questions.view_question", place.question)
    }
    expected = {place.question.pk for place in world.places if may_read("question.prompt", place, code)}

    assert listed == allowed == expected


@pytest.mark.parametrize("right", RIGHTS)
def test_a_right_by_name_opens_its_cells(world: World, right: str) -> None:
    people = {code: User.objects.get(pk=world.people[code].pk) for code in CODES}

    wrong = {
        (code, place.name)
        for (code, person), place in product(people.items(), world.places)
        if person.has_perm(right, place.question) != may_read(RIGHTS[right], place, code)
    }

    assert wrong == CLOSER.get(right, set())


def test_search_finds_what_is_read_and_never_the_key(world: World) -> None:
    wrong = []
    for code, name in product(CODES, [name for name in FIELDS if not name.endswith(".name")]):
        words = world["draft"].canary(name).removesuffix("draft")
        found = set(search.found(words, world.people[code]).values_list("pk", flat=True))
        # what was not handed in is read on its own page, where reading it is logged
        searched = world.places if name in {"question.prompt", "question.image_alt"} else []
        expected = {
            place.question.pk
            for place in searched
            if may_read(name, place, code) and (code == "CO" or place.phase not in "DG")
        }
        wrong += [(code, name, found ^ expected)] if found != expected else []

    assert wrong == []


def test_a_superuser_does_not_exist() -> None:
    assert not issubclass(User, PermissionsMixin)
    assert not hasattr(User, "is_superuser")
    assert not hasattr(User.objects, "create_superuser")


# --- controls: each breaks one thing, and the walker must say so ---


def test_walker_finds_a_list_that_starts_from_everything(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querysets, "at_work", lambda _user: Q(pk__isnull=False))

    wrong = read_by(world, clients["CX"], "CX", [REGISTRY["questions:detail"]]).wrong

    submitted = {
        place.name for place in world.places if place.phase not in "DG"
    }  # the page shows nothing else to others
    assert {f"question.prompt of {name}" for name in submitted} <= {row.rpartition(": ")[2] for row in wrong}


def test_walker_finds_an_extra_field_of_a_serializer(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = AssignmentSerializer.to_representation

    def with_key(self: Any, instance: Assignment) -> dict[str, Any]:
        return {**honest(self, instance), "key": instance.round.revision.answer}

    monkeypatch.setattr(AssignmentSerializer, "to_representation", with_key)
    lines = [REGISTRY["api-assignments-detail"]]

    wrong = read_by(world, clients["RA"], "RA", lines, full={"api-assignments-detail"}).wrong

    assert "leak: api-assignments-detail in-review RA 200: question.key of in-review" in wrong
    assert {row.rpartition(": ")[2].partition(" of ")[0] for row in wrong} == {"question.key"}


def test_walker_finds_a_missing_check_of_conflicts(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querysets, "_denials", [])

    wrong = read_by(world, clients["OC"], "OC", [REGISTRY["questions:detail"]]).wrong

    assert any(row.endswith("question.prompt of in-review") for row in wrong)


def test_walker_finds_a_page_that_shows_too_little(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = question_presenters.question_text
    monkeypatch.setattr(
        question_presenters, "question_text", lambda *args, **kwargs: replace(honest(*args, **kwargs), prompt="")
    )

    wrong = read_by(world, clients["CO"], "CO", [REGISTRY["questions:detail"]]).wrong

    assert {row.partition(":")[0] for row in wrong} == {"missing"}
    assert len(wrong) == len(world.places)
