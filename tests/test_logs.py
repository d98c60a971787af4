"""Logs are JSON lines that name requests and ids, and never hold the text of a question."""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from hle_site import pipeline
from hle_site.audit.models import AuditEvent
from questions import actions
from questions.models import Question
from tests import factories
from tests.api.conftest import token_client

CANARY = "cnry-prompt-in-a-log"


@pytest.fixture
def lines() -> Iterator[Any]:
    """Yield a function that returns what was logged so far, each line parsed."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(next(one.formatter for one in logging.getLogger().handlers if _is_json(one)))
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


def _is_json(handler: logging.Handler) -> bool:
    return type(handler.formatter).__name__ == "ProcessorFormatter"


@pytest.mark.django_db
def test_a_request_is_logged_with_its_id(contributor: Any, client_of: Any, lines: Any) -> None:
    client_of(contributor).get("/people/me/")

    finished = [line for line in lines() if line["event"] == "request_finished"]

    assert len(finished) == 1
    assert str(uuid.UUID(finished[0]["request_id"])) == finished[0]["request_id"]
    assert finished[0]["user_id"] == str(contributor.pk)
    assert finished[0]["level"] == "info"
    assert contributor.email not in json.dumps(finished)


@pytest.mark.django_db
def test_no_text_of_a_question_is_logged(contributor: Any, lines: Any, monkeypatch: Any) -> None:
    client = token_client(contributor, "draft")
    content = factories.CONTENT | {"prompt": f"What is {CANARY} in this text?"}
    made = client.post("/api/v1/questions/", content, format="json")
    path = f"/api/v1/questions/{made.json()['id']}/"
    client.post(path + "start-check/", {"terms_version": "1"}, format="json")
    pipeline.sweep()

    def fail(**_kwargs: Any) -> None:
        raise RuntimeError("the store is gone")

    monkeypatch.setattr(actions, "save", fail)
    client.raise_request_exception = False
    failed = client.patch(path, content | {"version": 1}, format="json")

    logged = lines()
    assert Question.objects.get().newest.prompt == content["prompt"]
    assert failed.status_code == 500
    assert [line["event"] for line in logged if line["level"] == "error"] != []
    assert CANARY not in json.dumps(logged)
    assert CANARY.encode() not in failed.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "logged"),
    [
        (f"/search/?q={CANARY}", "GET /search/"),
        (f"/accounts/password/reset/key/{CANARY}/", "GET /accounts/password/reset/key/..."),
        (f"/accounts/confirm-email/{CANARY}/", "GET /accounts/confirm-email/..."),
        ("/accounts/confirm-email/", "GET /accounts/confirm-email/"),
    ],
)
def test_neither_a_query_nor_a_mailed_key_is_logged(
    contributor: Any, client_of: Any, lines: Any, address: str, logged: str
) -> None:
    client_of(contributor).get(address)

    found = lines()
    assert [line["request"] for line in found if line["event"].startswith("request_")] == [logged, logged]
    assert CANARY not in json.dumps(found)


@pytest.mark.django_db
def test_no_visitor_chooses_a_request_id(contributor: Any, client_of: Any, lines: Any) -> None:
    chosen = {"HTTP_X_REQUEST_ID": "x" * 65, "HTTP_X_CORRELATION_ID": CANARY}

    made = client_of(contributor).post("/people/me/conflicts/", {"institution": "North University"}, **chosen)

    assert made.status_code == 302
    assert str(uuid.UUID(AuditEvent.objects.latest("sequence").request_id)) in json.dumps(lines())
    assert CANARY not in json.dumps(lines())


@pytest.mark.django_db
def test_a_failed_login_logs_no_address(lines: Any) -> None:
    Client().post("/accounts/login/", {"login": "somebody@example.org", "password": "cnry-password"})

    assert "somebody@example.org" not in json.dumps(lines())
    assert "cnry-password" not in json.dumps(lines())
