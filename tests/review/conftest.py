"""What tests of review share: reviewers, a whole review in one call."""

from typing import Any

import pytest

from questions.models import Question
from review import actions, assignment
from review.enums import RoundKind
from review.models import Assignment, Round
from tests import factories

FEEDBACK = "Clear and hard; the derivation is complete and the wording leaves no doubt."
COMPLETE = {
    "score": 4,
    "depth": "solved",
    "is_precise": True,
    "is_single_answer": True,
    "is_not_searchable": True,
    "is_not_artificial": True,
    "is_safe": True,
    "feedback": FEEDBACK,
    "private_note": "",
}


def open_round(question: Question) -> Round:
    """Return the running round of a question."""
    return Round.objects.open().get(question=question)


def take(question: Question, by: Any) -> Assignment:
    """Take a place in the running round."""
    return assignment.take(round_=open_round(question), by=by)


def review(question: Question, by: Any, *, solve: str | None = "192", **content: Any) -> Assignment:
    """Take, solve and submit a whole review; `solve=None` says that it cannot be solved."""
    mine = take(question, by)
    if mine.round.is_blind_solve:
        given = {"answer": solve} if solve is not None else {"is_unsolved": True, "reason": "Beyond my field."}
        actions.record_solve(assignment=mine, by=by, **given)
    actions.save_review(assignment=mine, by=by, content=COMPLETE | content)
    actions.submit_review(assignment=mine, by=by)
    return mine


@pytest.fixture(autouse=True)
def no_second_factor(settings: Any) -> None:
    """The second factor of staff has its own tests."""
    settings.REQUIRE_STAFF_FACTOR = False


@pytest.fixture
def second_reviewer(db: None) -> Any:
    """Another reviewer from elsewhere."""
    return factories.make_user("second", "reviewer", institution="East Academy")


@pytest.fixture
def second_senior(db: None) -> Any:
    """Another senior reviewer from elsewhere."""
    return factories.make_user("second senior", "senior_reviewer", institution="Far Institute")


@pytest.fixture
def second_organiser(db: None) -> Any:
    """Another organiser from elsewhere."""
    return factories.make_user("second organiser", "organiser", institution="Second Office")


@pytest.fixture
def in_review(contributor: Any) -> Question:
    """A question with its first round open."""
    return factories.make_in_review(by=contributor)


@pytest.fixture
def in_second(in_review: Question, reviewer: Any, second_reviewer: Any) -> Question:
    """A question whose first round passed."""
    review(in_review, reviewer)
    review(in_review, second_reviewer)
    assert open_round(in_review).kind == RoundKind.SECOND
    return Question.objects.get(pk=in_review.pk)


@pytest.fixture
def awaiting(in_second: Question, senior: Any) -> Question:
    """A question that waits for an organiser."""
    review(in_second, senior, score=5)
    return Question.objects.get(pk=in_second.pk)
