"""Look-ups are shared while one answer is made, and asked anew for the next one and by everything that writes."""

from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test.utils import CaptureQueriesContext

from hle_site import lookups
from hle_site.accounts import actions as account_actions
from hle_site.accounts.middleware import SharedLookupsMiddleware
from tests import factories


def counting() -> Any:
    """A look-up that says how often it was made."""
    made: list[int] = []

    def look_up() -> int:
        made.append(1)
        return len(made)

    return look_up


def asked_twice(method: str) -> list[int]:
    """What two equal look-ups return within one request."""
    look_up, found = counting(), []

    def view(_request: HttpRequest) -> HttpResponse:
        found.extend(lookups.once("one", look_up) for _ in range(2))
        return HttpResponse()

    request = HttpRequest()
    request.method = method
    SharedLookupsMiddleware(view)(request)
    return found


@pytest.mark.parametrize(("method", "expected"), [("GET", [1, 1]), ("HEAD", [1, 1]), ("POST", [1, 2]), ("PUT", [1, 2])])
def test_only_reading_requests_share(method: str, expected: list[int]) -> None:
    assert asked_twice(method) == expected


def test_nothing_outlives_the_answer() -> None:
    look_up = counting()

    with lookups.shared():
        with lookups.shared():
            first = lookups.once("one", look_up)
        joined = lookups.once("one", look_up)
    with pytest.raises(ZeroDivisionError), lookups.shared():
        lookups.once("one", lambda: look_up() // 0)
    with lookups.shared():
        last = lookups.once("one", look_up)

    assert (first, joined, last) == (1, 1, 3)


def test_keys_are_apart() -> None:
    look_up = counting()

    with lookups.shared():
        assert [lookups.once(key, look_up) for key in ("one", "two", "one")] == [1, 2, 1]


@pytest.mark.django_db
def test_a_conflict_holds_for_the_next_question_asked(contributor: Any, organiser: Any) -> None:
    question = factories.make_in_review(by=contributor)
    assert organiser.has_perm("questions.view_key", question)

    account_actions.declare_conflict(user=organiser, by=organiser, question_id=question.pk, reason="A friend's.")

    assert not organiser.has_perm("questions.view_key", question)
    assert not organiser.has_perm("questions.view_question", question)


@pytest.mark.django_db
def test_one_permission_asks_for_each_fact_once(contributor: Any, organiser: Any) -> None:
    question = factories.make_in_review(by=contributor)
    organiser.has_role("organiser")

    with CaptureQueriesContext(connection) as captured:
        assert organiser.has_perm("review.decide", question)

    # conflicts, standing, own assignments, own recommendation
    assert len(captured) == 4
