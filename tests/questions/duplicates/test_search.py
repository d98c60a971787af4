"""Finding near texts in the database: what is due, what becomes a pair, what people said stays."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from hle_site import pipeline
from questions import actions as question_actions
from questions import tasks
from questions.duplicates import actions, search, text
from questions.enums import PairKind, PairState
from questions.models import ComparedText, DuplicatePair, Question, Revision
from tests import factories
from tests.questions.duplicates import disguises
from tests.questions.duplicates.conftest import FAR, NEAR, ONE

pytestmark = pytest.mark.django_db


def test_a_test_makes_its_text_due_once(tested: Any) -> None:
    question = tested(ONE)
    pipeline.sweep()

    row = ComparedText.objects.get()

    assert (row.question, row.revision) == (question, question.newest)
    assert (row.searched_at, row.sketch) == (None, [])


def test_the_task_finds_a_near_text_and_a_second_delivery_nothing_more(tested: Any) -> None:
    one, near = tested(ONE), tested(NEAR)
    tested(FAR)
    for _delivery in range(2):
        for row in ComparedText.objects.all():
            tasks.find_duplicates(row.pk)

    pair = DuplicatePair.objects.get()

    assert {pair.first, pair.second} == {one, near}
    assert pair.first_id < pair.second_id
    assert (pair.kind, pair.model, pair.state) == (PairKind.LEXICAL, "", PairState.OPEN)
    assert 0.8 < pair.score < 1
    assert not search.due().exists()


def test_the_sweep_finds_what_no_message_reached(tested: Any) -> None:
    tested(ONE)
    tested(NEAR)
    ComparedText.objects.all().delete()  # as after an upgrade from a version without a search

    tasks.sweep()

    assert DuplicatePair.objects.count() == 1
    assert not search.due().exists()


def test_a_new_way_of_comparing_makes_every_text_due(tested: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tested(ONE)
    search.search_due()

    monkeypatch.setattr(text, "VERSION", text.VERSION + 1)

    assert search.due().count() == 1
    assert search.search_due() == 1
    assert not search.due().exists()


def test_the_key_has_no_part_in_it(tested: Any) -> None:
    tested(ONE, answer="Helicase, which opens the double strand of a circular chromosome")
    tested(FAR, answer="Helicase, which opens the double strand of a circular chromosome")
    search.search_due()

    assert not DuplicatePair.objects.exists()


def test_a_question_is_no_duplicate_of_itself(contributor: Any, tested: Any) -> None:
    question = tested(ONE)
    question_actions.cancel_check(question=question, by=contributor)
    question_actions.save(question=question, by=contributor, content={"prompt": NEAR})
    question_actions.start_check(
        question=question, by=contributor, terms_version=question.call.contributor_terms.version
    )
    pipeline.sweep()
    search.search_due()

    assert ComparedText.objects.filter(question=question).count() == 2
    assert not DuplicatePair.objects.exists()


def revise(question: Question, prompt: str) -> Revision:
    """Test the question again with another text."""
    by = question.contributor
    question_actions.cancel_check(question=question, by=by)
    question_actions.save(question=question, by=by, content={"prompt": prompt})
    question_actions.start_check(question=question, by=by, terms_version=question.call.contributor_terms.version)
    pipeline.sweep()
    search.search_due()
    question.refresh_from_db()
    return question.revisions.order_by("-number")[0]


def test_what_was_dismissed_comes_back_only_with_another_text(pair: DuplicatePair, organiser: Any) -> None:
    actions.dismiss(pair=pair, by=organiser, reason="Loops matter here.")
    ComparedText.objects.update(searched_at=None)
    search.search_due()
    pair.refresh_from_db()
    still = pair.state

    newest = revise(pair.first, ONE.replace("twelve", "thirteen"))
    pair.refresh_from_db()

    assert still == PairState.DISMISSED
    assert (pair.state, pair.reason, pair.decided_by) == (PairState.OPEN, "", None)
    assert pair.first_revision == newest


def test_a_pair_stands_for_the_nearest_texts(pair: DuplicatePair) -> None:
    texts, score = (pair.first_revision_id, pair.second_revision_id), pair.score

    revise(pair.first, pair.first_revision.prompt.replace("twelve", "thirteen"))
    pair.refresh_from_db()
    after_farther = (pair.first_revision_id, pair.second_revision_id)
    nearest = revise(pair.first, pair.second_revision.prompt + "\u200b")
    pair.refresh_from_db()

    assert after_farther == texts
    assert pair.first_revision == nearest
    assert pair.score == 1 > score


def test_closing_as_a_duplicate_confirms_and_reopening_opens(contributor: Any, organiser: Any, senior: Any) -> None:
    one = factories.make_eligible(by=contributor, prompt=ONE)
    near = factories.make_in_review(by=contributor, prompt=NEAR)
    search.search_due()

    question_actions.mark_duplicate(question=near, by=organiser, original=one, reason="The same.")
    pipeline.sweep()
    closed = DuplicatePair.objects.get()
    near.refresh_from_db()
    from review import actions as review_actions

    review_actions.reopen(question=near, by=organiser, reason="It is not, after all.")
    pipeline.sweep()

    assert (closed.state, bool(closed.decided_at)) == (PairState.CONFIRMED, True)
    assert DuplicatePair.objects.get().state == PairState.OPEN


@pytest.mark.parametrize(
    "change",
    [
        {"state": PairState.DISMISSED},
        {"score": 1.5},
        {"kind": PairKind.EMBEDDING},
        {"model": "word-bag:1"},
        {"state": "perhaps"},
    ],
)
def test_the_database_refuses_what_makes_no_sense(pair: DuplicatePair, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        DuplicatePair.objects.filter(pk=pair.pk).update(**change)


def test_the_database_refuses_a_pair_twice_and_the_wrong_way_round(pair: DuplicatePair) -> None:
    values = {
        "first_revision": pair.first_revision,
        "second_revision": pair.second_revision,
        "kind": pair.kind,
        "score": 0.9,
    }

    with pytest.raises(IntegrityError), transaction.atomic():
        DuplicatePair.objects.create(first=pair.first, second=pair.second, **values)
    with pytest.raises(IntegrityError), transaction.atomic():
        DuplicatePair.objects.create(first=pair.second, second=pair.first, **values)


def test_a_rotten_hint_does_nothing(db: None) -> None:
    tasks.find_duplicates(987654321)


def test_disguises_are_found_among_many(contributor: Any) -> None:
    copies, honest = disguises.pairs(5, 24, 60)
    assert found_and_alarms(contributor, copies, honest) == (24, 0)


@pytest.mark.long
def test_five_hundred_disguises_are_found_among_all_texts(contributor: Any) -> None:
    copies, honest = disguises.pairs(21, 500, 2000)

    found, alarms = found_and_alarms(contributor, copies, honest)

    assert found >= 490
    assert alarms <= 20


def found_and_alarms(by: Any, copies: Any, honest: Any) -> tuple[int, int]:
    """Store all texts, search for each, and count the disguises that are found and the neighbours that are taken for one."""
    copied, neighbours = [[_store(by, pair) for pair in pairs] for pairs in (copies, honest)]
    search.search_due(most=10_000)
    known = {frozenset(ids) for ids in DuplicatePair.objects.values_list("first", "second")}
    return (sum(pair in known for pair in copied), sum(pair in known for pair in neighbours))


def _store(by: Any, pair: Any) -> frozenset[Any]:
    ids = []
    for side in pair:
        question = Question.objects.create(call=factories.default_call(), contributor=by)
        kind = "multipleChoice" if side.options else "exactMatch"
        row = {"prompt": side.prompt, "options": list(side.options), "answer_type": kind}
        search.keep(Revision.objects.create(question=question, number=1, created_by=by, **row))
        ids.append(question.pk)
    return frozenset(ids)


def test_no_text_is_stored_with_what_is_compared(tested: Any) -> None:
    tested(ONE)
    search.search_due()

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM questions_comparedtext t")
        rows = [row[0] for row in cursor.fetchall()]

    assert len(rows) == 1
    assert not any(word in rows[0] for word in ("edges", "complete", "loops"))


def test_the_migration_goes_back_and_forth(db: None) -> None:
    executor = MigrationExecutor(connection)

    plan = executor.migration_plan([("questions", "0005_no_trigrams")])

    assert [migration.name for migration, is_backwards in plan if is_backwards][-1] == "0006_near_duplicates"
