"""Checks to be disturbed, and what must hold afterwards."""

from collections import Counter
from typing import Any

from grading.enums import CheckStatus, LedgerState, PredictionState, Verdict
from grading.models import DifficultyCheck, Ledger, Prediction
from questions.models import Question
from tests import factories

FIXED = [
    {"contains": "number 3 ", "models": "simulated-medium", "answer": "192"},
    {"contains": "divisors", "models": "simulated-[!j]*", "answer": "17"},
]


def start_checks(count: int = 8) -> None:
    """Start checks of four people; the fourth question is one that a model knows."""
    for number in range(count):
        by = factories.make_user(f"author{number % 4}")
        factories.make_checking(by=by, prompt=f"What is the number {number} of the list of numbers with 14 divisors?")


def is_settled() -> bool:
    """Whether every check has its verdict."""
    return not DifficultyCheck.objects.live().exists()


def verdicts() -> Counter[str]:
    """How many checks stand where."""
    return Counter(DifficultyCheck.objects.values_list("status", flat=True))


def asked(journal: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """How often each model was asked each question."""
    return Counter((line["model"], line["question_sha256"]) for line in journal)


def assert_nothing_is_lost(count: int) -> None:
    """Every check has the verdict that it has without faults, and every question stands where that leads."""
    assert verdicts() == {CheckStatus.PASSED: count - 1, CheckStatus.FAILED: 1}
    assert Counter(Question.objects.values_list("status", flat=True)) == {"eligible": count - 1, "too_easy": 1}


def assert_every_call_is_in_the_ledger(journal: list[dict[str, Any]]) -> None:
    """The provider billed nothing that we do not know of."""
    ids = [line["request_id"] for line in journal]
    assert len(ids) == len(set(ids))
    assert set(ids) <= {str(pk) for pk in Ledger.objects.values_list("pk", flat=True)}


def assert_paid_twice_only_what_was_open(journal: list[dict[str, Any]], in_flight: int) -> None:
    """No model was asked again but for calls whose end nobody knows, and those once."""
    times = asked(journal)
    assert sum(n - 1 for n in times.values()) <= in_flight
    assert max(times.values()) <= 2
    assert Ledger.objects.filter(state=LedgerState.AMBIGUOUS).count() <= in_flight
    scored = Prediction.objects.filter(state=PredictionState.SETTLED).exclude(verdict=Verdict.UNSCORED)
    assert scored.count() == len(times)
