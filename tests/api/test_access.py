"""Who may call the API at all: tokens, scopes, sessions with CSRF, one shape of errors."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from hle_site.accounts import tokens
from hle_site.accounts.models import ApiToken
from review.models import Decision
from tests import factories
from tests.api.conftest import token_client, with_csrf

pytestmark = pytest.mark.django_db
LISTS = {
    "draft": "/api/v1/questions/",
    "review": "/api/v1/review/assignments/",
    "release": "/api/v1/releases/",
}


@pytest.mark.parametrize("address", LISTS.values())
def test_nothing_opens_without_an_account(address: str) -> None:
    answer = APIClient().get(address)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize("scope", LISTS)
def test_a_scope_opens_its_own_part_only(contributor: Any, scope: str) -> None:
    client = token_client(contributor, scope)

    statuses = {name: client.get(address).status_code for name, address in LISTS.items()}

    assert statuses == {name: 200 if name == scope else 403 for name in LISTS}


def test_an_old_or_revoked_token_is_worth_nothing(contributor: Any) -> None:
    revoked = token_client(contributor, "draft")
    tokens.revoke(token=ApiToken.objects.get(), by=contributor)
    expired = token_client(contributor, "draft")
    ApiToken.objects.filter(revoked_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert [client.get(LISTS["draft"]).status_code for client in (revoked, expired)] == [401, 401]


def test_a_token_dies_with_its_account(contributor: Any) -> None:
    client = token_client(contributor, "draft")
    contributor.is_active = False
    contributor.save(update_fields=["is_active"])

    assert client.get(LISTS["draft"]).status_code == 401


def test_administrators_have_no_tokens(contributor: Any) -> None:
    client = token_client(contributor, "draft")
    factories.account_actions.grant_role(user=contributor, role="administrator", by=None, reason="test")

    assert client.get(LISTS["draft"]).status_code == 401
    with pytest.raises(tokens.TokenRefused):
        token_client(contributor, "draft")


def test_a_session_writes_only_with_the_csrf_value(contributor: Any, session_client: Any) -> None:
    client = session_client(contributor)

    without = client.post(LISTS["draft"], {}, format="json")
    given = with_csrf(client).post(LISTS["draft"], {}, format="json")

    assert without.status_code == 403
    assert given.status_code == 201


def test_decisions_are_never_made_by_token(contributor: Any, organiser: Any) -> None:
    question = factories.make_in_review(by=contributor)
    client = token_client(organiser, "draft", "review", "release")
    body = {"outcome": "approve", "reason": "Good."}

    answers = [
        client.post(f"/api/v1/questions/{question.pk}/decide/", body, format="json"),
        client.post("/api/v1/releases/1.0.0/freeze/"),
        client.post("/api/v1/releases/1.0.0/publish/"),
        client.get("/api/schema/"),
    ]

    assert [answer.status_code for answer in answers] == [403] * 4
    assert not Decision.objects.exists()


def test_what_is_limited_says_so(contributor: Any, settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("rest_framework.throttling.UserRateThrottle.rate", "1/min", raising=False)
    client = token_client(contributor, "draft")

    answers = [client.get(LISTS["draft"]) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].json()["error"]["code"] == "throttled"
    assert int(answers[1]["Retry-After"]) > 0


def test_options_tell_nothing(contributor: Any) -> None:
    answer = token_client(contributor, "draft").options(LISTS["draft"])

    assert answer.status_code == 405
    assert "en" not in answer.json()["error"]


def test_the_schema_describes_itself_without_warnings(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


def test_the_schema_opens_for_signed_in_people(contributor: Any, session_client: Any) -> None:
    answer = session_client(contributor).get("/api/schema/")

    assert APIClient().get("/api/schema/").status_code == 401
    assert answer.status_code == 200
    assert b"/api/v1/questions/{id}/start-check/" in answer.content


def test_the_schema_tells_how_each_operation_refuses(contributor: Any, session_client: Any) -> None:
    answer = session_client(contributor).get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})

    schema = json.loads(answer.content)
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert len(operations) > 30
    assert [one["operationId"] for one in operations if "4XX" not in one["responses"]] == []


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/v1/review/rounds/null,null/take/", "/api/"])
def test_an_unknown_address_answers_in_the_shape_of_the_api(contributor: Any, path: str) -> None:
    answer = token_client(contributor, "review").get(path)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert answer.json()["error"]["code"] == "not_found"


def test_an_error_of_ours_answers_in_the_shape_of_the_api(contributor: Any, monkeypatch: Any) -> None:
    def fail(*_values: Any) -> None:
        raise RuntimeError("broken")

    client = token_client(contributor, "draft")
    client.raise_request_exception = False
    monkeypatch.setattr("questions.querysets.QuestionQuerySet.visible_to", fail)
    monkeypatch.setattr("questions.querysets.QuestionQuerySet.at_work_for", fail)

    answer = client.get(LISTS["draft"])

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "error")
