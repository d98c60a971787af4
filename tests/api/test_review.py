"""Review through the API: own assignments only, blind until the own answer is in, and never a name."""

import uuid
from typing import Any

import pytest

from grading.models import Prediction
from hle_site import pipeline
from questions.enums import Status
from questions.models import Question
from tests import factories
from tests.api.conftest import token_client, with_csrf
from tests.questions.releases.worlds import World

pytestmark = pytest.mark.django_db
COMPLETE = {
    "score": 4,
    "depth": "solved",
    "is_precise": True,
    "is_single_answer": True,
    "is_not_searchable": True,
    "is_not_artificial": True,
    "is_safe": True,
    "feedback": "Clear and hard; the derivation is complete and leaves no doubt.",
    "private_note": "cnry-note",
}


def path(assignment: Any, *parts: str) -> str:
    return "/".join(["/api/v1/review/assignments", str(assignment), *parts, ""])


def review(client: Any, question: Question) -> list[Any]:
    """Take a place, solve, review and hand in; return the answers."""
    card = client.get("/api/v1/review/pool/").json()[0]
    taken = client.post(f"/api/v1/review/rounds/{card['round_id']}/take/")
    mine = taken.json()["id"]
    solved = client.post(path(mine, "solve"), {"answer": question.newest.answer, "confidence": 80}, format="json")
    saved = client.put(path(mine, "review"), COMPLETE | {"version": 0}, format="json")
    submitted = client.post(path(mine, "submit"), {}, format="json")
    return [taken, solved, saved, submitted]


def test_a_question_is_reviewed_by_token_and_decided_by_session(
    contributor: Any, reviewer: Any, senior: Any, organiser: Any, session_client: Any
) -> None:
    question = factories.make_in_review(by=contributor)
    for number, row in enumerate(Prediction.objects.all()):
        Prediction.objects.filter(pk=row.pk).update(answer=str(1000 + number))
    second = factories.make_user("second", "reviewer", institution="East Academy")

    first = review(token_client(reviewer, "review"), question)
    review(token_client(second, "review"), question)
    card = token_client(senior, "review").get("/api/v1/review/pool/").json()[0]
    judge = token_client(senior, "review")
    mine = judge.post(f"/api/v1/review/rounds/{card['round_id']}/take/").json()["id"]
    last = judge.post(path(mine, "submit"), COMPLETE | {"score": 5}, format="json")
    early = token_client(contributor, "draft").get(f"/api/v1/questions/{question.pk}/feedback/")
    decided = with_csrf(session_client(organiser)).post(
        f"/api/v1/questions/{question.pk}/decide/", {"outcome": "approve", "reason": "Good."}, format="json"
    )
    pipeline.sweep()
    told = token_client(contributor, "draft").get(f"/api/v1/questions/{question.pk}/feedback/")

    taken, solved, saved, submitted = first
    assert taken.status_code == 201
    assert taken.json()["reveal"] is None
    assert taken.json()["question"]["prompt"] == question.newest.prompt
    assert question.newest.rationale.encode() not in taken.content
    assert solved.json()["own_solve"]["matches_key"] is True
    assert solved.json()["reveal"]["key"] == "192"
    assert saved.json()["review"]["score"] == 4
    assert submitted.json()["status"] == "submitted"
    assert last.status_code == 200, last.content
    assert early.json() == {"rounds": [], "decisions": []}
    assert decided.status_code == 201, decided.content
    assert Question.objects.get(pk=question.pk).status == Status.APPROVED
    assert [len(row["items"]) for row in told.json()["rounds"]] == [1, 2]
    assert b"cnry-note" not in told.content
    for person in (reviewer, second, senior, organiser):
        assert person.name.encode() not in told.content
    assert contributor.name.encode() not in taken.content + solved.content + submitted.content


def test_another_reviewers_place_does_not_exist(contributor: Any, reviewer: Any, senior: Any) -> None:
    factories.make_in_review(by=contributor)
    client = token_client(reviewer, "review")
    card = client.get("/api/v1/review/pool/").json()[0]
    mine = client.post(f"/api/v1/review/rounds/{card['round_id']}/take/").json()["id"]
    other = token_client(senior, "review")

    answers = [
        getattr(other, method)(path(pk, *part), {}, format="json")
        for pk in (mine, uuid.uuid4())
        for method, *part in (
            ("get",),
            ("get", "picture"),
            ("post", "accept"),
            ("post", "solve"),
            ("put", "review"),
            ("post", "submit"),
        )
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_a_round_outside_the_own_pool_does_not_exist(contributor: Any, reviewer: Any) -> None:
    question = factories.make_in_review(by=contributor)
    round_ = question.rounds.get()
    owner = factories.account_actions.grant_role(user=contributor, role="reviewer", by=None, reason="test").user

    answers = [
        token_client(owner, "review").post(f"/api/v1/review/rounds/{pk}/take/") for pk in (round_.pk, uuid.uuid4())
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_released_questions_open_with_the_licence(contributor: Any) -> None:
    world = World()
    world.approve(2)
    release = world.published(is_demonstration=True)
    reader = token_client(world.researcher, "release")
    stranger = token_client(contributor, "release")

    listed = reader.get("/api/v1/releases/").json()["results"]
    names = [row["path"] for row in reader.get("/api/v1/releases/1.0.0/files/").json()]
    parquet = next(name for name in names if name.endswith(".parquet"))
    file = reader.get(f"/api/v1/releases/1.0.0/files/{parquet}/")
    items = reader.get("/api/v1/releases/1.0.0/items/").json()["results"]
    item = f"/api/v1/releases/1.0.0/items/{items[0]['public_id']}/"

    assert [row["version"] for row in listed] == ["1.0.0"]
    assert b"".join(file.streaming_content)[:4] == b"PAR1"
    assert reader.get("/api/v1/releases/1.0.0/manifest/").json() == release.manifest
    assert reader.get(item).json()["row"]["question"]
    assert stranger.get("/api/v1/releases/1.0.0/items/").status_code == 200
    assert stranger.get(item).status_code == 403
    assert stranger.get(f"/api/v1/releases/1.0.0/files/{parquet}/").status_code == 403
    assert b"one hundred" not in stranger.get("/api/v1/releases/1.0.0/items/").content


def test_an_unpublished_release_is_unknown_to_tokens() -> None:
    world = World()
    world.approve()
    world.frozen(is_demonstration=True)
    client = token_client(world.second, "release")

    answers = [client.get(f"/api/v1/releases/{version}/") for version in ("1.0.0", "9.9.9")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_a_release_is_frozen_and_published_by_two_sessions(session_client: Any) -> None:
    world = World()
    world.approve()
    world.draft(is_demonstration=True)
    first, second = (with_csrf(session_client(person)) for person in (world.first, world.second))

    frozen = first.post("/api/v1/releases/1.0.0/freeze/")
    own = first.post("/api/v1/releases/1.0.0/publish/")
    early = second.post("/api/v1/releases/1.0.0/publish/")

    assert frozen.json()["status"] == "frozen"
    assert [own.status_code, early.status_code] == [409, 409]
    assert "yourself" in own.json()["error"]["message"]
