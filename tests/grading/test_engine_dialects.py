"""Whole checks in each of the four dialects: question, answer, judge, verdict and bill, through the engine and over HTTP."""

from typing import Any

import pytest

from grading.enums import CheckStatus, DecidedBy, Dialect, LedgerState, OutcomeKind, PredictionState, Verdict
from grading.models import DifficultyCheck, Judgement, Ledger, Prediction, Provider
from grading.tasks import run_check
from questions.enums import Status
from tests import factories
from tests.grading.conftest import work_until_settled

pytestmark = pytest.mark.django_db(transaction=True)

# dialect -> a fault in its own shape, what it is, and how often the model is asked
FAULTS = {
    Dialect.OPENAI_CHAT: ("refusal", OutcomeKind.FILTERED, 1),  # a field beside the content
    Dialect.OPENAI_RESPONSES: ("length", OutcomeKind.TRUNCATED, 2),  # a 200 whose status is incomplete
    Dialect.OPENROUTER: ("error_in_200", OutcomeKind.TRANSIENT, 5),
    Dialect.COMPATIBLE: ("too_long", OutcomeKind.REQUEST_ERROR, 1),  # named by a class, with a number as code
}


def simulator_of(simulate: Any, dialect: str, *fixed: dict[str, Any]) -> Any:
    """A provider that speaks the dialect, and rows that know of it. The responses have a path of their own."""
    simulator = simulate(
        fixed=[*fixed, {"contains": "Name the author", "models": "simulated-[!j]*", "answer": "Currer Bell"}],
        dialect=Dialect.OPENAI_CHAT if dialect == Dialect.OPENAI_RESPONSES else dialect,
    )
    Provider.objects.update(dialect=dialect)
    return simulator


def start(answer: str = "Charlotte Brontë") -> DifficultyCheck:
    by = factories.make_user("author")
    return factories.make_checking(by=by, prompt="Name the author of the novel, please.", answer=answer).checks.get()


@pytest.mark.parametrize("dialect", Dialect)
def test_check_goes_through_judge_to_its_verdict(simulate: Any, own_engine: Any, dialect: str) -> None:
    simulator = simulator_of(simulate, dialect)
    check = start()

    run_check(str(check.pk))

    check.refresh_from_db()
    assert (check.status, check.question.status) == (CheckStatus.PASSED, Status.ELIGIBLE)
    rows = Prediction.objects.values_list("verdict", "decided_by", "answer", "outcome")
    assert list(rows) == [(Verdict.INCORRECT, DecidedBy.JUDGE, "Currer Bell", OutcomeKind.ANSWER)] * 6
    assert list(Judgement.objects.values_list("is_correct", "extracted_answer")) == [(False, "Currer Bell")] * 6
    journal = simulator.journal()
    assert {line["dialect"] for line in journal} == {dialect}
    assert {line["request_id"] for line in journal} == {str(row.pk) for row in Ledger.objects.all()}
    assert set(Ledger.objects.values_list("state", "is_estimated")) == {
        (LedgerState.BILLED, dialect == Dialect.COMPATIBLE)  # which states no usage
    }


@pytest.mark.long
@pytest.mark.parametrize("dialect", Dialect)
def test_check_ends_where_a_model_is_right(simulate: Any, own_engine: Any, dialect: str) -> None:
    simulator = simulator_of(simulate, dialect)
    check = start("Currer Bell")

    run_check(str(check.pk))

    check.refresh_from_db()
    assert (check.status, check.wave) == (CheckStatus.FAILED, 1)
    assert len(simulator.journal()) == 2


@pytest.mark.parametrize("dialect", Dialect)
def test_fault_in_the_shape_of_a_dialect_leaves_no_verdict(simulate: Any, own_engine: Any, dialect: str) -> None:
    fault, kind, n_asks = FAULTS[dialect]
    broken = {"contains": "Name the author", "models": "simulated-small", "fault": fault}
    simulator = simulator_of(simulate, dialect, broken)
    check = start()

    work_until_settled(check)

    assert check.status == CheckStatus.PARKED
    row = Prediction.objects.get(model__name="simulated-small")
    assert (row.state, row.verdict, row.outcome) == (PredictionState.UNSCORED, Verdict.UNSCORED, kind)
    assert Prediction.objects.filter(verdict=Verdict.INCORRECT).count() == 5
    asked = [line for line in simulator.journal() if line["model"] == "simulated-small"]
    assert [(line["dialect"], line["fault"]) for line in asked] == [(dialect, fault)] * n_asks
