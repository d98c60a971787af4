"""People and workers at the same moment: one order of events comes of it, and nobody is left between two states."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from grading import checks
from grading.enums import CheckStatus, PredictionState, Verdict
from grading.models import DifficultyCheck, Prediction
from hle_site import pipeline
from hle_site.audit import log
from questions import actions
from questions.enums import Action, Status
from questions.models import Question, StatusChange
from tests import factories
from tests.grading.test_checks import FIRST, SECOND, THIRD, answer, parked_for_a_person
from tests.questions.test_workflow import both

pytestmark = pytest.mark.django_db(transaction=True)

TIMES = 10
WRONG = {"verdict": Verdict.INCORRECT, "reason": "Another author."}


def fully_answered(number: int) -> tuple[Question, DifficultyCheck]:
    """A first try of which the last wave has answered wrongly, and nobody has settled that."""
    question = factories.make_checking(by=factories.make_user(f"author {number}"), prompt=f"What is {number} + 1?")
    check = question.checks.get()
    for names in (FIRST, SECOND):
        answer(question, *names)
        checks.settle(check)
    answer(question, *THIRD)
    return question, check


def test_stopping_a_test_and_its_verdict_exclude_each_other() -> None:
    for number in range(TIMES):
        question, check = fully_answered(number)

        both(
            lambda check=check: checks.settle(check),
            lambda question=question: actions.cancel_check(question=question, by=question.contributor),
        )
        pipeline.sweep()

        question, check = Question.objects.get(pk=question.pk), DifficultyCheck.objects.get(pk=check.pk)
        assert (question.status, check.status) in {
            (Status.ELIGIBLE, CheckStatus.PASSED),
            (Status.DRAFT, CheckStatus.CANCELLED),
        }
    assert log.verify() == []


def test_verdict_is_drawn_once_by_however_many_settle() -> None:
    for number in range(TIMES):
        question, check = fully_answered(number)
        key = checks.Key(check.tested_hash, check.panel_id)

        both(*[lambda check=check: checks.settle(check)] * 3, *[lambda key=key: checks.settle_landed([key])] * 3)

        passed = StatusChange.objects.filter(question=question, action=Action.PASS_CHECK)
        assert (passed.count(), DifficultyCheck.objects.get(pk=check.pk).status) == (1, CheckStatus.PASSED)
    assert log.verify() == []


def test_answer_is_judged_by_one_of_two_people(contributor: Any, organiser: Any) -> None:
    question, check, row = parked_for_a_person(contributor)

    results = both(
        *[
            lambda verdict=verdict: checks.judge_by_person(
                prediction=row, question=question, by=organiser, verdict=verdict, reason="As the proof says."
            )
            for verdict in (Verdict.CORRECT, Verdict.INCORRECT)
        ]
    )

    assert sorted(type(result).__name__ for result in results) == ["Refused", "str"]
    row.refresh_from_db()
    check.refresh_from_db()
    ends = {Verdict.CORRECT: CheckStatus.FAILED, Verdict.INCORRECT: CheckStatus.PASSED}
    assert check.status == ends[row.verdict]


def test_asking_again_waits_for_the_person_who_judges(contributor: Any, organiser: Any) -> None:
    question, check, row = parked_for_a_person(contributor)

    with ThreadPoolExecutor(2) as threads, transaction.atomic():
        Prediction.objects.select_for_update().get(pk=row.pk)  # both come to here before either goes on
        judged = threads.submit(alone, checks.judge_by_person, prediction=row, question=question, by=organiser, **WRONG)
        time.sleep(0.3)
        resumed = threads.submit(alone, checks.resume, check, by=organiser)
        time.sleep(0.3)
        transaction.set_rollback(True)

    assert (judged.result(), resumed.result()) == ("goes_on", False)
    row.refresh_from_db()
    check.refresh_from_db()
    assert (row.state, row.verdict, check.status) == (PredictionState.SETTLED, Verdict.INCORRECT, CheckStatus.PASSED)


def alone(function: Callable[..., Any], *values: Any, **named: Any) -> Any:
    """Call in a thread, and leave no connection behind."""
    try:
        return function(*values, **named)
    finally:
        connection.close()
