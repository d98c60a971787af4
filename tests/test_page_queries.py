"""How often each page asks the database: the figures that are reached, whatever there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from grading import budget
from hle_site import lookups
from questions.models import Question
from review import actions, assignment
from review.enums import DecisionOutcome, RoundKind
from tests import factories
from tests.review.conftest import open_round, review, take

pytestmark = pytest.mark.django_db

SignIn = Callable[[Any], Client]
# of the owner's pages without what it takes to count the tries of a family of questions
OF_OWNER = {"make_draft": 10, "make_checking": 10, "make_too_easy": 9, "make_eligible": 9, "make_in_review": 9}
OF_ORGANISER = {"make_draft": 13, "make_checking": 15, "make_too_easy": 14, "make_eligible": 14, "make_in_review": 11}


@pytest.fixture(autouse=True)
def no_factor(settings: Any) -> None:
    settings.REQUIRE_STAFF_FACTOR = False


def asked(client: Client, address: str) -> int:
    """How many queries the page takes once the session is there."""
    assert client.get(address).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    return len(captured)


def apart_from_tries(question: Question, n: int) -> int:
    """How many queries are left of so many when those for the tries of the question's family are taken off."""
    question = Question.objects.get(pk=question.pk)
    with lookups.shared():
        assert question.newest
        with CaptureQueriesContext(connection) as captured:
            budget.tries_used(question)
    return n - len(captured)


def page(question: Question) -> str:
    return reverse("questions:detail", args=[question.pk])


def reviewed(question: Question, reviewers: list[Any]) -> Question:
    """The question after its first round, which both reviewers passed."""
    for person in reviewers:
        review(question, person)
    return question


@pytest.fixture
def reviewers(reviewer: Any) -> list[Any]:
    return [reviewer, factories.make_user("second", "reviewer", institution="East Academy")]


def decided(question: Question, reviewers: list[Any], senior: Any, organiser: Any) -> Question:
    """The question after two rounds and its approval."""
    review(reviewed(question, reviewers), senior, score=6)
    question.refresh_from_db()
    approve = DecisionOutcome.APPROVE
    actions.decide(question=question, by=organiser, outcome=approve, reason="Two solved it alone.")
    return question


def test_page_of_a_question(client_of: SignIn, contributor: Any, organiser: Any) -> None:
    makers = (
        factories.make_draft,
        factories.make_checking,
        factories.make_too_easy,
        factories.make_eligible,
        factories.make_in_review,
    )
    questions = {make.__name__: make(by=contributor) for make in makers}
    owner, staff = client_of(contributor), client_of(organiser)

    own = {name: apart_from_tries(question, asked(owner, page(question))) for name, question in questions.items()}
    assert own == OF_OWNER
    assert {name: asked(staff, page(question)) for name, question in questions.items()} == OF_ORGANISER


def test_page_of_a_decided_question(
    client_of: SignIn, contributor: Any, reviewers: list[Any], senior: Any, organiser: Any
) -> None:
    question = decided(factories.make_in_review(by=contributor), reviewers, senior, organiser)

    assert apart_from_tries(question, asked(client_of(contributor), page(question))) == 11
    assert asked(client_of(organiser), page(question)) == 11


def test_page_of_a_model_test(client_of: SignIn, contributor: Any, organiser: Any) -> None:
    question = factories.make_checking(by=contributor)
    factories.settle_check(question, answer="191")  # all agree, so that there is an alarm
    address = reverse("grading:check", args=[question.pk])

    assert apart_from_tries(question, asked(client_of(contributor), address)) == 8
    assert asked(client_of(organiser), address) == 10


def test_lists_of_reviewers(client_of: SignIn, contributor: Any, reviewer: Any, senior: Any) -> None:
    counts = []
    for number in range(3):
        question = factories.make_in_review(by=contributor, prompt=f"How many divisors has ${number + 50}!$, exactly?")
        if number:
            take(question, reviewer)
        tabs = [asked(client_of(reviewer), reverse("review:dashboard") + f"?tab={tab}") for tab in ("pool", "continue")]
        counts.append((*tabs, asked(client_of(senior), reverse("review:dashboard"))))

    assert counts[1] == counts[2] == (9, 10, 11)


def test_page_of_a_review(client_of: SignIn, contributor: Any, reviewers: list[Any], senior: Any) -> None:
    question = factories.make_in_review(by=contributor)
    mine = take(question, reviewers[0])
    address, client = reverse("review:work", args=[mine.pk]), client_of(reviewers[0])

    solving = asked(client, address)
    actions.record_solve(assignment=mine, by=reviewers[0], answer="192")
    scoring = asked(client, address)
    assignment.hand_back(assignment=mine, by=reviewers[0])
    third = factories.make_user("third", "reviewer", institution="Third College")
    reviewed(question, [third, reviewers[1]])
    last = take(question, senior)
    judging = asked(client_of(senior), reverse("review:work", args=[last.pk]))

    assert open_round(question).kind == RoundKind.SECOND
    assert (solving, scoring, judging) == (10, 11, 14)


def test_pages_of_organisers(
    client_of: SignIn, contributor: Any, reviewers: list[Any], senior: Any, organiser: Any
) -> None:
    client, seen = client_of(organiser), []
    for number in range(3):
        prompt = f"How many divisors has ${number + 50}!$, exactly?"
        question = reviewed(factories.make_in_review(by=contributor, prompt=prompt), reviewers)
        in_review = asked(client, reverse("review:question", args=[question.pk]))
        factories.make_user(f"senior {number}", "senior_reviewer", institution=f"Institute {number}")
        review(question, senior, score=6)
        due = asked(client, reverse("review:question", args=[question.pk]))
        seen.append((asked(client, reverse("review:desk")), in_review, due))

    assert seen[0] == seen[1] == seen[2] == (12, 17, 17)
