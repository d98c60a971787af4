"""How the walker calls an address, and what it has against the answers."""

import io
import re
import uuid
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple

import pyarrow.parquet
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from tests.access.oracle import CODES, FIELDS, OF_QUESTION, PHASES_OF, Line, may_read, scope_of
from tests.access.world import Place, World

NAMES = {
    "contributor.name": ("cnry-contributor-name",),
    "reviewer.name": tuple(f"cnry-reviewer-name-{n}" for n in "123"),
    "filer.name": ("cnry-researcher-name",),
}
OF_PERSON = {
    "CO": "cnry-contributor-name",
    "RA": "cnry-reviewer-name-1",
    "RX": "cnry-reviewer-name-2",
    "SR": "cnry-reviewer-name-3",
    "RS": "cnry-researcher-name",
}
# pages on which organisers and administrators read accounts, without any link to questions
ABOUT_PEOPLE = ("accounts:", "grading:operations")
# through a release organisers read what is public, and everybody the credits that its contributors agreed to
OF_RELEASE = ("releases:", "api-releases")
# called with every place by everybody in each run; the others with some, in turn
IN_FULL = frozenset({"questions:detail"})
# written so that no change of spelling hides it: three ways in which base64 can begin
ENCODED = re.compile("Y25yeS|Nucnkt|jbnJ5L")
CANARY = re.compile(r"cnry-[a-z0-9-]*[a-z0-9]")
ECHO = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|csrfmiddlewaretoken\" value=\"[^\"]+\"|X-CSRFToken\": \"\w+\"|999999999|/solves/\d+/|\?next=[^\"]*|Expires: .{29}"
)
# tables in which nobody writes a row without a right
WATCHED = "^(questions_|grading_|review_|accounts_(rolegrant|roleproposal|user)$)"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: str
    headers: dict[str, str]


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


class Reader(Client):
    """A client that keeps nothing of an answer: neither what templates were given, nor cookies."""

    def request(self, **request: Any) -> Any:
        """Return the answer as the site gives it."""
        return self.handler(self._base_environ(**request))


def call(client: Client, method: str, url: str, data: Any = "", **more: Any) -> Answer:
    """Call an address; what it changes is taken back."""
    cache.clear()  # rate limits have their own tests
    with transaction.atomic():
        answer = client.generic(method, url, data, **more)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if method != "GET":
            transaction.set_rollback(True)
    text = _decoded(content) + " ".join(f"{k}: {v}" for k, v in answer.headers.items())
    return Answer(answer.status_code, text, dict(answer.headers))


def _decoded(content: bytes) -> str:
    if content[:4] == b"PAR1":
        return str(pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist())
    return content.decode("utf-8", "replace")


class Secret(NamedTuple):
    """What a canary stands for: a field at a place, in the words of one reviewer where each has their own."""

    name: str
    place: Place
    by: str


def secrets(world: World) -> dict[str, Secret]:
    """Every canary of the fields at the places."""
    if not world.secrets:
        world.secrets = {
            canary: Secret(name, place, by)
            for place, name in product(world.places, FIELDS)
            if not name.endswith(".name")
            for by, canary in place.canaries(name).items()
        }
    return world.secrets


def found_in(text: str, world: World) -> Iterator[Secret]:
    """The secrets in a text, each once."""
    known = secrets(world)
    for word in sorted(set(CANARY.findall(text.casefold()))):
        if word in known:
            yield known[word]
        elif longest := max(filter(word.startswith, known), key=len, default=""):
            yield known[longest]


def leaks(line: Line, answer: Answer, world: World, place: Place | None, code: str) -> list[str]:
    """The canaries in an answer that this reader must not see there."""
    text = answer.body.casefold()
    encoded = [f"encoded: {hit}" for hit in ENCODED.findall(answer.body)]
    if "cnry-" not in text:
        return encoded
    found = encoded + [
        f"{name} of {other.name}" for name, other, by in found_in(text, world) if not may_read(name, other, code, by=by)
    ]
    if not line.name.startswith(ABOUT_PEOPLE):
        found += _names(text, line, place, code)
    return found


def _names(text: str, line: Line, place: Place | None, code: str) -> list[str]:
    found = []
    for name, canaries in NAMES.items():
        others = [canary for canary in canaries if canary != OF_PERSON.get(code) and canary in text]
        is_open = place is not None and may_read(name, place, code)
        is_staff = code in {"OR", "AU"}  # their lists name people of several questions
        is_credited = name == "contributor.name" and line.name.startswith(OF_RELEASE)
        if others and not (is_open or is_credited or (place is None and is_staff)):
            found.append(name)
    return found


def places_for(line: Line, world: World, code: str, full: Iterable[str] = IN_FULL) -> list[Place]:
    """The places to call an address with: all where it matters most, else some, another choice for each reader."""
    if not line.of_question:
        return []
    if line.name in full:
        return world.places
    start = sum(map(ord, line.name + code)) % len(world.places)
    return [world.places[start]]


class Reading(NamedTuple):
    """What the oracle has against the answers that one reader got, how many there were, and the last one of each address."""

    wrong: list[str]
    calls: int
    last: dict[str, Answer]


def read_by(world: World, client: Client, code: str, lines: Iterable[Line], full: Iterable[str] = IN_FULL) -> Reading:
    """Call addresses as one reader."""
    wrong, calls, last = [], 0, {}
    for line in lines:
        if not line.reads:
            continue
        for place in places_for(line, world, code, full) or [None]:
            url = address(line, world, place, code)
            if not url:
                continue
            answer, calls = call(client, "GET", url), calls + 1
            wrong += against(line, answer, world, place, code)
            last[line.name] = answer
    return Reading(wrong, calls, last)


def against(line: Line, answer: Answer, world: World, place: Place | None, code: str) -> list[str]:
    """What the oracle has against one answer: leaks, errors, and what is missing where it is read."""
    where = f"{line.name} {place.name if place else ''} {code} {answer.status}"
    wrong = [f"leak: {where}: {found}" for found in leaks(line, answer, world, place, code)]
    if answer.status >= 500:
        wrong.append(f"error: {where}")
    if place and answer.status == 200:
        wrong += [f"missing: {where}: {name}" for name in _missing(line, answer, place, code)]
    return wrong


def _missing(line: Line, answer: Answer, place: Place, code: str) -> list[str]:
    return [
        name
        for name in line.shows
        if may_read(name, place, code)
        and not any(canary in answer.body for canary in place.canaries(name).values())
        and not (place.phase == "D" and name.startswith("prediction."))  # nothing is answered yet
    ]


def told_apart(world: World, clients: dict[str, Client], cases: Iterable[tuple[Line, str, Place]]) -> list[str]:
    """Return where a hidden question and one that does not exist are answered differently, or a hidden one openly."""
    wrong, absent = [], {}
    for line, code, place in cases:
        for method in line.methods:
            url = address(line, world, place)
            if not url:
                continue
            known = call(clients[code], method, url)
            if (line.name, code, method) not in absent:
                absent[line.name, code, method] = call(clients[code], method, address(line, world, is_random=True))
            wrong += compared(f"{method} {line.name} {place.name} {code}", known, absent[line.name, code, method])
    return wrong


def compared(what: str, known: Answer, unknown: Answer) -> list[str]:
    """Return what tells two answers apart, or that both are open."""
    where = f"{what}: {known.status}, unknown {unknown.status}"
    one, other = (ECHO.sub("", answer.body).splitlines() for answer in (known, unknown))
    if known.status != unknown.status or one != other:
        return [f"{where} {[pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]][:1]}"]
    return [] if known.status in {403, 404, 302} else [f"open: {where}"]


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


def writes() -> int:
    """How many rows this transaction has written so far, in tables of which nobody may write one without a right."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables WHERE relname ~ %s", [WATCHED]
        )
        return int(cursor.fetchone()[0])


def beyond_tokens(
    world: World, clients: dict[tuple[str, str], Client], lines: Iterable[Line], full: Iterable[str] = ()
) -> tuple[list[str], int]:
    """Return what tokens open beyond their scope: addresses of another one, and text of phases that it does not reach.

    A scope is refused whoever asks, so that unless places are given in `full` a third of the readers try each address of others.
    """
    wrong, calls = [], 0
    for number, ((code, scope), line) in enumerate(product(clients, lines)):
        if scope_of(line.name) != scope and not full and number % 3:
            continue
        for place in places_for(line, world, code, full) or [None]:
            url = address(line, world, place, code)
            for method in line.methods if url else ():
                answer, calls = call(clients[code, scope], method, url), calls + 1
                where = f"{method} {line.name} {place.name if place else ''} {code} {scope} {answer.status}"
                if scope_of(line.name) != scope and answer.status not in {401, 403}:
                    wrong.append(f"scope: {where}")
                wrong += [f"leak: {where}: {found}" for found in leaks(line, answer, world, place, code)]
                wrong += [f"phase: {where}: {found}" for found in _of_closed_phases(answer, world, scope)]
                wrong += [f"error: {where}"] * (answer.status >= 500)
    return wrong, calls


def _of_closed_phases(answer: Answer, world: World, scope: str) -> list[str]:
    return [
        f"{name} of {place.name}"
        for name, place, _by in found_in(answer.body, world)
        if place.phase not in PHASES_OF[scope] and name not in FEEDBACK
    ]


# what a contributor is told, by any token of theirs for drafts
FEEDBACK = {"review.feedback", "decision.reason", "comment.contributor"}
EVERYBODY = ("AN", *CODES)
