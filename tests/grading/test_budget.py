"""Prices, allowances and tries; what stands between a contributor and a call."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from grading import budget
from grading.enums import LedgerState, OutcomeKind, PredictionState
from grading.llm import Outcome
from grading.models import DifficultyCheck, ModelSpec, Prediction, Provider
from hle_site import pipeline
from questions import actions, guards
from questions.models import ImportBatch, Question
from questions.workflow import Refused
from tests import factories

pytestmark = pytest.mark.django_db

PRICED = ModelSpec(usd_per_million_in=Decimal("2.5"), usd_per_million_out=Decimal(10))


def test_cost_is_tokens_times_price() -> None:
    assert budget.cost_usd(PRICED, prompt_tokens=1_000, completion_tokens=200) == Decimal("0.004500")


BILLS = [
    (
        Outcome(OutcomeKind.ANSWER, "x", prompt_tokens=1000, completion_tokens=200),
        LedgerState.BILLED,
        Decimal("0.0045"),
        False,
    ),
    (Outcome(OutcomeKind.ANSWER, "x" * 400), LedgerState.BILLED, Decimal("0.001512") + Decimal("0.000001"), True),
    (Outcome(OutcomeKind.AMBIGUOUS), LedgerState.AMBIGUOUS, None, False),
    (Outcome(OutcomeKind.TRANSIENT, detail="HTTP 500"), LedgerState.RELEASED, None, False),
    (Outcome(OutcomeKind.THROTTLED), LedgerState.RELEASED, None, False),
    (Outcome(OutcomeKind.CONFIG_ERROR, sent=False), LedgerState.RELEASED, None, False),
]


@pytest.mark.parametrize(("outcome", "state", "cost", "is_estimated"), BILLS)
def test_bill_follows_the_outcome(outcome: Outcome, state: str, cost: Decimal | None, is_estimated: bool) -> None:
    bill = budget.bill(PRICED, outcome, prompt_chars=800)

    assert (bill.state, bill.is_estimated) == (state, is_estimated)
    assert bill.cost_usd == cost or abs(bill.cost_usd - cost) < Decimal("0.00001")


def test_allowance_ends_and_says_when_it_renews(contributor: Any, settings: Any) -> None:
    settings.CHECKS_PER_DAY = 2
    for number in range(2):
        factories.make_checking(by=contributor, prompt=f"What is the number {number} of a long list of numbers?")
    third = factories.make_draft(by=contributor)

    with pytest.raises(Refused, match=r"used all 2 tests of today.*00:00 UTC"):
        actions.start_check(question=third, by=contributor, terms_version="1")

    assert Question.objects.get(pk=third.pk).status == "draft"


def test_tries_count_texts_that_were_scored(contributor: Any, settings: Any) -> None:
    settings.TRIES_PER_FAMILY = 2
    question = factories.make_too_easy(by=contributor)
    for number in range(2):
        actions.revise(question=question, by=contributor)
        actions.save(
            question=question, by=contributor, content={"prompt": f"Another wording {number} of the same text?"}
        )
        if number == 0:
            actions.start_check(question=question, by=contributor, terms_version="1")
            pipeline.sweep()
            factories.settle_check(question, verdicts=("correct", "incorrect"))
            question = Question.objects.get(pk=question.pk)

    assert budget.tries_used(question) == 2
    with pytest.raises(Refused, match="2 versions of this question were tested already"):
        actions.start_check(question=question, by=contributor, terms_version="1")


def family(contributor: Any, n: int) -> list[Question]:
    """Drafts of one person that differ in a word."""
    text = "A ladder of ten metres leans against a wall, and its foot is drawn away at one metre a second. How fast does the {} of it fall?"
    words = ["top", "upper end", "head", "peak", "tip", "crown"]
    return [factories.make_draft(by=contributor, prompt=text.format(word)) for word in words[:n]]


def test_tries_count_over_the_family_of_one_contributor(contributor: Any, settings: Any) -> None:
    settings.TRIES_PER_FAMILY = 2
    first, second, third = family(contributor, 3)
    for question in (first, second):
        actions.start_check(question=question, by=contributor, terms_version="1")
        pipeline.sweep()
        factories.settle_check(question, verdicts=("correct", "incorrect"))
    stranger = factories.make_draft(by=factories.make_user("stranger"), prompt=first.newest.prompt)

    assert (budget.tries_used(third), budget.tries_used(stranger)) == (2, 0)
    with pytest.raises(Refused, match="2 versions of this question were tested already"):
        actions.start_check(question=third, by=contributor, terms_version="1")


def test_imported_questions_are_not_compared_with_each_other(contributor: Any) -> None:
    batch = ImportBatch.objects.create(file_name="x", file_sha256="0" * 64, imported_by=contributor)
    _first, second = family(contributor, 2)
    asked = []
    for question in (second, Question(pk=second.pk, contributor=contributor, batch=batch)):
        with CaptureQueriesContext(connection) as queries:
            assert budget.tries_used(question) == 0
        asked.append(any("questions_comparedtext" in query["sql"] for query in queries))

    assert asked == [True, False]


def test_family_sent_in_at_once_is_stopped_at_its_limit(contributor: Any, settings: Any) -> None:
    settings.TRIES_PER_FAMILY = 2
    first, second, third = family(contributor, 3)
    for question in (first, second):
        actions.start_check(question=question, by=contributor, terms_version="1")

    with pytest.raises(Refused, match="2 versions of this question were tested already"):
        actions.start_check(question=third, by=contributor, terms_version="1")
    pipeline.sweep()
    assert second.checks.get().confirmation_rounds == 2  # no first try any more
    assert budget.tries_used(third) == 2
    DifficultyCheck.objects.filter(question=second).update(status="parked")
    assert budget.tries_used(third) == 1


def test_cancelled_check_counts_once_something_was_scored(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    actions.cancel_check(question=question, by=contributor)
    pipeline.sweep()

    before = budget.tries_used(question)
    Prediction.objects.update(
        state=PredictionState.SETTLED, outcome="answer", verdict="incorrect", decided_by="matcher"
    )

    assert (before, budget.tries_used(question)) == (0, 1)


def test_without_budget_only_simulated_models_run(contributor: Any, settings: Any) -> None:
    question = factories.make_draft(by=contributor)
    assert guards.refusals("start_check", question, contributor) == []
    Provider.objects.update(is_simulated=False)

    refused = guards.refusals("start_check", question, contributor)
    settings.DAILY_BUDGET_USD = 1.0
    allowed = guards.refusals("start_check", question, contributor)

    assert [sentence[:33] for sentence in refused] == ["The site's budget for models is u"]
    assert allowed == []


@pytest.mark.parametrize("action", ["keep_check", "submit_for_review"])
def test_text_that_no_check_let_through_stays(contributor: Any, action: str) -> None:
    passed = factories.make_eligible(by=contributor)
    untested = factories.make_draft(by=contributor, prompt="A text that no model has ever seen before?")
    failed = factories.make_too_easy(by=contributor, prompt="A text that models have answered rightly?")

    refused = [bool(guards.refusals(action, question, contributor)) for question in (passed, untested, failed)]

    assert refused == [False, True, True]


def test_overridden_check_stands(contributor: Any, organiser: Any) -> None:
    question = factories.make_too_easy(by=contributor)

    actions.override_check(question=question, by=organiser, reason="The match was by chance.")

    assert guards.refusals("submit_for_review", question, contributor) == []
