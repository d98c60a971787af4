"""Child process that parses and compares formulas with math-verify; started by `expressions.py`, never imported.

Reads one JSON object per line, {"key", "answer", "timeout_s"}, and writes one per line. It ends itself by an alarm
when a pair takes too long or nothing is asked for a while, at the end of its input, and by the kernel when it wants
too much memory.
"""

# ruff: noqa: T201 - standard output is the protocol

import json
import logging
import resource
import signal
import sys
from types import ModuleType
from typing import Any

MEMORY_BYTES = 1 << 30
IDLE_S = 300
DIGITS = 40
MIN_NUMBER, MAX_NUMBER = 1e-300, 1e300
POINTS = (("17/13", "5/7"), ("29/11", "3/11"), ("7/19", "23/9"))


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    logging.disable(logging.CRITICAL)
    import math_verify  # slow import, after the limits

    compare(math_verify, "x", "x")
    print(json.dumps({"ready": True}), flush=True)
    signal.alarm(IDLE_S)
    for line in sys.stdin:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, request["timeout_s"])
        reply = compare(math_verify, request["key"], request["answer"])
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(reply), flush=True)
        signal.alarm(IDLE_S)


def compare(math_verify: ModuleType, key: str, answer: str) -> dict[str, Any]:
    """Both formulas as numbers where they are such, and whether they are equal."""
    try:
        one, other = parse(math_verify, key), parse(math_verify, answer)
        return {
            "key": number(one),
            "answer": number(other),
            "variables": variables(other),
            "equal": one is not None and other is not None and equal(math_verify, one, other),
        }
    except Exception as error:  # noqa: BLE001 - the libraries raise anything on rubbish; the pair is then undecided
        return {"key": None, "answer": None, "equal": False, "error": type(error).__name__}


def parse(math_verify: ModuleType, text: str) -> Any:
    """The sympy object that the whole text is, or None."""
    from latex2sympy2_extended import NormalizationConfig

    # Its default throws units away: 3 cm would be 3 m.
    rules = NormalizationConfig(units=False, malformed_operators=True, boxed="none")
    config = math_verify.LatexExtractionConfig(normalization_config=rules)
    found = math_verify.parse(f"${text}$", extraction_config=[config], parsing_timeout=None)
    return found[0] if len(found) == 2 and not isinstance(found[0], str) else None


def number(expression: Any) -> dict[str, Any] | None:
    """Value with 40 digits and whether it is rational and free of decimals; None for what is no real number."""
    import sympy

    if not isinstance(expression, sympy.Expr) or expression.free_symbols:
        return None
    value = expression.doit().evalf(DIGITS)
    if not value.is_Float and not value.is_Integer and not value.is_Rational:
        return None
    if not value.is_finite or (value != 0 and not MIN_NUMBER < abs(value) < MAX_NUMBER):
        return None
    return {"value": str(value), "has_decimals": bool(expression.atoms(sympy.Float))}


def variables(expression: Any) -> list[str]:
    """Names of the symbols with which the value of a sum, a power or a function changes.

    None for a single product of symbols with a number: `5 t` may be 5 in some unit.
    """
    import sympy

    if not isinstance(expression, sympy.Expr) or not expression.free_symbols:
        return []
    _, product = expression.as_coeff_Mul()
    if all(part.as_base_exp()[0].is_Symbol for part in sympy.Mul.make_args(product)):
        return []
    values = [complex(expression.subs(point).doit().evalf(20)) for point in points(expression.free_symbols)]
    changes = all(abs(value - values[0]) > 1e-9 * max(abs(value), abs(values[0])) for value in values[1:])
    return sorted(map(str, expression.free_symbols)) if changes else []


def points(symbols: Any) -> list[dict[Any, Any]]:
    """A few places at which to work out expressions of these symbols."""
    import sympy

    ordered = sorted(symbols, key=str)
    return [
        {symbol: sympy.Rational(start) + index * sympy.Rational(step) for index, symbol in enumerate(ordered)}
        for start, step in POINTS
    ]


def equal(math_verify: ModuleType, one: Any, other: Any) -> bool:
    """Whether math-verify finds both equal in either direction and no sampled point speaks against it."""
    import sympy
    from sympy.core.relational import Relational

    comparable = (sympy.Expr, Relational, sympy.MatrixBase)
    if not isinstance(one, comparable) or not isinstance(other, comparable):
        return False
    is_matrix = isinstance(one, sympy.MatrixBase) and isinstance(other, sympy.MatrixBase)
    # Numbers are compared by their own rule; math-verify rounds them to six places.
    if not is_matrix and not (one.free_symbols and other.free_symbols):
        return False
    if one.atoms(sympy.Float) or other.atoms(sympy.Float):
        return False
    both_ways = math_verify.verify(one, other, timeout_seconds=None) and math_verify.verify(
        other, one, timeout_seconds=None
    )
    return bool(both_ways) and agree(one, other)


def agree(one: Any, other: Any) -> bool:
    """Whether two expressions have the same value wherever both could be worked out, and could be somewhere."""
    import sympy

    if not isinstance(one, sympy.Expr) or not isinstance(other, sympy.Expr):
        return True
    gaps = []
    for point in points(one.free_symbols | other.free_symbols):
        left, right = (complex(side.subs(point).doit().evalf(20)) for side in (one, other))
        gaps.append(abs(left - right) <= 1e-9 * max(abs(left), abs(right), 1e-300))
    return all(gaps)


if __name__ == "__main__":
    main()
