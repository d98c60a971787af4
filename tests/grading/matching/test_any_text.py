"""What holds for every text, whatever its author meant."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grading.matching import Result, canonical, extract, match
from grading.matching.text import words
from tests.grading.matching.pairs import (
    CHOICE,
    DIFFERENT,
    EQUAL,
    EXACT,
    OPTIONS,
    UNDECIDED,
    NoFinding,
    choose,
    repeatable,
    result,
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("42", "42.0", True),
        ("1/3", "0.33333", True),
        ("5%", "0.05", True),
        ("[1, 2]", "(1.0, 2)", True),
        ("Paris", "the paris.", True),
        ("Yes", "true", True),
        ("42", "43", False),
        ("1/3", "0.34", False),
    ],
)
def test_canonical_spells_equal_answers_alike(one, other, same):
    spelled = [canonical(answer_type=EXACT, answer=answer) for answer in (one, other)]

    assert (spelled[0] == spelled[1]) is same


def test_canonical_of_a_choice_is_its_letter():
    assert canonical(answer_type=CHOICE, answer="(c) cat", options=OPTIONS) == "C"
    assert canonical(answer_type=CHOICE, answer="A and C", options=OPTIONS) == ""


def test_canonical_of_nothing_is_empty():
    assert canonical(answer_type=EXACT, answer=None) == ""
    assert canonical(answer_type=EXACT, answer="...") == ""


every_character = st.text(st.characters(exclude_categories=()), max_size=200)  # NUL and halves of pairs too
heap = st.lists(
    st.sampled_from(
        [
            "(",
            "[",
            "{",
            "\\frac{",
            "\\boxed{",
            "^",
            "**",
            "10",
            "1.5 m",
            "1e400",
            "e",
            "-",
            ",",
            "!",
            "±",
            "\\pi",
            "%",
            " is ",
            "=",
            "<",
            "\n",
        ]
    ),
    max_size=60,
).map("".join)
anything = every_character | heap | st.text("0123456789.,+-*/^()[]{}eExπ√\\ %$frac", max_size=40)


@repeatable
@given(anything)
def test_text_equals_itself(text):
    assume(words(text))

    assert result(text, text) is EQUAL


@repeatable
@given(anything, anything, st.sampled_from([EXACT, CHOICE]))
def test_match_never_raises(key, answer, answer_type):
    found = match(answer_type=answer_type, key=key, answer=answer, options=OPTIONS, expressions=NoFinding())

    assert found.result in Result
    assert isinstance(canonical(answer_type=answer_type, answer=answer, options=OPTIONS), str)


@repeatable
@given(anything, anything)
def test_equal_and_different_are_never_both_said_of_a_pair(one, other):
    assert {result(one, other), result(other, one)} != {EQUAL, DIFFERENT}


@repeatable
@given(st.text(min_size=20))
def test_a_reason_quotes_nothing(text):
    assert text not in match(answer_type=EXACT, key="42", answer=text, expressions=NoFinding()).reason


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2000, "[" * 2000, "{" * 2000, "1," * 1000, "[1," * 600, "1+" * 1000, "-" * 2000, "\\frac{" * 300, "\\boxed{" * 280,
        "\\sqrt" * 400, "9" * 2000, "9^" * 1000, "1/" * 1000, "$" * 2000, " " * 2000, "m " * 1000, "a1" * 1000, "true, " * 300,
        "5 " + "mmmmmmm" * 280, "1" + "0" * 1999, "(" * 900 + "1" + ")" * 900, "!" * 2000, "5" + "!" * 1999, "x=" * 1000, "*" * 2000,
        "10**10**10", "10^{10^{10}}", "9!!!!", "1e999999999", "1/0", "0^-1", "x" * 100_000, "9" * 100_000, "(" * 100_000, "5 m" * 30_000,
        "\x00" * 2000, "\ud800" * 2000, "\u202e5", "is 5 " * 400, "a<" * 1000, "\\begin{pmatrix}" * 100, "[[" + "1.5 m, " * 30 + "2]]",
    ],
)  # fmt: skip
def test_hostile_text_takes_little_processor_time(text):
    started = time.process_time()

    result("42", text)
    result("[1, 2]", text)
    result(text, "42")
    choose(text)
    extract(text * 20)
    canonical(answer_type=EXACT, answer=text)
    result("42", "7 m", question=text * 20)

    # A hundredth of this is usual; what grows with the square of the length takes minutes.
    assert time.process_time() - started < 5


def test_naughty_strings_are_all_answered():
    folder = Path(os.environ.get("HLE_SAMPLE_DATA", "sample-data-not-given"))
    if not folder.is_dir():
        pytest.skip("HLE_SAMPLE_DATA does not name a folder with the sample data")
    naughty = json.loads((folder / "hostile" / "naughty_strings.json").read_text(encoding="utf-8"))

    for text in naughty:
        assert result(text, text) is (EQUAL if words(text) else UNDECIDED)
        assert result("Paris", text) is not EQUAL
        assert choose(text) in Result
        extract(f"Answer: {text}\nConfidence: 50%")
