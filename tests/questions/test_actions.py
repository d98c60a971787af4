"""What people do with questions: saving, freezing, terms, deadlines, and what the database itself refuses."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from PIL import Image

from hle_site import pipeline
from questions import actions, workflow
from questions.enums import Action, Status
from questions.models import Call, Question, Revision
from questions.workflow import InvalidTransition, Refused
from tests import factories

pytestmark = pytest.mark.django_db


def fresh(question: Question) -> Question:
    return Question.objects.get(pk=question.pk)


def test_save_counts_versions_and_ignores_what_is_no_column(contributor: Any) -> None:
    draft = factories.make_draft(by=contributor)

    revision = actions.save(question=draft, by=contributor, content={"answer": "193", "status": "approved"}, version=1)
    same = actions.save(question=draft, by=contributor, content={"answer": "193"}, version=2)

    assert (revision.version, same.version, same.answer) == (2, 2, "193")
    assert fresh(draft).status == Status.DRAFT


def test_save_refuses_an_older_version(contributor: Any) -> None:
    draft = factories.make_draft(by=contributor)
    actions.save(question=draft, by=contributor, content={"answer": "193"}, version=1)

    with pytest.raises(actions.EditConflict) as conflict:
        actions.save(question=draft, by=contributor, content={"answer": "194"}, version=1)

    assert (conflict.value.revision.version, conflict.value.revision.answer) == (2, "193")
    assert draft.newest.answer == "193"


@pytest.mark.parametrize(("field", "changes_hash"), [("answer", True), ("prompt", True), ("rationale", False)])
def test_hashes_follow_their_part(contributor: Any, field: str, changes_hash: bool) -> None:
    draft = factories.make_draft(by=contributor)
    before = draft.newest

    after = actions.save(question=draft, by=contributor, content={field: "Something else, and longer."})

    assert (after.tested_hash != before.tested_hash) == changes_hash
    assert (after.supporting_hash != before.supporting_hash) == (not changes_hash)


def test_nobody_else_saves(contributor: Any, organiser: Any) -> None:
    draft = factories.make_draft(by=contributor)

    with pytest.raises(PermissionDenied):
        actions.save(question=draft, by=organiser, content={"answer": "0"})

    assert draft.newest.answer == "192"


def test_eligible_question_takes_support_as_a_new_revision_and_keeps_its_check(contributor: Any) -> None:
    question = factories.make_eligible(by=contributor)
    tested = question.newest

    revision = actions.save(
        question=question, by=contributor, content={"rationale": "Another way to see it."}, version=tested.version
    )

    assert (revision.number, revision.tested_hash) == (2, tested.tested_hash)
    assert Revision.objects.get(pk=tested.pk).rationale == factories.CONTENT["rationale"]
    assert fresh(question).status == Status.ELIGIBLE


def test_eligible_question_refuses_another_key_in_words(contributor: Any) -> None:
    question = factories.make_eligible(by=contributor)

    with pytest.raises(InvalidTransition, match="only in a draft"):
        actions.save(question=question, by=contributor, content={"answer": "193", "rationale": "New."})

    assert question.newest.answer == "192"
    assert question.revisions.count() == 1


def test_database_refuses_to_change_or_delete_a_frozen_revision(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)

    for statement in (
        "UPDATE questions_revision SET answer = 'x' WHERE id = %s",
        "UPDATE questions_revision SET frozen_at = NULL WHERE id = %s",
        "DELETE FROM questions_revision WHERE id = %s",
    ):
        with pytest.raises(IntegrityError, match="is frozen"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [question.newest.pk])

    assert question.newest.answer == "192"


def test_database_refuses_a_second_working_copy_and_an_unknown_status(contributor: Any) -> None:
    draft = factories.make_draft(by=contributor)

    with pytest.raises(IntegrityError, match="one_working_copy"), transaction.atomic():
        Revision.objects.create(question=draft, number=2, created_by=contributor)
    with pytest.raises(IntegrityError, match="status_known"), transaction.atomic():
        Question.objects.filter(pk=draft.pk).update(status="lost")
    with pytest.raises(IntegrityError, match="duplicate_names_its_original"), transaction.atomic():
        Question.objects.filter(pk=draft.pk).update(status=Status.DUPLICATE)


def test_revise_copies_everything_and_leaves_what_was_tested(contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    tested = question.newest

    copy = actions.revise(question=question, by=contributor)

    assert (copy.number, copy.frozen_at, copy.version) == (2, None, tested.version)
    assert all(
        getattr(copy, name) == getattr(tested, name) for name in actions.TESTED_FIELDS + actions.SUPPORTING_FIELDS
    )
    assert fresh(question).status == Status.DRAFT


def test_cancelled_check_opens_a_working_copy(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)

    actions.cancel_check(question=question, by=contributor)
    actions.save(question=question, by=contributor, content={"answer": "193"})

    assert [(row.number, row.answer) for row in question.revisions.order_by("number")] == [(1, "192"), (2, "193")]


def test_start_check_stamps_terms_and_call(contributor: Any) -> None:
    draft = factories.make_draft(by=contributor)

    change = actions.start_check(question=draft, by=contributor, terms_version="1")

    question = fresh(draft)
    assert (question.terms_version, question.call_version) == ("1", question.call.version)
    assert change.revision == question.newest
    assert question.newest.frozen_at is not None


@pytest.mark.parametrize("days", [-1, 1])
def test_soft_deadline_binds_the_start_of_a_check(contributor: Any, days: int) -> None:
    draft = factories.make_draft(by=contributor)
    Call.objects.filter(pk=draft.call_id).update(soft_deadline_at=timezone.now() + timedelta(days=days))
    draft = fresh(draft)

    if days < 0:
        with pytest.raises(Refused, match="not open for new tests"):
            actions.start_check(question=draft, by=contributor, terms_version="1")
    else:
        actions.start_check(question=draft, by=contributor, terms_version="1")
    assert fresh(draft).status == (Status.DRAFT if days < 0 else Status.CHECKING)


@pytest.mark.parametrize("days", [-1, 1])
def test_hard_deadline_binds_the_submission(contributor: Any, days: int) -> None:
    question = factories.make_eligible(by=contributor)
    Call.objects.filter(pk=question.call_id).update(hard_deadline_at=timezone.now() + timedelta(days=days))
    question = fresh(question)

    if days < 0:
        with pytest.raises(Refused, match="deadline for submissions has passed"):
            actions.submit_for_review(question=question, by=contributor, licence_version="1")
    else:
        actions.submit_for_review(question=question, by=contributor, licence_version="1")
    assert fresh(question).status == (Status.ELIGIBLE if days < 0 else Status.IN_REVIEW)


@pytest.mark.parametrize(
    ("content", "licence", "sentence"),
    [
        ({"rationale": "short"}, "1", "rationale is missing or very short"),
        ({"ai_use_note": " "}, "1", "whether you used AI tools"),
        ({}, "0", "accept the licence of the released data"),
    ],
)
def test_submission_asks_for_what_is_missing(
    contributor: Any, content: dict[str, str], licence: str, sentence: str
) -> None:
    question = factories.make_eligible(by=contributor)
    if content:
        actions.save(question=question, by=contributor, content=content)

    with pytest.raises(Refused, match=sentence):
        actions.submit_for_review(question=question, by=contributor, licence_version=licence)

    assert fresh(question).status == Status.ELIGIBLE


def test_keep_check_needs_the_text_that_passed(contributor: Any) -> None:
    question = factories.make_eligible(by=contributor)
    actions.revise(question=question, by=contributor)
    actions.save(question=question, by=contributor, content={"answer": "193"})

    with pytest.raises(Refused, match="has not passed the test"):
        actions.keep_check(question=question, by=contributor)
    actions.save(question=question, by=contributor, content={"answer": "192", "sources": "More of them."})
    actions.keep_check(question=question, by=contributor)

    assert fresh(question).status == Status.ELIGIBLE
    assert fresh(question).newest.frozen_at is not None


def test_keep_check_leads_back_into_a_waiting_review(contributor: Any) -> None:
    question = factories.make_in_review(by=contributor)
    submitted_at = question.submitted_at
    workflow.advance(question, Action.REQUEST_CHANGES, by=None)
    actions.revise(question=question, by=contributor)

    actions.keep_check(question=question, by=contributor)
    pipeline.sweep()

    assert fresh(question).status == Status.IN_REVIEW
    assert fresh(question).submitted_at == submitted_at


def test_picture_of_the_same_pixels_is_stored_once_for_each_person(contributor: Any) -> None:

    out = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(out, format="PNG")
    other = factories.make_user("other")

    first, again = (actions.store_picture(data=out.getvalue(), by=contributor) for _upload in range(2))
    theirs = actions.store_picture(data=out.getvalue(), by=other)

    assert first == again
    assert (theirs.pk != first.pk, theirs.file.name) == (True, first.file.name)
