"""An answer as it is compared: at once where that takes a moment, else in a thread, and never differently."""

import pytest

from grading.engine.case import Case
from grading.matching import Result
from grading.prompts import options_order
from questions.models import Revision


def case(key: str, answer: str) -> Case:
    revision = Revision(prompt="What is the number?", answer=key, answer_type="exactMatch", options=[])
    return Case(revision, options_order(1, 0), f"Explanation: short.\nAnswer: {answer}\nConfidence: 50%")


@pytest.mark.parametrize(
    ("key", "answer", "result"),
    [
        ("12", "12.0", Result.EQUAL),
        ("12", "13", Result.DIFFERENT),
        ("3.14", "3.2", Result.UNDECIDED),
        ("water", "ice", Result.UNDECIDED),
        ("[1, 2]", "[1, 3]", Result.DIFFERENT),
    ],
)
def test_short_answer_is_compared_at_once_and_alike(key: str, answer: str, result: Result) -> None:
    found = case(key, answer).match_at_once()

    assert found is not None
    assert (found.result, found) == (result, case(key, answer).match())


@pytest.mark.parametrize(("key", "answer"), [("x^2 + 1", "1 + x^2"), ("12", "1" * 101), ("1" * 101, "12")])
def test_formula_and_long_text_are_left_to_a_thread(key: str, answer: str) -> None:
    assert case(key, answer).match_at_once() is None
