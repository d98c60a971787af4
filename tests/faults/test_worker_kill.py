"""A worker that dies in the middle of checks: nothing is lost, nothing passes by it, nothing is paid twice beyond what was in flight."""

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from grading.enums import CheckStatus, LedgerState, PredictionState, Verdict
from grading.models import DifficultyCheck, Ledger, Prediction, Worker
from questions.models import Question
from tests import factories
from tests.faults.processes import beat, wait_for, worker
from tests.grading.conftest import simulate  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db(transaction=True)

N_QUESTIONS = 8
FIXED = [
    {"contains": "number 3 ", "models": "simulated-medium", "answer": "192"},
    {"contains": "divisors", "models": "*", "answer": "17"},
]


def start_checks() -> None:
    """Eight checks of four people; the fourth question is one that a model knows."""
    for number in range(N_QUESTIONS):
        by = factories.make_user(f"author{number % 4}")
        factories.make_checking(by=by, prompt=f"What is the number {number} of the list of numbers with 14 divisors?")


def is_settled() -> bool:
    return not DifficultyCheck.objects.live().exists()


def verdicts() -> Counter[str]:
    return Counter(DifficultyCheck.objects.values_list("status", flat=True))


def assert_every_call_is_in_the_ledger(journal: list[dict[str, Any]]) -> None:
    asked = [line["request_id"] for line in journal]
    assert len(asked) == len(set(asked))
    assert set(asked) <= {str(pk) for pk in Ledger.objects.values_list("pk", flat=True)}


def test_killed_worker_loses_nothing_and_pays_twice_only_what_was_in_flight(simulate: Any, tmp_path: Path) -> None:  # noqa: F811
    simulator = simulate(fixed=FIXED, delay_s=[0.4, 0.8])
    start_checks()
    with beat(tmp_path):
        with worker(tmp_path) as first:
            wait_for(lambda: len(simulator.journal()) >= 20, seconds=60, what="twenty calls")
            first.send_signal(signal.SIGKILL)
            first.wait(10)
        in_flight = Ledger.objects.filter(state=LedgerState.RESERVED).count()
        with worker(tmp_path):
            wait_for(is_settled, seconds=60, what="a verdict for every question")

    assert in_flight > 0
    assert verdicts() == {CheckStatus.PASSED: N_QUESTIONS - 1, CheckStatus.FAILED: 1}
    assert Counter(Question.objects.values_list("status", flat=True)) == {"eligible": N_QUESTIONS - 1, "too_easy": 1}
    assert Ledger.objects.filter(state=LedgerState.AMBIGUOUS).count() == in_flight
    journal = simulator.journal()
    assert_every_call_is_in_the_ledger(journal)
    asked = Counter((line["model"], line["question_sha256"]) for line in journal)
    twice = sum(n - 1 for n in asked.values())
    assert twice <= in_flight
    assert max(asked.values()) <= 2
    assert Prediction.objects.filter(state=PredictionState.SETTLED).exclude(verdict=Verdict.UNSCORED).count() == len(
        asked
    )


def test_stopped_worker_ends_its_calls_and_hands_the_rest_back(simulate: Any, tmp_path: Path) -> None:  # noqa: F811
    simulator = simulate(fixed=FIXED, delay_s=[0.4, 0.8])
    start_checks()
    with beat(tmp_path):
        with worker(tmp_path, CALLS_IN_FLIGHT="6") as first:
            wait_for(lambda: len(simulator.journal()) >= 8, seconds=60, what="eight calls")
            first.send_signal(signal.SIGTERM)
            first.wait(20)
        held = Prediction.objects.exclude(worker=None).exclude(state=PredictionState.SETTLED).count()
        with worker(tmp_path):
            wait_for(is_settled, seconds=60, what="a verdict for every question")

    assert (first.returncode, held) == (0, 0)
    assert Worker.objects.filter(stopped_at=None).count() == 1
    assert Ledger.objects.exclude(state=LedgerState.BILLED).count() == 0
    journal = simulator.journal()
    assert_every_call_is_in_the_ledger(journal)
    assert len(journal) == Ledger.objects.count()
    assert set(Counter((line["model"], line["question_sha256"]) for line in journal).values()) == {1}
