"""Lists, sets, intervals and matrices: key, answer, and what is decided or left to the judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grading.matching.pairs import (
    DIFFERENT,
    EQUAL,
    UNDECIDED,
    repeatable,
    result,
)


@pytest.mark.parametrize(
    ("key", "answer", "expected"),
    [
        ("[1, 2, 3]", "[1,2,3]", EQUAL),
        ("[1, 2, 3]", "(1, 2, 3)", EQUAL),
        ("[1, 2, 3]", "1, 2, and 3", EQUAL),
        ("[1.0, 0.25]", "[1, 1/4]", EQUAL),
        ("{1, 2}", "\\{2, 1\\}", EQUAL),
        ("{1, 2}", "2 and 1", EQUAL),
        ("{-1, 1}", "\\pm 1", EQUAL),
        ("[3]", "3", EQUAL),
        ("(1, (2, 3))", "(1, (2.0, 3))", EQUAL),
        ("x \\in {1, 2}", "{1, 2}", EQUAL),
        ("red, blue", "Red, blue", EQUAL),
        ("red, blue", "red, azure", UNDECIDED),  # unequal words are never settled here
        ("[1, 2]", "[2, 1]", UNDECIDED),
        ("[0, 1]", "(0, 1)", UNDECIDED),
        ("[0, 1)", "0 <= x < 1", EQUAL),
        ("[0, 1)", "0 \\leq x < 1", EQUAL),
        ("(0, 1)", "0 < x < 2", DIFFERENT),
        ("(0, \\infty)", "(0, ∞)", EQUAL),
        ("(0, \\infty)", "(-\\infty, \\infty)", DIFFERENT),
        ("(0, \\infty)", "(0, 7)", DIFFERENT),
        ("[0, 0, 1, 1]", "[1, 0, 0, 0]", DIFFERENT),
        ("[0, 0, 1, 1]", "[1, 1, 0, 0]", UNDECIDED),
        ("[1, 2]", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", EQUAL),
        ("[[1, 2], [3, 4]]", "\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}", EQUAL),
        ("[[1, 2], [3, 4]]", "\\begin{bmatrix} 1 & 2 \\\\ 3 & 7 \\end{bmatrix}", DIFFERENT),
        ("[[1, 2], [3, 4]]", "\\begin{bmatrix} 1 & 3 \\\\ 2 & 4 \\end{bmatrix}", DIFFERENT),
        ("[0, 1)", "[0, 1]", UNDECIDED),
        ("{1, 1, 2}", "{1, 2}", UNDECIDED),
        ("[1, 2]", "[1.04, 2]", UNDECIDED),
        ("[1, 2]", "the roots are 1 and 2", UNDECIDED),
        ("[1, 2]", "5, 10, so the roots are 1 and 2", UNDECIDED),
        ("[1000, 2000]", "1,000, 2,000", UNDECIDED),
        ("[1, 2]", "[1, 2", UNDECIDED),
        ("[1, 2]", "[1, 5]", DIFFERENT),
        ("[1, 2]", "[1, 2, 3]", DIFFERENT),
        ("{1, 2}", "{1, 2, 3}", DIFFERENT),
        ("[1, 2, 3]", "[1, 2]", DIFFERENT),
        ("[1, -1]", "-1", DIFFERENT),
        ("[[1, 2], [3, 4]]", "[[1, 2], [3, 9]]", DIFFERENT),
    ],
)
def test_lists(key, answer, expected):
    assert result(key, answer) is expected


@repeatable
@given(st.lists(st.integers(min_value=-99, max_value=99), min_size=2, max_size=6))
def test_a_list_equals_itself_in_any_brackets_a_set_in_any_order(numbers):
    listed = ", ".join(map(str, numbers))

    assert result(f"[{listed}]", f"[ {listed} ]") is EQUAL
    assert result(f"{{{listed}}}", f"{{{', '.join(map(str, reversed(numbers)))}}}") is not DIFFERENT
