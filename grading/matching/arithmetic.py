r"""Values of small closed forms: integers, decimals, fractions, powers, factorials, roots, pi and e, in plain or
LaTeX notation.

Rational results are exact; a form with a root, pi or e is worked out to 40 digits and marked as such. What is ambiguous
(`1/2pi`, `3 1/2`, the range `5-6`, the date `1/2/3`, `007`) or large has no value here.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from grading.matching.text import closing_brace

MAX_CHARS = 300
MAX_BITS = 4096
MAX_DEPTH = 40
_DIGITS = 40
_SCALE = 10**_DIGITS
_PI = Fraction("3.14159265358979323846264338327950288419716939937510582")
_E = Fraction("2.71828182845904523536028747135266249775724709369995957")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)|(?P<name>sqrt|pi|e(?![A-Za-z]))|(?P<sign>[-+*/^()!]))"
)
_THOUSANDS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")
_AMBIGUOUS = re.compile(
    r"\s*[0-9.]+(?:\s?-\s?[0-9.]+)+\s*|\s*[0-9.]+(?:\s?/\s?[0-9.]+){2,}\s*|.*(?<![0-9.])0[0-9].*|.*[0-9]\s*\\frac\s*\{?\s*[0-9].*"
)
_SHORT_FRACTION = re.compile(r"\\frac\s*([0-9])\s*([0-9])(?![0-9])")
_REPLACEMENTS = (
    (r"\cdot", "*"),
    (r"\times", "*"),
    (r"\div", "/"),
    (r"\pi", " pi "),
    (r"\sqrt", "sqrt"),
    ("**", "^"),
    ("×", "*"),
    ("·", "*"),
    ("⋅", "*"),
    ("∗", "*"),
    ("÷", "/"),
    ("⁄", "/"),
    ("√", "sqrt"),
    ("π", " pi "),
    ("{", "("),
    ("}", ")"),
)


class Value(NamedTuple):
    """A worked-out form: exact if rational, else correct to 40 digits. `has_decimals` if a decimal literal went in."""

    number: Fraction
    is_rational: bool
    has_decimals: bool = False


class _NoValueError(ValueError):
    """Not a closed form, ambiguous, or too large."""


def is_ambiguous(text: str) -> bool:
    """Whether the text looks like a range, a date, a mixed number or a code, which arithmetic would misread."""
    return bool(_AMBIGUOUS.fullmatch(text))


def evaluate(text: str) -> Value | None:
    """Value of the cleaned text as a closed form, or None. Never raises on text."""
    if len(text) > MAX_CHARS or is_ambiguous(text):
        return None
    try:
        return _Reader(_plain(text)).read()
    except (_NoValueError, ZeroDivisionError, OverflowError):
        return None


def _plain(text: str) -> str:
    text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    text = _fractions(_SHORT_FRACTION.sub(r"((\1)/(\2))", text))
    for source, target in _REPLACEMENTS:
        text = text.replace(source, target)
    return text.strip()


def _fractions(text: str, depth: int = 0) -> str:
    r"""Text with `\frac{a}{b}` written as `((a)/(b))`."""
    start = text.find(r"\frac{")
    if start < 0 or depth > MAX_DEPTH:
        return text
    middle = closing_brace(text, start + 5)
    if middle is None or text[middle + 1 : middle + 2] != "{":
        raise _NoValueError(text)
    end = closing_brace(text, middle + 1)
    if end is None:
        raise _NoValueError(text)
    upper, lower = text[start + 6 : middle], text[middle + 2 : end]
    return _fractions(f"{text[:start]}(({upper})/({lower})){text[end + 1 :]}", depth + 1)


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _NoValueError(text)
        tokens.append(found[0].strip())
        position = found.end()
    return tokens


class _Reader:
    """Recursive descent over the tokens: sum, product, power, atom."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.position = 0
        self.depth = 0

    def read(self) -> Value:
        value = self._sum()
        if self.position != len(self.tokens):
            raise _NoValueError(self._next())
        return value

    def _next(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def _take(self) -> str:
        symbol = self._next()
        self.position += 1
        return symbol

    def _sum(self) -> Value:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _NoValueError("too deep")
        value = self._product()
        while self._next() in {"+", "-"}:
            operation = operator.add if self._take() == "+" else operator.sub
            value = _join(value, self._product(), operation)
        self.depth -= 1
        return value

    def _product(self) -> Value:
        value, divided = self._power(), False
        while True:
            symbol = self._next()
            if symbol == "/":
                divided = True
                self._take()
                value = _join(value, self._power(), operator.truediv)
            elif symbol == "*":
                divided = False
                self._take()
                value = _join(value, self._power(), operator.mul)
            elif symbol == "(" or symbol in {"sqrt", "pi", "e"}:
                # 1/2pi is read both as pi/2 and as 1/(2 pi).
                if divided:
                    raise _NoValueError("ambiguous product")
                value = _join(value, self._power(), operator.mul)
            else:
                return value

    def _power(self) -> Value:
        if self._next() in {"+", "-"}:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise _NoValueError("too deep")
            sign = 1 if self._take() == "+" else -1
            value = self._power()
            self.depth -= 1
            return value._replace(number=sign * value.number)
        base = self._atom()
        if self._next() == "^":
            self._take()
            return _raise(base, self._power())
        return base

    def _atom(self) -> Value:
        symbol = self._take()
        if symbol == "(":
            value = self._sum()
            if self._take() != ")":
                raise _NoValueError("open parenthesis")
        elif symbol == "sqrt":
            value = _root(self._atom())
        elif symbol in {"pi", "e"}:
            value = Value(_PI if symbol == "pi" else _E, is_rational=False)
        elif symbol[:1].isdigit() or symbol[:1] == ".":
            value = Value(Fraction(symbol), is_rational=True, has_decimals="." in symbol)
        else:
            raise _NoValueError(symbol)
        while self._next() == "!":
            self._take()
            value = _factorial(value)
        return value


def _join(left: Value, right: Value, operation: Callable[[Fraction, Fraction], Fraction]) -> Value:
    number = operation(left.number, right.number)
    is_rational = left.is_rational and right.is_rational
    return _bounded(Value(number, is_rational, left.has_decimals or right.has_decimals))


def _bounded(value: Value) -> Value:
    if value.number.numerator.bit_length() > MAX_BITS or value.number.denominator.bit_length() > MAX_BITS:
        raise _NoValueError("too large")
    return value


def _raise(base: Value, exponent: Value) -> Value:
    if exponent.number == Fraction(1, 2) and exponent.is_rational:
        return _root(base)
    if exponent.number.denominator != 1 or not exponent.is_rational:
        raise _NoValueError("not a whole exponent")
    power = int(exponent.number)
    size = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
    if abs(power) * size > MAX_BITS:
        raise _NoValueError("too large")
    return _bounded(base._replace(number=base.number**power))


def _root(value: Value) -> Value:
    if value.number < 0:
        raise _NoValueError("root of a negative number")
    upper, lower = math.isqrt(value.number.numerator), math.isqrt(value.number.denominator)
    if value.is_rational and Fraction(upper**2, lower**2) == value.number:
        return value._replace(number=Fraction(upper, lower))
    # Scaled so that even a tiny radicand keeps 40 digits.
    shift = _SCALE * value.number.denominator
    root = Fraction(math.isqrt(value.number.numerator * value.number.denominator * _SCALE**2), shift)
    return Value(root, is_rational=False, has_decimals=value.has_decimals)


def _factorial(value: Value) -> Value:
    if value.number.denominator != 1 or not value.is_rational or not 0 <= value.number <= 300:
        raise _NoValueError("no factorial")
    return _bounded(value._replace(number=Fraction(math.factorial(int(value.number)))))
