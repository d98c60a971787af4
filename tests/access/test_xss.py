"""Stored scripts, in a real browser: every text of every row is hostile, and every page that shows it stays as it is.

The pages are the site's own answers with all their headers, handed to Chromium by the test client, so that a world in one
transaction is enough.
"""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, cycle, islice
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.cache import cache
from django.db import connection, connections, models
from django.test import Client

from hle_site import markup
from tests import browser
from tests.access.oracle import REGISTRY, Line
from tests.access.walker import address
from tests.access.world import World
from tests.xss_vectors import ALL, HTML, MARKDOWN, VECTORS

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

HOST = "testserver"
PACK = 60  # vectors in one text
READERS = ("CO", "RA", "SR", "OR", "AU", "AD", "RS", "AN")
# pages that between them show the texts of everybody; the long run opens all
SHORT = (
    *("home", "accounts:profile", "accounts:tokens", "accounts:audit", "notifications:inbox", "review:feedback"),
    *("questions:detail", "questions:history", "questions:edit", "questions:support", "questions:check"),
    *(
        "duplicates:pair",
        "releases:detail",
        "releases:item",
        "releases:errata",
        "grading:judge",
        "grading:disagreements",
    ),
    *("panels:panel", "review:work", "review:question"),
)
NO_PAGES = (
    *("api-", "schema", "healthz", "readyz", "account_logout", "questions:picture"),
    *("releases:manifest", "releases:download", "releases:picture"),
)
LONG = [line.name for line in REGISTRY.values() if "GET" in line.methods and not line.name.startswith(NO_PAGES)]
OF_MACHINE = {  # written by the site, never by a person or a model
    "accounts.ApiToken": {"key_hash"},
    "accounts.Affiliation": {"institution_key"},
    "accounts.Conflict": {"institution_key"},
    "accounts.User": {"email", "password", "time_zone"},
    "grading.Panel": {"slug"},
    "questions.DuplicatePair": {"model"},
    "questions.Release": {"prefix"},
}
WATCH = """
window.fired = [];
window.refused = [];
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = (...words) => window.fired.push([name, ...words].join(" "));
document.addEventListener("securitypolicyviolation", (event) => window.refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
DRAWN = """
() => !document.querySelector(".math:not(.math-done, .math-bad)")
  && !(document.querySelector("[data-preview]")?.value && !document.querySelector("#preview > *"))
  && new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => resolve(true))))
"""
LOOK = """
() => {
  const found = [...window.fired, ...window.refused];
  for (const element of document.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      const isLink = ["href", "xlink:href", "src", "srcset", "action", "formaction", "ping", "poster", "data"].includes(name);
      const scheme = /^\\s*(\\w+):/.exec(value)?.[1] ?? "";
      const isOurs = ["http", "https", "mailto", ""].includes(scheme) || (scheme === "data" && element.tagName === "IMG");
      const isOdd = name.startsWith("on") || /^(data-)?hx-on/.test(name) || /clobber/.test(name === "id" || name === "name" ? value : "");
      const isForeign = (/^(data-)?hx-|^data-preview$/.test(name) || name === "action") && /evil/.test(value);
      if (isOdd || isForeign || (isLink && !isOurs)) found.push(`<${element.localName} ${name}="${value.slice(0, 80)}">`);
    }
    if (["iframe", "object", "embed", "base", "animate", "foreignobject"].includes(element.localName)) found.push(element.localName);
  }
  if (/5332114/.test(document.body.innerText)) found.push("a template was filled in");
  return found;
}
"""


def texts(length: int, vectors: tuple[str, ...], start: int) -> str:
    """Return a pack of vectors from `start` on, as many as fit."""
    pack, size = [], 0
    for vector in islice(cycle(vectors), start, start + PACK):
        if size + len(vector) + 2 <= length:
            pack.append(vector)
            size += len(vector) + 2
    return "\n\n".join(pack)


def is_free_text(field: Any) -> bool:
    """True for a column in which people or models write what they like."""
    if isinstance(field, ArrayField):
        return is_free_text(field.base_field) and not isinstance(field.base_field, models.CharField)
    is_text = isinstance(field, models.TextField) or (type(field) is models.CharField and field.max_length >= 80)
    return is_text and not field.choices and not field.unique


def poison(vectors: tuple[str, ...], turn: int) -> int:
    """Write hostile texts over every free text in the database; return into how many columns."""
    numbers, columns = count(turn * PACK, 17), 0
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # what is frozen, too
    for model in apps.get_models():
        if model._meta.app_label not in {"accounts", "audit", "grading", "notifications", "questions", "review"}:
            continue
        names = [
            field
            for field in model._meta.concrete_fields
            if is_free_text(field) and field.name not in OF_MACHINE.get(model._meta.label, ())
        ]
        columns += len(names)
        for pk in model._base_manager.values_list("pk", flat=True):
            values = {field.name: _value(field, vectors, next(numbers)) for field in names}
            if names:
                model._base_manager.filter(pk=pk).update(**values)
    return columns


def _value(field: Any, vectors: tuple[str, ...], start: int) -> Any:
    if isinstance(field, ArrayField):
        return [texts(400, vectors, start + n) for n in range(5)]
    return texts(getattr(field, "max_length", None) or 30_000, vectors, start)


class Tab:
    """A browser tab whose requests the test client answers, and what it saw."""

    statics: dict[str, dict[str, Any]] = {}

    def __init__(self, chromium: Any, client: Client, run: Callable[..., Any]) -> None:
        self.client, self.run, self.foreign, self.status = client, run, [], 0
        context = chromium.new_context()
        context.add_init_script(WATCH)
        context.route("**/*", self._answer)
        self.page = context.new_page()

    def _answer(self, route: Any) -> None:
        request, parts = route.request, urlsplit(route.request.url)
        if parts.netloc != HOST:
            self.foreign.append(request.url)
            route.abort()
        elif parts.path in self.statics:
            route.fulfill(**self.statics[parts.path])
        else:
            answer = self.run(self._ask, request, parts)
            if parts.path.startswith("/static/"):
                self.statics[parts.path] = answer
            route.fulfill(**answer)

    def _ask(self, request: Any, parts: Any) -> dict[str, Any]:
        cache.clear()  # rate limits have their own tests
        sent = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
        kind = request.headers.get("content-type", "")
        url = parts.path + ("?" + parts.query if parts.query else "")
        answer = self.client.generic(request.method, url, request.post_data_buffer or b"", kind, **sent)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if request.is_navigation_request():
            self.status = answer.status_code
        if 300 <= answer.status_code < 400:  # the browser would follow it past us
            return {"status": 200, "body": ""}
        return {"status": answer.status_code, "headers": dict(answer.headers), "body": body}

    def open(self, url: str) -> int:
        """Open a page, wait until formulas and preview are drawn, and return its status."""
        self.page.goto(f"http://{HOST}{url}")
        self.page.wait_for_function(DRAWN, timeout=60_000)
        return self.status

    def findings(self) -> list[str]:
        """Return what ran, what the policy refused, what came into the page that nobody meant, and foreign addresses."""
        found = [*self.page.evaluate(LOOK), *self.foreign]
        self.foreign.clear()
        return found


@contextmanager
def aside() -> Iterator[Callable[..., Any]]:
    """Yield a function that calls others in a thread on our connection: Playwright runs a loop in this one."""
    shared = connections["default"]
    shared.inc_thread_sharing()

    def share() -> None:
        connections["default"] = shared

    with ThreadPoolExecutor(1, initializer=share) as thread:
        yield lambda function, *values: thread.submit(function, *values).result()
    shared.dec_thread_sharing()


def signed_in(world: World) -> dict[str, Client]:
    """Return a client for each reader."""
    found = {code: Client(SERVER_NAME=HOST) for code in READERS}
    for code in set(READERS) & set(world.people):
        found[code].force_login(world.people[code], backend=settings.AUTHENTICATION_BACKENDS[0])
    return found


def pages(world: World, clients: dict[str, Client], names: Collection[str], places: int) -> Iterator[tuple[str, str]]:
    """Yield who opens what: every address of these names, of those with a question so many, each by the first who may."""
    for line in (line for line in REGISTRY.values() if line.name in names):
        opened = 0
        for url in urls(line, world):
            code = next((code for code, client in clients.items() if client.get(url).status_code == 200), "")
            opened += bool(code)
            if code:
                yield code, url
            if opened == places:
                break


def urls(line: Line, world: World) -> list[str]:
    """The addresses of a line, also those of the places of reviewers."""
    places = world.places if line.of_question else [None]
    found = [address(line, world, place, code) for place in places for code in ("", "RA", "SR")]
    return list(dict.fromkeys(url for url in found if url))


def walk(
    world: World, names: Collection[str], *, vectors: tuple[str, ...], places: int, turns: int
) -> tuple[list[Any], int]:
    """Open pages over poisoned rows, once for each turn, and return what was found and how many pages were opened."""
    found, opened = [], 0
    clients = signed_in(world)
    todo = list(pages(world, clients, names, places))
    with aside() as run, browser.chromium() as chromium:
        tabs = {code: Tab(chromium, client, run) for code, client in clients.items()}
        for turn in range(turns):
            run(poison, vectors, turn)
            for code, url in todo:
                status = tabs[code].open(url)
                found += [(code, url, turn, status, one) for one in tabs[code].findings()] + [url] * (status != 200)
                opened += 1
    return found, opened


def test_no_text_of_anybody_runs_or_changes_a_page(world: World) -> None:
    found, opened = walk(world, SHORT, vectors=VECTORS, places=1, turns=1)

    assert found == []
    assert opened == len(SHORT)


@pytest.mark.long
def test_no_vector_runs_on_any_page(world: World) -> None:
    found, opened = walk(world, LONG, vectors=ALL, places=2, turns=-(-len(ALL) // PACK))

    assert found == []
    assert opened > 1000


@pytest.mark.long
def test_links_that_run_are_found_when_the_renderer_lets_them_through(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(markup._MARKDOWN, "validateLink", lambda _url: True)
    monkeypatch.setattr(markup, "_SANITISER", mock.Mock(clean=str))

    found, _opened = walk(world, ["questions:detail"], vectors=tuple(MARKDOWN), places=1, turns=1)

    assert len([row for row in found if 'href="javascript:' in row[-1]]) > 10


@pytest.mark.long
def test_html_that_reaches_a_page_is_found(world: World, monkeypatch: Any) -> None:
    monkeypatch.setitem(markup._MARKDOWN.options, "html", True)
    monkeypatch.setattr(markup, "_SANITISER", mock.Mock(clean=str))
    harmful = tuple(text for text in HTML if "http-equiv" not in text)  # the page stays where it is

    found, _opened = walk(world, ["questions:detail"], vectors=harmful, places=1, turns=1)

    kinds = " ".join(str(row[-1]) for row in found)
    assert all(
        sign in kinds for sign in ("script-src-elem", "script-src-attr", "img-src", "<img onerror=", "evil.example")
    )
