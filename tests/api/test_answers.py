"""What people answer each other through the API: replies to feedback, appeals, contests, discussion among reviewers."""

import uuid
from typing import Any

import pytest

from grading.models import Contest, Prediction
from hle_site import pipeline
from questions.enums import Status
from questions.models import Question
from review.models import Appeal, Comment
from tests import factories
from tests.api.conftest import token_client, with_csrf
from tests.api.test_review import COMPLETE, path, review

pytestmark = pytest.mark.django_db
WHY = "The decision rests on a misreading of the second condition, which excludes the trivial case."


def of(question: Question, *parts: str) -> str:
    return "/".join(["/api/v1/questions", str(question.pk), *parts, ""])


def sent_back(contributor: Any, *reviewers: Any) -> Question:
    """Return a question whose first round asks for changes."""
    question = factories.make_in_review(by=contributor)
    for reviewer in reviewers:
        review(token_client(reviewer, "review"), question)
    return question


@pytest.fixture
def second() -> Any:
    return factories.make_user("second", "reviewer", institution="East Academy")


@pytest.fixture
def unclear(monkeypatch: Any) -> None:
    """Reviewers give a score that asks for changes."""
    monkeypatch.setitem(COMPLETE, "score", 2)


@pytest.mark.usefixtures("unclear")
def test_a_contributor_replies_to_a_closed_round(contributor: Any, reviewer: Any, second: Any) -> None:
    question = sent_back(contributor, reviewer, second)
    pipeline.sweep()
    client = token_client(contributor, "draft")

    answered = client.post(
        of(question, "feedback", "1", "reply"), {"text": "The case n = 0 is excluded."}, format="json"
    )
    told = client.get(of(question, "feedback")).json()

    question.refresh_from_db()
    assert question.status == Status.CHANGES_REQUESTED
    assert answered.status_code == 201, answered.content
    assert [(row["is_own"], row["text"]) for row in told["rounds"][0]["messages"]] == [
        (True, "The case n = 0 is excluded.")
    ]
    assert answered.json() == told["rounds"][0]
    assert Comment.objects.get().audience == "contributor"


@pytest.mark.usefixtures("unclear")
def test_a_reply_needs_a_closed_round_and_words(contributor: Any, reviewer: Any, second: Any) -> None:
    question = sent_back(contributor, reviewer)
    client = token_client(contributor, "draft")
    early = client.post(of(question, "feedback", "1", "reply"), {"text": "Too early."}, format="json")
    review(token_client(second, "review"), question)

    none = client.post(of(question, "feedback", "9", "reply"), {"text": "No such round."}, format="json")
    empty = client.post(of(question, "feedback", "1", "reply"), {"text": "  "}, format="json")
    long = client.post(of(question, "feedback", "1", "reply"), {"text": "x" * 10_001}, format="json")

    assert [early.status_code, none.status_code, empty.status_code, long.status_code] == [404, 404, 400, 400]
    assert list(long.json()["error"]["fields"]) == ["text"]
    assert not Comment.objects.exists()


def test_a_declined_question_is_appealed_against_once(contributor: Any, session_client: Any) -> None:
    question = factories.make_in_review(by=contributor)
    client = with_csrf(session_client(contributor))
    early = client.post(of(question, "appeal"), {"text": WHY}, format="json")
    Question.objects.filter(pk=question.pk).update(status=Status.REJECTED)

    short = client.post(of(question, "appeal"), {"text": "No."}, format="json")
    first = client.post(of(question, "appeal"), {"text": WHY}, format="json")
    again = client.post(of(question, "appeal"), {"text": WHY}, format="json")
    by_token = token_client(contributor, "draft").post(of(question, "appeal"), {"text": WHY}, format="json")

    assert [answer.status_code for answer in (early, short, first, again, by_token)] == [403, 409, 201, 409, 403]
    assert first.json() | {"filed_at": ""} == {"text": WHY, "status": "open", "filed_at": ""}
    assert Appeal.objects.get().filed_by == contributor


def test_a_verdict_is_contested_once_with_a_reason(contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    client = token_client(contributor, "draft")
    rows = client.get(of(question, "predictions")).json()
    right = next(row["id"] for row in rows if row["verdict"] == "correct")

    unknown = client.post(of(question, "predictions", str(uuid.uuid4()), "contest"), {"reason": WHY}, format="json")
    short = client.post(of(question, "predictions", right, "contest"), {"reason": "No."}, format="json")
    first = client.post(of(question, "predictions", right, "contest"), {"reason": WHY}, format="json")
    again = client.post(of(question, "predictions", right, "contest"), {"reason": WHY}, format="json")

    assert [answer.status_code for answer in (unknown, short, first, again)] == [404, 400, 201, 409]
    assert first.json() | {"contested_at": ""} == {"reason": WHY, "contested_at": ""}
    assert Contest.objects.get().prediction == Prediction.objects.get(pk=right)


def test_reviewers_of_a_round_discuss_once_their_own_review_is_in(contributor: Any, reviewer: Any, second: Any) -> None:
    question = factories.make_in_review(by=contributor)
    first, other = (token_client(person, "review") for person in (reviewer, second))
    mine = review(first, question)[0].json()["id"]
    card = other.get("/api/v1/review/pool/").json()[0]
    theirs = other.post(f"/api/v1/review/rounds/{card['round_id']}/take/").json()["id"]
    said = first.post(path(mine, "comment"), {"text": "Is the second case meant?"}, format="json")

    before = other.get(path(theirs)).json()
    early = other.post(path(theirs, "comment"), {"text": "Yes."}, format="json")
    other.post(path(theirs, "solve"), {"answer": "192", "confidence": 80}, format="json")
    other.post(path(theirs, "submit"), COMPLETE, format="json")
    after = other.get(path(theirs)).json()

    assert said.status_code == 200, said.content
    assert said.json()["rounds"][-1]["messages"][0]["text"] == "Is the second case meant?"
    assert b"second case" not in str(before).encode()
    assert early.status_code == 403
    assert [(row["is_own"], row["text"]) for row in after["rounds"][-1]["messages"]] == [
        (False, "Is the second case meant?")
    ]
    assert reviewer.name not in str(after)


def test_answers_to_a_foreign_question_find_nothing(contributor: Any, reviewer: Any, session_client: Any) -> None:
    question = factories.make_in_review(by=contributor)
    stranger = with_csrf(session_client(reviewer))

    answers = [
        stranger.post(address, {"text": WHY, "reason": WHY}, format="json")
        for pk in (question, Question(pk=uuid.uuid4()))
        for address in (
            of(pk, "feedback", "1", "reply"),
            of(pk, "appeal"),
            of(pk, "predictions", str(uuid.uuid4()), "contest"),
        )
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
