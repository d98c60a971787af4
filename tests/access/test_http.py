"""Requests that no page of ours makes: forged hosts and origins, other methods, odd addresses, writes without a CSRF value."""

from collections.abc import Callable, Iterator
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hle_site.audit.models import AuditEvent
from tests import factories
from tests.access.oracle import REGISTRY, Line
from tests.access.test_registry import METHODS
from tests.access.walker import Answer, address, call
from tests.access.world import World

pytestmark = pytest.mark.django_db

EVIL = "evil.example"
FOREIGN = (
    f"https://{EVIL}", f"//{EVIL}", f"///{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"/\t/{EVIL}", f"\t//{EVIL}", f"https:{EVIL}",
    f"http:///{EVIL}", f"https://testserver@{EVIL}", f"https://{EVIL}\\@testserver", f"//{EVIL}/%2f..", f"/%09/{EVIL}",
    f"https://testserver.{EVIL}", "javascript:alert(1)", "data:text/html,x", f"ftp://{EVIL}", f"\x00//{EVIL}", f"//{EVIL}%00.testserver",
    f"/\r\n//{EVIL}",
)  # fmt: skip
OUT = (
    "../manifest.json", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "....//....//etc/passwd",
    "/etc/passwd", "//etc/passwd", "data/../../held_out/test.parquet", "data/./test-00000-of-00001.parquet", "data//test-00000-of-00001.parquet", "data/test-00000-of-00001.parquet%00.txt", "DATA/test-00000-of-00001.parquet", "data", "data/",
    ".", "..", "%", "%ff", "~root", "\\..\\..\\etc\\passwd", "data\\test-00000-of-00001.parquet", "file:///etc/passwd", "a" * 5_000,
)  # fmt: skip
TAILS = (
    "x.css",
    "x.css?",
    ";x.css",
    "%3bx.css",
    "%00.css",
    "%23.css",
    "%3f.css",
    "..%2fx.css",
    ".json",
    "./",
    "%2e%2e/",
)


FIXED = {"version": "1.0.0", "public_id": "0" * 24, "modelspec": 1}
NOWHERE: Any = SimpleNamespace(fixed=FIXED)  # no such thing exists


def of_pages(method: str) -> list[Line]:
    """The addresses that take a method."""
    return [line for line in REGISTRY.values() if method in line.methods and line.name != "account_logout"]


def urls(world: World, lines: list[Line]) -> Iterator[str]:
    """Each address with the ids of a question in review, or of one that is not."""
    for line in lines:
        found = [address(line, world, place, "RA") for place in (world["last-round"], world["too-easy"])]
        yield from [url for url in found if url][:1]


def asked(client: Client, method: str, url: str, **sent: Any) -> Answer:
    """Return the whole answer to a request with headers."""
    answer = client.generic(method, url, **sent)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return Answer(answer.status_code, content.decode("utf-8", "replace"), dict(answer.headers))


def test_nothing_is_written_without_the_csrf_value(contributor: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(contributor, backend=settings.AUTHENTICATION_BACKENDS[0])
    cases = [(method, address(line, NOWHERE, is_random=True)) for method in METHODS[1:] for line in of_pages(method)]
    before = AuditEvent.objects.count()

    answers = [(method, url, client.generic(method, url).status_code) for method, url in cases]

    assert len(answers) > 90
    assert [row for row in answers if row[-1] != 403] == []
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize(
    "origin",
    ["null", f"https://{EVIL}", "http://testserver.evil.example", "https://testserver", "http://testserver:81"],
)
def test_a_csrf_value_does_not_help_another_origin(contributor: Any, origin: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(contributor, backend=settings.AUTHENTICATION_BACKENDS[0])
    client.get(reverse("accounts:profile"))
    sent = {"HTTP_X_CSRFTOKEN": client.cookies["csrftoken"].value, "HTTP_ORIGIN": origin}

    answer = client.post(reverse("questions:preview"), {"text": "x"}, **sent)

    assert answer.status_code == 403


@pytest.mark.long
def test_nobody_is_told_to_share_an_answer_with_another_origin(world: World, clients: dict[str, Client]) -> None:
    sent = {"HTTP_ORIGIN": f"https://{EVIL}", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    cases = product(("GET", "OPTIONS", "HEAD"), urls(world, of_pages("GET")))

    answers = [asked(clients["CO"], method, url, **sent) for method, url in cases]

    assert len(answers) > 200
    assert [name for answer in answers for name in answer.headers if name.lower().startswith("access-control-")] == []


@pytest.mark.parametrize("target", FOREIGN)
def test_no_page_leads_to_a_foreign_site(contributor: Any, client_of: Callable[[Any], Client], target: str) -> None:
    people = (Client(), client_of(contributor))
    query = dict.fromkeys(("next", "url", "redirect_to", "return"), target)

    answers = [one.get(reverse(name), query) for one, name in product(people, ("account_login", "account_signup"))]
    answers.append(people[1].get(reverse("account_reauthenticate"), query))
    typed = {"password": "correct horse battery", "next": target}
    answers.append(people[1].post(reverse("account_reauthenticate"), typed))

    assert [answer["Location"] for answer in answers if leads_away(answer.get("Location", ""))] == []
    forms = [part.split('"')[0] for answer in answers for part in answer.content.decode().split('action="')[1:]]
    assert [form for form in forms if leads_away(form)] == []


def leads_away(target: str) -> bool:
    """True for an address of another site, as browsers read it."""
    plain = target.replace("\\", "/").translate(dict.fromkeys(range(33)))
    return plain.startswith("//") or (":" in plain.split("/")[0])


@pytest.mark.parametrize(
    "host",
    [
        EVIL,
        f"testserver.{EVIL}",
        f"testserver@{EVIL}",
        "testserver:80@evil.example",
        "testserver, evil.example",
        "",
        "[::1",
        "a b",
        "testserver\x00",
    ],
)
def test_forged_host_is_refused(host: str) -> None:
    answer = Client().get("/", HTTP_HOST=host)

    assert answer.status_code == 400
    assert EVIL not in answer.content.decode()


@pytest.mark.parametrize(
    "name",
    [
        "X-FORWARDED-HOST",
        "X-HOST",
        "X-ORIGINAL-URL",
        "X-REWRITE-URL",
        "FORWARDED",
        "X-FORWARDED-SERVER",
        "X-ORIGINAL-HOST",
        "X-FORWARDED-PREFIX",
    ],
)
def test_headers_of_proxies_change_no_address(contributor: Any, client_of: Callable[[Any], Client], name: str) -> None:
    client = client_of(contributor)
    for _ in range(2):
        factories.make_draft(by=contributor)
    plain = client.get("/api/v1/questions/?page_size=1").json()

    answer = client.get("/api/v1/questions/?page_size=1", headers={name: f"https://{EVIL}/admin"})

    assert answer.json() == plain
    assert plain["next"].startswith("http://testserver/api/v1/questions/?cursor=")


@pytest.mark.parametrize("way", ["X-HTTP-METHOD-OVERRIDE", "X-HTTP-METHOD", "X-METHOD-OVERRIDE"])
@pytest.mark.parametrize("method", METHODS)
def test_a_header_or_a_field_is_no_method(
    contributor: Any, client_of: Callable[[Any], Client], way: str, method: str
) -> None:
    client, question = client_of(contributor), factories.make_draft(by=contributor)
    url = f"/api/v1/questions/{question.pk}/"
    before = AuditEvent.objects.count()

    read = client.get(url, {"_method": method}, headers={way: method})
    sent = client.post(url, {"_method": method}, headers={way: method})

    assert (read.status_code, sent.status_code) == (200, 405)
    assert AuditEvent.objects.count() == before


@pytest.mark.long
@pytest.mark.parametrize("path", OUT)
def test_no_file_outside_a_release_is_read(world: World, clients: dict[str, Client], path: str) -> None:
    bases = (
        "/releases/1.0.0/files/",
        "/api/v1/releases/1.0.0/files/",
        "/static/",
        "/questions/pictures/",
        "/releases/1.0.0/items/",
    )

    answers = [asked(clients["RS"], "GET", base + path) for base in bases]

    assert {answer.status for answer in answers} <= {301, 404}
    assert all("root:" not in answer.body for answer in answers)


@pytest.mark.long
def test_no_secret_page_looks_like_a_file_to_a_cache(world: World, clients: dict[str, Client]) -> None:
    """A cache between reader and site must not keep what one reader sees under an address that ends like a file."""
    cases = [url + tail for url, tail in product(urls(world, of_pages("GET")), TAILS)]
    answers = [(url, call(clients["CO"], "GET", url)) for url in cases]

    kept = [(url, answer.status) for url, answer in answers if not is_kept_back(answer)]
    assert len(answers) > 800
    assert kept == []


def is_kept_back(answer: Answer) -> bool:
    """True when a cache may not keep the answer, or when it tells nothing."""
    says = answer.headers.get("Cache-Control", "")
    return answer.status in {301, 404} or "no-store" in says or "private" in says


@pytest.mark.long
@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=0-0",
        "bytes=-1",
        "bytes=0-",
        "bytes=5-2",
        "bytes=0-0,1-1,2-2",
        "bytes=999999999999-",
        "bytes=a-b",
        "lines=1-2",
        "bytes=" + "0-1," * 2_000,
    ],
)
def test_a_range_changes_no_right(world: World, clients: dict[str, Client], wanted: str) -> None:
    url = "/releases/1.0.0/files/data/test-00000-of-00001.parquet"

    answers = {code: asked(clients[code], "GET", url, HTTP_RANGE=wanted).status for code in ("RS", "CX", "AN")}

    assert answers["RS"] in {200, 206, 416}
    assert {answers["CX"], answers["AN"]} <= {302, 403, 404}


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        "Accept",
        "Accept-Language",
        "Accept-Encoding",
        "Cookie",
        "Referer",
        "User-Agent",
        "If-None-Match",
        "If-Modified-Since",
        "Authorization",
        "X-Request-ID",
        "HX-Request",
        "HX-Target",
        "HX-Current-URL",
        "HX-Prompt",
        "Content-Type",
        "Content-Language",
        "Date",
        "TE",
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        "\x00",
        "\r\nX: y",
        "a" * 20_000,
        "\xff\xfe",
        "{{7*7}}<script>alert(1)</script>",
        ";" * 500,
        "q=9e999,*;q=-1",
        "Bearer",
        "../../etc",
    ],
)
def test_odd_headers_break_no_page(contributor: Any, client_of: Callable[[Any], Client], name: str, value: str) -> None:
    client = client_of(contributor)
    key = {"Content-Type": "CONTENT_TYPE"}.get(name, f"HTTP_{name.upper().replace('-', '_')}")

    answers = [client.get(url, **{key: value}) for url in ("/questions/", "/api/v1/questions/")]

    assert {answer.status_code for answer in answers} <= {200, 302, 304, 400, 401, 403, 406}
    assert all("alert(1)</script>" not in answer.content.decode() for answer in answers)
    assert all("\n" not in value for answer in answers for value in answer.headers.values())
