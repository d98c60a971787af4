"""Questions through the API: the same steps as on the pages, for their owner alone."""

import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from grading.models import ConfirmedKey
from hle_site import pipeline
from questions.enums import Status
from questions.models import Question, Revision
from tests import factories
from tests.api.conftest import token_client
from tests.questions.releases.worlds import png

pytestmark = pytest.mark.django_db
LIST = "/api/v1/questions/"


def path(question: Any, *parts: str) -> str:
    return "/".join(["/api/v1/questions", str(question.pk), *parts, ""])


def test_a_question_goes_from_draft_to_review_by_token(contributor: Any) -> None:
    client = token_client(contributor, "draft")

    made = client.post(LIST, {"prompt": "First words", "answer": "192"}, format="json")
    question = Question.objects.get(pk=made.json()["id"])
    content = factories.CONTENT | {"version": made.json()["revision"]["version"]}
    saved = client.patch(path(question), content, format="json")
    checked = client.post(path(question, "start-check"), {"terms_version": "1"}, format="json")
    pipeline.sweep()
    question.refresh_from_db()
    state = client.get(path(question, "check"))
    factories.settle_check(question)
    predictions = client.get(path(question, "predictions"))
    submitted = client.post(path(question, "submit"), {"licence_version": "1"}, format="json")

    assert made.status_code == 201
    assert saved.json()["revision"]["prompt"] == factories.CONTENT["prompt"]
    assert saved.json()["revision"]["version"] == 2
    assert checked.json()["status"] == "checking"
    assert state.json()["status"] == "queued"
    assert {row["verdict"] for row in predictions.json()} == {"incorrect"}
    assert submitted.json()["status"] == "in_review"
    assert submitted.json()["revision"] is None  # a token of this scope ends where review begins


def test_the_row_of_a_list_has_no_text(contributor: Any, django_assert_num_queries: Any) -> None:
    client = token_client(contributor, "draft")
    for _ in range(3):
        factories.make_draft(by=contributor)
    client.get(LIST)  # notes when the token was last seen

    with django_assert_num_queries(4):  # token, what the account holds, questions, revisions
        answer = client.get(LIST)

    assert len(answer.json()["results"]) == 3
    assert factories.CONTENT["prompt"].encode() not in answer.content


def test_a_list_is_paged_by_key(contributor: Any) -> None:
    client = token_client(contributor, "draft")
    made = [factories.make_draft(by=contributor) for _ in range(3)]

    first = client.get(LIST, {"page_size": 2}).json()
    second = client.get(first["next"]).json()

    ids = [row["id"] for row in first["results"] + second["results"]]
    assert ids == [str(question.pk) for question in reversed(made)]
    assert set(first) == {"next", "previous", "results"}


def test_a_list_is_filtered_by_status_only(contributor: Any) -> None:
    client = token_client(contributor, "draft")
    factories.make_draft(by=contributor)
    eligible = factories.make_eligible(by=contributor)

    found = client.get(LIST, {"status": "eligible", "contributor__email": "x"}).json()["results"]
    unknown = client.get(LIST, {"status": "nonsense"})

    assert [row["id"] for row in found] == [str(eligible.pk)]
    assert unknown.status_code == 400


def test_a_stale_version_changes_nothing(contributor: Any) -> None:
    client = token_client(contributor, "draft")
    question = factories.make_draft(by=contributor)
    client.patch(path(question), {"version": 1, "answer": "14"}, format="json")

    late = client.patch(path(question), {"version": 1, "answer": "15"}, format="json")

    assert late.status_code == 409
    assert late.json()["error"]["code"] == "edit_conflict"
    assert late.json()["error"]["version"] == 2
    assert question.newest.answer == "14"


def test_foreign_and_unknown_questions_are_the_same(contributor: Any, organiser: Any) -> None:
    foreign = factories.make_in_review(by=contributor)
    reader = token_client(organiser, "draft", "review", "release")  # an organiser reads it on the pages

    answers = [
        reader.get(f"/api/v1/questions/{pk}/{part}")
        for part in ("", "check/", "predictions/", "feedback/")
        for pk in (foreign.pk, uuid.uuid4())
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("name", ["start-check", "cancel-check", "revise", "keep-check", "submit", "withdraw"])
def test_nobody_acts_on_a_foreign_question(contributor: Any, organiser: Any, name: str) -> None:
    question = factories.make_eligible(by=contributor)

    answer = token_client(organiser, "draft").post(path(question, name), {}, format="json")

    assert answer.status_code == 404
    assert Question.objects.get(pk=question.pk).status == Status.ELIGIBLE


def test_a_refusal_lists_its_reasons(contributor: Any) -> None:
    client = token_client(contributor, "draft")
    question = factories.make_draft(by=contributor, prompt="", answer="")

    answer = client.post(path(question, "start-check"), {"terms_version": "1"}, format="json")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "refused"
    assert len(answer.json()["error"]["reasons"]) == 2


def test_a_step_that_leads_nowhere_is_a_conflict(contributor: Any) -> None:
    question = factories.make_draft(by=contributor)

    answer = token_client(contributor, "draft").post(path(question, "cancel-check"))

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "invalid_transition"


@pytest.mark.parametrize("text", ["with \x00 nul", "with \ud800 half"])
def test_characters_that_no_database_takes_are_refused(contributor: Any, text: str) -> None:
    client = token_client(contributor, "draft")
    body = b'{"prompt": "%s", "options": ["%s"]}' % ((text.encode("unicode_escape"),) * 2)

    answer = client.generic("POST", LIST, body.replace(b"\\x00", b"\\u0000"), content_type="application/json")

    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {"prompt", "options"}
    assert Revision.objects.count() == 0


def test_a_deep_body_is_refused(contributor: Any) -> None:
    client = token_client(contributor, "draft")

    answer = client.generic("POST", LIST, b'{"prompt":' + b"[" * 100_000, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"invalid", "parse_error"}


def test_an_uploaded_picture_is_for_its_uploader(contributor: Any, organiser: Any) -> None:
    client = token_client(contributor, "draft")
    stored = client.post("/api/v1/pictures/", {"file": SimpleUploadedFile("a.png", png())}, format="multipart")
    mine = client.post(LIST, {"prompt": "See the picture.", "image": stored.json()["id"]}, format="json")
    other = token_client(organiser, "draft")
    foreign = other.post(LIST, {"image": stored.json()["id"]}, format="json")
    unknown = other.post(LIST, {"image": str(uuid.uuid4())}, format="json")

    assert stored.status_code == 201
    assert mine.json()["revision"]["image"]["sha256"] == stored.json()["sha256"]
    assert foreign.status_code == unknown.status_code == 400
    assert _without_ids(foreign.content) == _without_ids(unknown.content)


def _without_ids(content: bytes) -> bytes:
    return re.sub(rb"[0-9a-f-]{36}", b"", content)


def test_what_is_no_picture_is_refused(contributor: Any) -> None:
    client = token_client(contributor, "draft")

    answer = client.post("/api/v1/pictures/", {"file": SimpleUploadedFile("a.png", b"text")}, format="multipart")

    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"code", "message"}


def test_a_doubted_key_is_confirmed_by_token_and_then_submitted(contributor: Any, organiser: Any) -> None:
    question = factories.make_checking(by=contributor)
    factories.settle_check(question, answer="17")
    client, body = token_client(contributor, "draft"), {"reason": "I worked it out a second time, by hand."}
    submission = {"licence_version": question.call.data_licence.version}

    early = client.post(path(question, "submit"), submission, format="json")
    refused = [
        token_client(organiser, "draft").post(path(question, "confirm-key"), body, format="json"),
        token_client(contributor, "review").post(path(question, "confirm-key"), body, format="json"),
        client.post(path(question, "confirm-key"), {"reason": "Yes."}, format="json"),
    ]
    n_before = ConfirmedKey.objects.count()
    said = client.post(path(question, "confirm-key"), body, format="json")
    again = client.post(path(question, "confirm-key"), {"reason": "Another reason altogether."}, format="json")
    sent = client.post(path(question, "submit"), submission, format="json")

    assert (early.status_code, [answer.status_code for answer in refused], n_before) == (409, [404, 403, 400], 0)
    assert (said.status_code, said.json()["reason"], again.json()["reason"]) == (201, body["reason"], body["reason"])
    assert (sent.status_code, Question.objects.get(pk=question.pk).status) == (200, Status.IN_REVIEW)
    assert ConfirmedKey.objects.get().confirmed_by == contributor
