"""The two probes: alive, and ready with the failing part by name."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from hle_site import health


@pytest.fixture(autouse=True)
def fresh_look() -> Any:
    """What one test found about migrations does not reach the next."""
    health._require_migrations.cache_clear()
    yield
    health._require_migrations.cache_clear()


def test_the_process_answers_without_database() -> None:
    answer = Client().get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok")


@pytest.mark.django_db
def test_a_site_is_ready_when_all_parts_are() -> None:
    answer = Client().get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "failing": []}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_a_broker_that_is_gone_is_named(settings: Any) -> None:
    settings.CACHE_URL = "unix:///nonexistent/broker.sock?password=secret"

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "failing": ["broker"]}


@pytest.mark.django_db
def test_a_database_older_than_the_code_is_named() -> None:
    newest = MigrationLoader(connection).graph.leaf_nodes("review")[0]
    MigrationRecorder(connection).record_unapplied(*newest)

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["failing"] == ["migrations"]


def test_a_database_that_is_gone_is_named(settings: Any, monkeypatch: Any, django_db_blocker: Any) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")
    with django_db_blocker.unblock():
        connection.close()
        answer = Client().get("/readyz")
        connection.close()

    assert answer.status_code == 503
    assert answer.json()["failing"] == ["database", "migrations"]


@pytest.fixture
def no_broker(settings: Any) -> None:
    """The broker is away for the limits of log-ins and of the API."""
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///nonexistent/broker.sock"}}


@pytest.mark.django_db
@pytest.mark.usefixtures("no_broker")
def test_a_log_in_without_the_broker_waits() -> None:
    client = Client(raise_request_exception=False)

    answer = client.post("/accounts/login/", {"login": "ada@example.org", "password": "words"})

    assert (answer.status_code, answer["Retry-After"]) == (503, "15")
    assert "The site cannot reach one of its parts" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("no_broker")
def test_the_api_without_the_broker_answers_in_its_shape(contributor: Any, client_of: Any) -> None:
    client = client_of(contributor)
    client.raise_request_exception = False

    answer = client.get("/api/v1/questions/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "15")
    assert answer.json()["error"]["code"] == "unavailable"


def test_a_page_without_the_database_waits(monkeypatch: Any, django_db_blocker: Any) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")
    with django_db_blocker.unblock():
        connection.close()
        answer = Client(raise_request_exception=False).get("/")
        connection.close()

    assert (answer.status_code, answer["Retry-After"]) == (503, "15")
