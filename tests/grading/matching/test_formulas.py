"""Formulas, and the processes in which they are compared."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grading.matching import ExpressionPool, Match, match
from grading.matching.expressions import WORKER, Finding
from tests.grading.matching.pairs import (
    DIFFERENT,
    EQUAL,
    EXACT,
    UNDECIDED,
    NoFinding,
    result,
)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("(x+1)^2", "x^2 + 2x + 1"),
        ("$\\frac{x+1}{2}$", "(x+1)/2"),
        ("y = 3x + 2", "3x+2"),
        ("\\binom{5}{2}", "10"),
        ("3", "\\log_2 8"),
        ("0.693", "\\ln 2"),
        ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}"),
        ("e^{x}", "e^x"),
    ],
)
def test_formulas_equal(pool, key, answer):
    assert result(key, answer, pool) is EQUAL


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("(x+1)^2", "x^2 + 1"),
        ("2x + a", "2X + A"),
        ("y = 3x + 2", "z = 3x + 2"),
        ("3x \\text{ cm}", "3x \\text{ m}"),
        ("\\log 2", "\\ln 2"),
        ("0.1", "\\frac{20}{2} \\text{ cm}"),
        ("0.5", "\\sin(30^\\circ)"),
        ("x^2", "x^{2"),
        ("x^2 + C", "x^2"),
        ("5", "5-6"),
        ("11", "5 6"),
        ("\\alpha", "\\beta"),
    ],
)
def test_formulas_in_doubt_go_to_the_judge(pool, key, answer):
    assert result(key, answer, pool) is UNDECIDED


def test_a_number_behind_a_formula_is_compared_by_the_rule_for_numbers(pool):
    assert result("42", "\\binom{5}{2}", pool) is DIFFERENT
    assert match(answer_type=EXACT, key="10", answer="\\binom{5}{2}", expressions=pool).rule == "expression"


def test_a_formula_without_a_process_is_undecided():
    assert match(answer_type=EXACT, key="(x+1)^2", answer="x^2+2x+1", expressions=NoFinding()) == Match(
        UNDECIDED, "expression", "no comparison process was free"
    )


def test_an_endless_formula_is_stopped_and_the_next_one_served():
    pool = ExpressionPool(size=1, timeout_s=1.0)
    try:
        pool.compare("x", "x")
        stopped = pool.compare("9^{9^{9}}", "x")
        served = pool.compare("x + x", "2x")
    finally:
        pool.close()

    assert stopped == Finding(problem="the comparison was stopped")
    assert served.equal


def test_a_formula_that_wants_too_much_memory_does_not_hurt_us():
    pool = ExpressionPool(size=1, timeout_s=5.0)
    try:
        found = pool.compare("(10^8)! x", "(10^8)! x")
    finally:
        pool.close()

    assert not found.equal


def test_formulas_are_compared_from_many_threads():
    pool = ExpressionPool(size=2, timeout_s=20.0, wait_s=60.0)
    pairs = [(f"(x+{number})^2", f"x^2 + {2 * number}x + {number**2}") for number in range(12)]
    try:
        with ThreadPoolExecutor(8) as threads:
            findings = list(threads.map(lambda pair: pool.compare(*pair), pairs))
    finally:
        pool.close()

    assert [finding.equal for finding in findings] == [True] * 12


def test_a_caller_does_not_wait_for_ever():
    pool = ExpressionPool(size=1, wait_s=0.05)

    with pool._slots:
        found = pool.compare("x", "x")

    assert found == Finding(problem="no comparison process was free")


def test_close_leaves_no_process_and_the_pool_can_be_used_again():
    others = _children()
    pool = ExpressionPool(size=1)
    pool.compare("x", "x")
    pool.close()

    assert pool.compare("x", "x").equal
    pool.close()
    assert _children() == others


def test_the_child_sees_no_secrets(monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "x")
    others = _children()
    pool = ExpressionPool(size=1)
    try:
        pool.compare("x", "x")
        (child,) = _children() - others
        environment = Path(f"/proc/{child}/environ").read_bytes()
    finally:
        pool.close()

    assert b"SECRET_OF_THE_PARENT" not in environment


def _children():
    """Process ids of the comparison processes of this process."""
    listed = (task / "children" for task in Path("/proc/self/task").iterdir())
    children = [int(pid) for path in listed for pid in path.read_text().split()]
    return {pid for pid in children if str(WORKER) in Path(f"/proc/{pid}/cmdline").read_text()}


@pytest.mark.parametrize("answer", ["-2t^2 e^{-t^2}", "x^2 + 1", "\\frac{1}{x+1}", "\\sqrt{y} + 3"])
def test_a_formula_with_a_variable_is_no_number(pool, answer):
    assert match(answer_type=EXACT, key="0.38", answer=answer, expressions=pool)[:2] == (DIFFERENT, "expression")


@pytest.mark.parametrize(
    "answer", ["5t", "t", "3 t_0", "\\sqrt{2gh}", "\\sin^2 x + \\cos^2 x", "2g + c", "\\frac{m}{3} + 1"]
)
def test_a_formula_whose_letters_may_be_known_is_left_to_the_judge(pool, answer):
    assert result("0.38", answer, pool) is UNDECIDED
