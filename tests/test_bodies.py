"""Bodies of requests: what is too large, too deep or ambiguous is refused with a sentence and changes nothing."""

import gzip
import json
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from hle_site import bodies
from questions.models import Question, Revision
from tests import factories
from tests.api.conftest import token_client
from tests.review.conftest import take

pytestmark = pytest.mark.django_db
LIST = "/api/v1/questions/"
JSON = "application/json"
FULL = b'{"answer": "%s"}' % (b"a" * bodies.LARGEST_JSON)
KEYS = json.dumps({f"key{n}": n for n in range(50_000)}).encode()
MILLION_KEYS = b"{" + b",".join(b'"%d":0' % n for n in range(1_000_000)) + b"}"


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return b'{"prompt": ' + opening * depth + b"0" + closing * depth + b"}"


@pytest.fixture
def client(contributor: Any) -> APIClient:
    """A client of the API that shows our errors as answers."""
    found = token_client(contributor, "draft")
    found.raise_request_exception = False
    return found


REFUSED = {
    "nothing but space": (b" ", 400),
    "half": (b'{"prompt": "x"', 400),
    "two values": (b"{} {}", 400),
    "a list": (b"[]", 400),
    "a text": (b'"x"', 400),
    "null": (b"null", 400),
    "a number": (b"1", 400),
    "deep list": (nested(100_000), 400),
    "deep objects": (nested(100_000, b'{"a":', b"}"), 400),
    "21 levels": (nested(bodies.DEEPEST), 400),
    "NaN": (b'{"version": NaN}', 400),
    "infinity": (b'{"version": -Infinity}', 400),
    "number beyond all": (b'{"version": 1e400}', 400),
    "small number beyond all": (b'{"version": -1e400}', 400),
    "digits without end": (b'{"version": ' + b"9" * 5_000 + b"}", 400),
    "a name twice": (b'{"prompt": "a", "prompt": "b"}', 400),
    "a name twice, escaped": (b'{"prompt": "a", "\\u0070rompt": "b"}', 400),
    "a name twice, inside": (b'{"options": [{"a": 1, "a": 2}]}', 400),
    "byte order mark": (b"\xef\xbb\xbf{}", 400),
    "UTF-16": ('{"prompt": "x"}'.encode("utf-16"), 400),
    "Latin-1": ('{"prompt": "\u00e9"}'.encode("latin-1"), 400),
    "overlong": (b'{"prompt": "\xc0\xaf"}', 400),
    "half pair in bytes": (b'{"prompt": "\xed\xa0\x80"}', 400),
    "half pair": (b'{"prompt": "\\ud800"}', 400),
    "NUL": (b'{"prompt": "\\u0000"}', 400),
    "control character": (b'{"prompt": "\x01"}', 400),
    "comment": (b'{"prompt": "x" /* y */}', 400),
    "single quotes": (b"{'prompt': 'x'}", 400),
    "one byte too many": (FULL, 413),
    "a million names": (MILLION_KEYS, 413),
}


@pytest.mark.parametrize(("body", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_body_is_refused_with_a_sentence(client: APIClient, body: bytes, status: int) -> None:
    answer = client.generic("POST", LIST, body, content_type=JSON)

    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert Question.objects.count() == 0


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "text/json"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "multipart/form-data; boundary=x"}, 415),
        ({"content_type": "application/xml"}, 415),
        ({"content_type": "application/json; charset=utf-16"}, 415),
        ({"content_type": "application/json; charset=utf-7"}, 415),
        ({"content_type": "application/json; charset=nonsense"}, 415),
        ({"content_type": "json"}, 415),
        ({"content_type": "\xff/\xff"}, 415),
        ({"content_type": JSON, "HTTP_CONTENT_ENCODING": "gzip"}, 415),
        ({"content_type": JSON, "HTTP_CONTENT_ENCODING": "br, gzip"}, 415),
    ],
)
def test_body_of_another_kind_is_refused(client: APIClient, sent: dict[str, Any], status: int) -> None:
    answer = client.generic("POST", LIST, b'{"prompt": "x"}', **sent)

    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert Question.objects.count() == 0


def test_compressed_body_is_not_unpacked(client: APIClient) -> None:
    answer = client.generic("POST", LIST, gzip.compress(b" " * 10_000_000 + b"{}"), content_type=JSON)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "parse_error"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        KEYS,
        nested(bodies.DEEPEST - 1).replace(b"prompt", b"unknown"),
        b'{"prompt": "\\ud83d\\ude00"}',
        b'{"constructor": {}, "__proto__": {"is_staff": true}, "contributor": 1, "status": "approved", "id": 7}',
    ],
    ids=["empty", "many unknown names", "20 levels", "whole pair", "names of others"],
)
def test_body_within_the_limits_makes_a_draft_and_nothing_else(
    client: APIClient, contributor: Any, body: bytes
) -> None:
    answer = client.generic("POST", LIST, body, content_type=JSON)

    assert answer.status_code == 201
    made = Question.objects.get()
    assert (made.status, made.contributor) == ("draft", contributor)


@pytest.mark.parametrize("value", [0, 1.5, True, [], {}, ["x"]])
@pytest.mark.parametrize(
    "name", ["prompt", "answer", "raw_subject", "language", "rationale", "category", "answer_type", "image", "call"]
)
def test_what_is_no_text_is_refused(client: APIClient, name: str, value: Any) -> None:
    answer = client.post(LIST, {name: value}, format="json")

    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {name}
    assert Question.objects.count() == 0


@pytest.mark.parametrize("version", ["1", 1.0, True, None, [1], "one", -1, 10**30])
def test_what_is_no_whole_number_is_refused(client: APIClient, contributor: Any, version: Any) -> None:
    draft = factories.make_draft(by=contributor)

    answer = client.patch(f"{LIST}{draft.pk}/", {"version": version, "prompt": "x"}, format="json")

    assert answer.status_code in {400, 409}
    assert Revision.objects.get().prompt == factories.CONTENT["prompt"]


@pytest.mark.parametrize("value", ["true", "yes", 1, 0, "", []])
def test_what_is_neither_true_nor_false_is_refused(contributor: Any, reviewer: Any, value: Any) -> None:
    mine = take(factories.make_in_review(by=contributor), reviewer)
    url = f"/api/v1/review/assignments/{mine.pk}/"
    reviewing = token_client(reviewer, "review")

    answers = [
        reviewing.post(f"{url}solve/", {"is_unsolved": value, "reason": "x"}, format="json"),
        reviewing.put(f"{url}review/", {"is_safe": value}, format="json"),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]


def test_language_is_one_of_the_call(client: APIClient, contributor: Any) -> None:
    draft = factories.make_draft(by=contributor)

    answers = [
        client.post(LIST, {"language": "tlh"}, format="json"),
        client.patch(f"{LIST}{draft.pk}/", {"version": 1, "language": "<b>"}, format="json"),
        client.patch(f"{LIST}{draft.pk}/", {"version": 1, "language": "en"}, format="json"),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 200]
    assert answers[0].json()["error"]["fields"] == {"language": ["The call takes these languages: en."]}
    assert set(Revision.objects.values_list("language", flat=True)) == {"en"}


@pytest.mark.parametrize("size", ["0", "-1", "", "null", "1.5", "two", "1e3", "²", "1,2", " 2"])
def test_size_of_a_page_is_a_whole_number(client: APIClient, size: str) -> None:
    answer = client.get(LIST, {"page_size": size})

    assert answer.status_code == 400
    assert answer.json()["error"]["fields"] == {"page_size": ["Give a whole number from 1 on."]}


def test_large_size_of_a_page_means_the_largest(client: APIClient, contributor: Any) -> None:
    factories.make_draft(by=contributor)

    assert [len(client.get(LIST, {"page_size": n}).json()["results"]) for n in ("1", "0099", "100", "9" * 5_000)] == [
        1
    ] * 4


@pytest.mark.parametrize("length", [str(bodies.LARGEST + 1), "99999999999999", "-1", "1e3", "²", "ten"])
@pytest.mark.parametrize("path", ["/", LIST, "/api/v1/pictures/", "/accounts/login/", "/nowhere/"])
def test_body_beyond_every_form_is_refused_before_it_is_read(client: APIClient, path: str, length: str) -> None:
    answer = client.generic("POST", path, b"x", content_type=JSON, CONTENT_LENGTH=length)

    assert answer.status_code == 413
    assert b"This is more than the site takes at once: 16 MB." in answer.content


@pytest.mark.parametrize("path", ["/", LIST, "/api/v1/pictures/", "/accounts/login/"])
def test_body_without_a_length_is_not_lost_unsaid(client: APIClient, path: str) -> None:
    sent = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}

    answer = client.generic("POST", path, b'{"prompt": "x"}', content_type=JSON, **sent)

    assert answer.status_code == 411
    assert b"Say how long the body is" in answer.content
    assert Question.objects.count() == 0


def test_form_of_too_many_fields_or_parts_is_refused(contributor: Any, client_of: Any) -> None:
    pages = client_of(contributor)
    part = b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\n\r\n'
    parts = b"".join(part % n for n in range(10_000)) + b"--x--\r\n"
    files = parts.replace(b'"\r\n', b'"; filename="f"\r\n')
    fields = b"&".join(b"a=" for _ in range(501))

    answers = [
        pages.generic("POST", "/questions/new/", body, content_type=kind)
        for body, kind in (
            (parts, "multipart/form-data; boundary=x"),
            (files, "multipart/form-data; boundary=x"),
            (fields, "application/x-www-form-urlencoded"),
            (b"prompt=" + b"a" * 9_000_000, "application/x-www-form-urlencoded"),
        )
    ]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert Question.objects.count() == 0


def test_picture_of_too_many_parts_is_refused(client: APIClient) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a%d"; filename="f"\r\n\r\nx\r\n'
    body = b"".join(part % n for n in range(10_000)) + b"--x--\r\n"
    bad = [
        ("multipart/form-data; boundary=x", body),
        ("multipart/form-data; boundary=x", body.replace(b'; filename="f"', b"")),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=file"),
        ("multipart/form-data; boundary=" + "x" * 300, body),
        ("multipart/form-data", body),
        (JSON, b"{}"),
    ]

    answers = [client.generic("POST", "/api/v1/pictures/", sent, content_type=kind) for kind, sent in bad]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 415, 400, 415]
    assert all(answer.json()["error"]["message"] for answer in answers)


def test_page_says_how_large_a_body_may_be() -> None:
    answer = Client().post("/accounts/login/", CONTENT_LENGTH=str(10**9))

    assert answer.status_code == 413
    assert "16 MB" in answer.content.decode()
