"""The walker: every address, called by everybody, against the oracle of who may see what.

The oracle lies in `oracle/`: `registry.txt` has a line for each address, `cells.txt` one for each cell that may be read.
What is not written there does not exist: an address without a line fails, and a secret without a cell is a leak.
"""

import base64
import json
import logging
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import PermissionsMixin
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from hle_site import pipeline
from hle_site.accounts.models import User
from hle_site.accounts.tokens import HasScope
from hle_site.notifications.models import Mail, Notice
from questions import presenters as question_presenters
from questions import querysets, search
from questions import tasks as question_tasks
from questions.models import DuplicatePair, Question, Revision, StatusChange
from questions.views import finding
from review import dashboards
from review import views as review_views
from review.api.shapes import AssignmentSerializer
from review.models import Assignment, BlindSolve, Comment, Decision, Review, Round
from tests import factories
from tests.access_world import Place, World
from tests.api.conftest import token_client

pytestmark = pytest.mark.django_db
ORACLE = Path(__file__).parent / "oracle"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PAGE_METHODS = ("GET", "POST")
CODES = ("CO", "CX", "RA", "RX", "RU", "RC", "SR", "OR", "OC", "AU", "AD", "RS")
# readers without any right to write on questions of others
IDLE = ("CX", "RU", "RC", "OC", "AU", "AD", "RS")
FIELDS = (
    "question.prompt",
    "question.image_alt",
    "question.key",
    "question.rationale",
    "prediction.answer",
    "prediction.reply",
    "review.feedback",
    "review.private_note",
)
NAMES = {
    "contributor.name": ("cnry-contributor-name",),
    "reviewer.name": tuple(f"cnry-reviewer-name-{n}" for n in "123"),
}
OF_PERSON = {"RA": "cnry-reviewer-name-1", "RX": "cnry-reviewer-name-2", "SR": "cnry-reviewer-name-3"}
# pages on which organisers and administrators read accounts, without any link to questions
ABOUT_PEOPLE = ("accounts:", "grading:operations")
# through a release organisers read what is public, and everybody the credits that its contributors agreed to
OF_RELEASE = ("releases:", "api-releases")
# called with every place by everybody in each run; the others with some, in turn
IN_FULL = {"questions:detail"}


class Line(NamedTuple):
    """One address of the registry."""

    name: str
    methods: tuple[str, ...]
    objects: dict[str, str]
    shows: tuple[str, ...]
    step_up: str
    throttle: str
    cache: str
    readers: tuple[str, ...]

    @property
    def of_question(self) -> bool:
        """True when an id leads to one question."""
        return any(kind in OF_QUESTION for kind in self.objects.values())


OF_QUESTION = {"question", "round", "assignment", "solve", "picture", "prediction"}


def _rows(name: str) -> Iterator[list[str]]:
    for text in (ORACLE / name).read_text().splitlines():
        if text.strip() and not text.startswith("#"):
            yield [part.strip() for part in text.split("|")]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def read_registry() -> dict[str, Line]:
    """The registry by name; two lines for one name are an error."""
    lines: dict[str, Line] = {}
    for name, methods, objects, shows, step_up, throttle, cached, readers in _rows("registry.txt"):
        assert name not in lines, f"two lines for {name}"
        ids = dict(pair.split("=", 1) for pair in _words(objects))
        lines[name] = Line(name, _words(methods), ids, _words(shows), step_up, throttle, cached, _words(readers))
    return lines


REGISTRY = read_registry()


def read_cells() -> dict[tuple[str, str, str], set[str]]:
    """(field, phase, reader) -> conditions under which it is read."""
    cells: dict[tuple[str, str, str], set[str]] = {}
    for name, phases, readers, condition in _rows("cells.txt"):
        for phase, reader in product("DGSEXAPH" if phases == "*" else _words(phases), _words(readers)):
            key = (name, phase, reader)
            assert condition not in cells.get(key, set()), f"two lines for {key}"
            cells.setdefault(key, set()).add(condition)
    return cells


CELLS = read_cells()


def may_read(name: str, place: Place, code: str) -> bool:
    """What the oracle says: whether a reader reads a field of the question at this place."""
    reader = "RA" if code == "RX" else code
    if reader in {"RA", "SR"} and code not in {*place.assignments, *place.asked}:
        return False
    facts = {
        "": True,
        "own_answer": code in place.answered,
        "own_review": code in place.reviewed,
        "told": place.told,
        "triage": code in place.asked,
    }
    return any(facts[condition] for condition in CELLS.get((name, place.phase, reader), ()))


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


# --- the world, built once ---


@pytest.fixture(autouse=True)
def private_media() -> None:
    """The world's files stay where the world was built."""


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
    """Build the world in a transaction that is taken back at the end."""
    media = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path_factory.mktemp("media")), "base_url": None},
    }
    changed = {"STORAGES": settings.STORAGES | {"default": media}, "REQUIRE_STAFF_FACTOR": False}
    with django_db_blocker.unblock(), override_settings(**changed), transaction.atomic():
        yield World()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def clients(world: World) -> dict[str, Client]:
    """A signed-in client for each reader; AN is nobody."""
    found = {"AN": Client(raise_request_exception=False)}
    for code, person in world.people.items():
        found[code] = Client(raise_request_exception=False)
        found[code].force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    return found


def address(line: Line, world: World, place: Place | None = None, code: str = "", *, is_random: bool = False) -> str:
    """The address with the ids of a place, or with ids that nothing has; empty when the place has no such thing."""
    ids = {}
    for name, kind in line.objects.items():
        if kind.startswith("="):
            value: Any = kind[1:]
        elif is_random and kind in OF_QUESTION | {"person", "token", "notice", "erratum"}:
            value = 999_999_999 if kind == "solve" else uuid.uuid4()
        elif is_random and kind in {"proposal", "contest"}:
            value = 999_999_999
        elif kind == "file":
            value = "data/test-00000-of-00001.parquet"
        elif kind == "assignment" and place and code in place.assignments:
            value = place.assignments[code].pk
        elif kind in OF_QUESTION:
            value = place.ids.get(kind) if place else None
        else:
            value = world.fixed.get(kind, uuid.uuid4())
        ids[name] = value
    return "" if None in ids.values() else reverse(line.name, kwargs=ids)


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: str
    headers: dict[str, str]


ECHO = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|csrfmiddlewaretoken\" value=\"[^\"]+\"|X-CSRFToken\": \"\w+\"|999999999|/solves/\d+/|\?next=[^\"]*|Expires: .{29}"
)


def call(client: Client, method: str, url: str) -> Answer:
    """Call an address; what it changes is taken back."""
    cache.clear()  # rate limits have their own tests
    client.cookies.pop("messages", None)  # what an earlier call had to say
    with transaction.atomic():
        answer = client.generic(method, url)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if method != "GET":
            transaction.set_rollback(True)
    text = content.decode("utf-8", "replace") + " ".join(f"{k}: {v}" for k, v in answer.headers.items())
    return Answer(answer.status_code, text, dict(answer.headers))


def leaks(line: Line, answer: Answer, world: World, place: Place | None, code: str) -> list[str]:
    """The canaries in an answer that this reader must not see there."""
    text = answer.body.casefold()
    if "cnry-" not in text:
        return []
    found = [
        f"{name} of {other.name}"
        for other, name in product(world.places, FIELDS)
        if other.canary(name) in text
        and not may_read(name, other, code)
        # the own words stay the own
        and not (name.startswith("review.") and code in other.reviewed)
        and not (line.name.startswith(OF_RELEASE) and may_read(name, other, "RS") and code == "OC")
    ]
    if not line.name.startswith(ABOUT_PEOPLE + OF_RELEASE):
        found += _names(text, place, code)
    return found


def _names(text: str, place: Place | None, code: str) -> list[str]:
    found = []
    for name, canaries in NAMES.items():
        others = [canary for canary in canaries if canary != OF_PERSON.get(code) and canary in text]
        is_open = place is not None and may_read(name, place, code)
        is_staff = code in {"OR", "AU"}  # their lists name people of several questions
        is_own = code == "CO" and name == "contributor.name"
        if others and not (is_open or is_own or (place is None and is_staff)):
            found.append(name)
    return found


def places_for(line: Line, world: World, code: str) -> list[Place]:
    """The places to call an address with: all where it matters most, else some, another choice for each reader."""
    if not line.of_question:
        return []
    if line.name in IN_FULL:
        return world.places
    start = sum(map(ord, line.name + code)) % len(world.places)
    return [world.places[start]]


def read_by(world: World, client: Client, code: str, lines: Iterable[Line]) -> tuple[list[str], int]:
    """Call addresses as one reader and return what the oracle has against the answers, and how many there were."""
    wrong, calls = [], 0
    for line in lines:
        if "GET" not in line.methods or line.name == "account_logout":
            continue
        for place in places_for(line, world, code) or [None]:
            url = address(line, world, place, code)
            if not url:
                continue
            answer, calls = call(client, "GET", url), calls + 1
            where = f"{line.name} {place.name if place else ''} {code} {answer.status}"
            wrong += [f"leak: {where}: {found}" for found in leaks(line, answer, world, place, code)]
            if answer.status >= 500:
                wrong.append(f"error: {where}")
            if place and answer.status == 200:
                wrong += [
                    f"missing: {where}: {name}"
                    for name in line.shows
                    if may_read(name, place, code)
                    and place.canary(name) not in answer.body
                    and not (place.phase == "D" and name.startswith("prediction."))  # nothing is answered yet
                ]
    return wrong, calls


def test_no_secret_reaches_a_reader_without_its_cell(world: World, clients: dict[str, Client]) -> None:
    found = [read_by(world, clients[code], code, REGISTRY.values()) for code in ("AN", *CODES)]

    assert [row for wrong, _calls in found for row in wrong] == []
    assert sum(calls for _wrong, calls in found) > 400


def told_apart(world: World, clients: dict[str, Client], cases: Iterable[tuple[Line, str, Place]]) -> list[str]:
    """Return where a hidden question and one that does not exist are answered differently, or a hidden one openly."""
    wrong = []
    for line, code, place in cases:
        for method in line.methods:
            url = address(line, world, place)
            if not url:
                continue
            known, unknown = (call(clients[code], method, one) for one in (url, address(line, world, is_random=True)))
            where = f"{method} {line.name} {place.name} {code}: {known.status}, unknown {unknown.status}"
            one, other = (ECHO.sub("", answer.body).splitlines() for answer in (known, unknown))
            if known.status != unknown.status or one != other:
                wrong.append(f"{where} {[pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]][:1]}")
            elif known.status not in {403, 404, 302}:
                wrong.append(f"open: {where}")
    return wrong


def test_hidden_and_unknown_are_the_same(world: World, clients: dict[str, Client]) -> None:
    assert told_apart(world, clients, _hidden(world)) == []


def test_a_deleted_question_is_unknown(world: World, clients: dict[str, Client]) -> None:
    place = Place("deleted", "D", world["draft"].question, ids={"question": world.deleted})
    cases = [(line, "CO", place) for line in REGISTRY.values() if set(line.objects.values()) == {"question"}]

    assert told_apart(world, clients, cases) == []
    assert len(cases) > 20


def _hidden(world: World) -> Iterator[tuple[Line, str, Place]]:
    """For each address of a question two readers who may not know of it, others for each address."""
    for number, line in enumerate(line for line in REGISTRY.values() if line.of_question):
        for code in (IDLE[number % len(IDLE)], "RA"):
            hidden = [
                place
                for place in world.places
                if code not in place.assignments and not may_read("question.prompt", place, code)
            ]
            # one picture is shared by all places but the draft
            yield line, code, world["draft"] if "picture" in line.objects.values() else hidden[number % len(hidden)]


# --- counts and order: the same page with and without a question that its reader may not know of ---

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
    apart = {"account_logout", *RESTLESS}
    lines = [
        line for line in REGISTRY.values() if not line.objects and "GET" in line.methods and line.name not in apart
    ]

    # the ledger's totals are open to organisers with a conflict too
    assert changed_by_a_hidden_question(world, clients, lines, monkeypatch) == ["money:index OC"]
    assert len(lines) > 30


def test_nobody_without_a_right_changes_anything(world: World, clients: dict[str, Client]) -> None:
    watched = (Question, Revision, StatusChange, DuplicatePair, Assignment, BlindSolve, Review, Comment, Decision)

    def state() -> list[Any]:
        return [list(model.objects.order_by("pk").values()) for model in watched]

    wrong, before = [], state()
    for line, code in product(REGISTRY.values(), IDLE):
        for method in sorted(set(line.methods) - {"GET"}):
            for place in places_for(line, world, code)[:1]:
                url = address(line, world, place)
                if not url:
                    continue
                cache.clear()
                with transaction.atomic():
                    answer = clients[code].generic(method, url)
                    if state() != before:
                        wrong.append(f"{method} {line.name} {place.name} {code}: {answer.status_code}")
                    transaction.set_rollback(True)

    assert wrong == []


def open_to_strangers(world: World, client: Client, lines: Iterable[Line]) -> list[str]:
    """Return the addresses that answer somebody who is not signed in, and need not."""
    wrong = []
    for line in lines:
        for method in line.methods:
            url = address(line, world, world["in-review"])
            answer = call(client, method, url) if url else None
            if answer is None or "AN" in line.readers:
                continue
            is_sent_away = answer.status == 302 and "/accounts/login/" in answer.headers.get("Location", "")
            if not is_sent_away and answer.status not in {401, 404}:
                wrong.append(f"{method} {line.name}: {answer.status}")
    return wrong


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


def test_pages_for_some_are_closed_to_the_others(world: World, clients: dict[str, Client]) -> None:
    wrong = []
    for line, code in product(REGISTRY.values(), CODES):
        if "*" in line.readers or line.of_question or "GET" not in line.methods:
            continue
        is_open = call(clients[code], "GET", address(line, world)).status in {200, 302}
        if is_open and code not in line.readers:
            wrong.append(f"{line.name}: open to {code}")
        if not is_open and code in line.readers and not line.objects:
            wrong.append(f"{line.name}: closed to {code}")

    assert wrong == []


def test_what_people_read_is_not_kept_by_caches(world: World, clients: dict[str, Client]) -> None:
    wrong = []
    for line in REGISTRY.values():
        place = world["awaiting"] if line.of_question else None
        url = address(line, world, place, "CO") if "GET" in line.methods else ""
        if not url or line.name == "account_logout":
            continue
        answer = call(clients["CO"], "GET", url)
        if answer.status == 200 and line.cache not in answer.headers.get("Cache-Control", ""):
            wrong.append(f"{line.name}: {answer.headers.get('Cache-Control')}")

    assert wrong == []


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


def test_a_superuser_does_not_exist() -> None:
    assert not issubclass(User, PermissionsMixin)
    assert not hasattr(User, "is_superuser")
    assert not hasattr(User.objects, "create_superuser")


# --- tokens of the API as readers ---

SCOPES = ("draft", "review", "release")
SCOPE_OF = dict(_rows("scopes.txt"))
# where a scope opens text at all; the feedback has no phase of its own
PHASES_OF = {"draft": "DG", "review": "SEXAPH", "release": "P"}
API = [line for line in REGISTRY.values() if line.name.startswith("api-")]


def scope_of(name: str) -> str:
    """The scope that the oracle asks of a token at an address of the API."""
    return SCOPE_OF[max((start for start in SCOPE_OF if name.startswith(start)), key=len)]


@pytest.fixture(scope="module")
def token_clients(world: World) -> dict[tuple[str, str], Client]:
    """A client with a token for each reader and scope; administrators have none."""
    found: dict[tuple[str, str], Client] = {}
    for code, scope in product(CODES, SCOPES):
        if code != "AD":
            found[code, scope] = token_client(world.people[code], scope)
            found[code, scope].raise_request_exception = False
    return found


def beyond_tokens(world: World, clients: dict[tuple[str, str], Client]) -> list[str]:
    """Return what tokens open beyond their scope: addresses of another one, and text of phases that it does not reach."""
    wrong = []
    for (code, scope), client in clients.items():
        for line in API:
            for place in places_for(line, world, code)[:1] or [None]:
                url = address(line, world, place, code)
                if not url:
                    continue
                for method in line.methods:
                    answer = call(client, method, url)
                    where = f"{method} {line.name} {place.name if place else ''} {code} {scope} {answer.status}"
                    if scope_of(line.name) != scope and answer.status not in {401, 403}:
                        wrong.append(f"scope: {where}")
                    wrong += [f"leak: {where}: {found}" for found in leaks(line, answer, world, place, code)]
                    wrong += [f"phase: {where}: {found}" for found in _of_closed_phases(answer, world, scope)]
                    wrong += [f"error: {where}"] * (answer.status >= 500)
    return wrong


def _of_closed_phases(answer: Answer, world: World, scope: str) -> list[str]:
    text = answer.body.casefold()
    fields = [name for name in FIELDS if name != "review.feedback"]
    return [
        f"{name} of {place.name}"
        for place, name in product(world.places, fields)
        if "cnry-" in text and place.phase not in PHASES_OF[scope] and place.canary(name) in text
    ]


def test_a_token_opens_no_more_than_its_scope(world: World, token_clients: dict[tuple[str, str], Client]) -> None:
    assert beyond_tokens(world, token_clients) == []


def test_a_token_opens_no_page(world: World, token_clients: dict[tuple[str, str], Client]) -> None:
    others = {line.name: line for line in REGISTRY.values() if line not in API and line.methods[0] == "GET"}
    schema = others.pop("schema")
    pages = others.values()

    assert open_to_strangers(world, token_clients["OR", "release"], pages) == []
    assert call(token_clients["OR", "release"], "GET", address(schema, world)).status == 403


def test_every_address_of_the_api_has_a_scope() -> None:
    assert {scope_of(line.name) for line in API} == {*SCOPES, "none"}


# --- the schema of the API ---


def nullable(part: Any) -> Any:
    """Return a part of an OpenAPI schema as JSON Schema has it: null is a type of its own."""
    if isinstance(part, list):
        return [nullable(one) for one in part]
    if not isinstance(part, dict):
        return part
    plain = {name: nullable(value) for name, value in part.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if part.get("nullable") else plain


def against_schema(schema: dict[str, Any], line: Line, url: str, answer: Answer) -> list[str]:
    """Return what the schema of an address has against a good answer."""
    patterns = {path: re.sub(r"\{\w+\}", "[^/]+", path.replace("{path}", ".+")) for path in schema["paths"]}
    path = next(path for path, pattern in patterns.items() if re.fullmatch(pattern, url))
    content = schema["paths"][path]["get"]["responses"]["200"]["content"].get("application/json")
    if content is None:
        return []
    rule = {**content["schema"], "components": schema["components"]}
    body = json.loads(answer.body[: answer.body.rindex("}" if answer.body.startswith("{") else "]") + 1])
    errors = jsonschema.Draft202012Validator(rule).iter_errors(body)
    return [f"{line.name} {url}: {error.json_path}: {error.message[:200]}" for error in errors]


def test_answers_are_as_the_schema_says(world: World, clients: dict[str, Client]) -> None:
    accepted = {"Accept": "application/vnd.oai.openapi+json"}
    schema = nullable(json.loads(clients["CO"].get(reverse("schema"), headers=accepted).content))
    readers = {"draft": ("CO",), "review": ("RA", "SR"), "release": ("RS",)}
    lines = [line for line in API if "GET" in line.methods]
    cases = [(line, code) for line in lines for code in readers[scope_of(line.name)]]

    wrong, good = [], 0
    for line, code in cases:
        for place in world.places if line.of_question else [None]:
            url = address(line, world, place, code)
            answer = call(clients[code], "GET", url) if url else None
            if answer and answer.status == 200:
                wrong += against_schema(schema, line, url, answer)
                good += 1

    assert wrong == []
    assert good > 50


# --- search ---


def test_search_finds_what_is_read_and_never_the_key(world: World) -> None:
    wrong = []
    for code, place, name in product(CODES, world.places, FIELDS):
        is_found = search.found(place.canary(name), world.people[code]).exists()
        # what was not handed in is read on its own page, where reading it is logged
        is_searched = name in {"question.prompt", "question.image_alt"} and (code == "CO" or place.phase not in "DG")
        if is_found != (is_searched and may_read(name, place, code)):
            wrong.append((code, place.name, name, is_found))

    assert wrong == []


# --- log lines ---


def told_to_logs(world: World, client: Client, code: str, lines: Iterable[Line], caplog: Any) -> list[str]:
    """Return the log lines with a canary that the calls of one reader leave."""
    caplog.clear()
    with caplog.at_level("DEBUG"):
        read_by(world, client, code, lines)
    found = [f"{row.name}: {row.getMessage()} {row.__dict__}" for row in caplog.records]
    return [text for text in found if "cnry-" in text.casefold()]


@pytest.mark.parametrize("code", ["CO", "SR", "OR"])
def test_no_secret_reaches_a_log(world: World, clients: dict[str, Client], caplog: Any, code: str) -> None:
    assert told_to_logs(world, clients[code], code, REGISTRY.values(), caplog) == []


# --- broker and cache ---


def stored() -> list[str]:
    """Every key with its value in the broker and the cache, which are one server; message bodies as they were sent."""
    client = redis.Redis.from_url(settings.CACHES["default"]["LOCATION"])
    found = []
    for key in client.keys("*"):
        kind = client.type(key)
        values = {
            b"string": lambda key: [client.get(key)],
            b"list": lambda key: client.lrange(key, 0, -1),
            b"set": client.smembers,
            b"hash": lambda key: [part for pair in client.hgetall(key).items() for part in pair],
            b"zset": lambda key: client.zrange(key, 0, -1),
        }[kind](key)
        found += [f"{key!r}: {value!r} {_body(value)!r}" for value in values]
    return found


def _body(value: bytes) -> bytes:
    """The arguments of a task in a message of the broker."""
    message = re.search(rb'"body": "([^"]+)"', value)
    return base64.b64decode(message[1]) if message else b""


def secrets_stored() -> list[str]:
    """Return what holds a canary in broker and cache."""
    return [row for row in stored() if "cnry-" in row.casefold()]


@pytest.mark.parametrize("code", ["CO", "OR"])
def test_no_secret_reaches_the_cache(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    forget, found = cache.clear, []

    def look_and_forget() -> None:
        found.extend(secrets_stored())
        forget()

    forget()
    monkeypatch.setattr(cache, "clear", look_and_forget)

    read_by(world, clients[code], code, REGISTRY.values())

    assert found + secrets_stored() == []


def test_no_secret_reaches_the_broker(world: World) -> None:
    with transaction.atomic():
        factories.make_checking(by=world.people["CO"], prompt="What does cnry-prompt mean?", answer="cnry-key")
        pipeline.sweep()
        transaction.set_rollback(True)

    assert {"grading.tasks.run_check", "questions.tasks.find_duplicates"} <= set(sent())
    assert secrets_stored() == []


def sent() -> list[str]:
    """Return the names of the tasks that wait in the broker."""
    return [name for row in stored() for name in re.findall(r'"task": "([^"]+)"', row)]


# --- controls: each breaks one thing, and the walker must say so ---


def test_walker_finds_a_list_that_starts_from_everything(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querysets, "at_work", lambda _user: Q(pk__isnull=False))

    wrong, _calls = read_by(world, clients["CX"], "CX", [REGISTRY["questions:detail"]])

    submitted = {
        place.name for place in world.places if place.phase not in "DG"
    }  # the page shows nothing else to others
    assert {f"question.prompt of {name}" for name in submitted} <= {row.rpartition(": ")[2] for row in wrong}


def test_walker_finds_a_page_without_login(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_views.dashboard, "login_required", False, raising=False)

    assert open_to_strangers(world, clients["AN"], [REGISTRY["review:dashboard"]]) == ["GET review:dashboard: 403"]


def test_walker_finds_an_extra_field_of_a_serializer(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = AssignmentSerializer.to_representation

    def with_key(self: Any, instance: Assignment) -> dict[str, Any]:
        return {**honest(self, instance), "key": instance.round.revision.answer}

    monkeypatch.setattr(AssignmentSerializer, "to_representation", with_key)
    monkeypatch.setitem(globals(), "IN_FULL", {"api-assignments-detail"})

    wrong, _calls = read_by(world, clients["RA"], "RA", [REGISTRY["api-assignments-detail"]])

    assert "leak: api-assignments-detail in-review RA 200: question.key of in-review" in wrong
    assert {row.rpartition(": ")[2].partition(" of ")[0] for row in wrong} == {"question.key"}


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


def test_walker_finds_a_missing_check_of_conflicts(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querysets, "_denials", [])

    wrong, _calls = read_by(world, clients["OC"], "OC", [REGISTRY["questions:detail"]])

    assert any(row.endswith("question.prompt of in-review") for row in wrong)


def test_walker_finds_a_missing_check_of_scopes(
    world: World, token_clients: dict[tuple[str, str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HasScope, "has_permission", lambda _self, request, _view: request.user.is_authenticated)
    one = {("CO", "release"): token_clients["CO", "release"]}

    found = {row.partition(":")[0] for row in beyond_tokens(world, one)}

    assert "scope" in found


def test_walker_finds_a_page_that_shows_too_little(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = question_presenters.question_text
    monkeypatch.setattr(
        question_presenters, "question_text", lambda *args, **kwargs: replace(honest(*args, **kwargs), prompt="")
    )

    wrong, _calls = read_by(world, clients["CO"], "CO", [REGISTRY["questions:detail"]])

    assert {row.partition(":")[0] for row in wrong} == {"missing"}
    assert len(wrong) == len(world.places)


def test_walker_finds_a_count_before_the_filter(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = dashboards._counts

    def counting_all(*args: Any) -> dict[str, int]:
        return honest(*args) | {"pool": Round.objects.open().count()}

    monkeypatch.setattr(dashboards, "_counts", counting_all)

    found = changed_by_a_hidden_question(world, clients, [REGISTRY["review:dashboard"]], monkeypatch)

    assert found == ["review:dashboard RC"]


def test_walker_finds_a_prompt_in_a_message(world: World) -> None:
    question_tasks.find_duplicates.delay(f"{world['draft'].canary('question.prompt')}")

    assert len(secrets_stored()) == 1


def test_walker_finds_a_prompt_in_a_log_line(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    honest = question_presenters.question_text

    def telling(shown: Revision, **kwargs: Any) -> Any:
        logging.getLogger("questions").info("shown: %s", shown.prompt)
        return honest(shown, **kwargs)

    monkeypatch.setattr(question_presenters, "question_text", telling)

    assert len(told_to_logs(world, clients["CO"], "CO", [REGISTRY["questions:detail"]], caplog)) == len(world.places)
