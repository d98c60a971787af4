"""Plain arithmetic in words, signs or LaTeX, worked out exactly; anything else is not understood."""

import math
import re
from fractions import Fraction

MAX_CHARS = 200
MAX_BITS = 4096
MAX_FACTORIAL = 300
MAX_DEPTH = 50
MAX_DECIMALS = 12

# Applied in order: wording around the task, then words and LaTeX to signs.
REWRITES = [
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"[?.\s]+$", ""),
        (r"\\(?:left|right|displaystyle|,|;|!)", " "),
        (r"\\[()\[\]]|\$", " "),
        (r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"((\1)/(\2))"),
        (r"\\sqrt\s*\{([^{}]*)\}", r" sqrt(\1)"),
        (r"\\(?:times|cdot)|[×·⋅]", "*"),
        (r"\\div|÷", "/"),
        (r"[−–]", "-"),
        (r"\^\s*\{([^{}]*)\}", r"^(\1)"),
        (r"(?<=\d),(?=\d{3}(?!\d))", ""),
        (r"^\s*please\b", " "),
        (r"^\s*(?:what(?:'s| is| are| does)|how much (?:is|are)|find|work out|simplify|solve)\b", " "),
        (r"^\s*(?:compute|calculate|evaluate|determine)\b", " "),
        (r"\b(?:the )?(?:exact )?(?:value|result|answer) (?:of|to)\b", " "),
        (r"\b(?:equals?|equal to|make|give)\b|=", " "),
        (r"\bthe square root of\s+(\d+(?:\.\d+)?)|\bsquare root of\s+(\d+(?:\.\d+)?)", r" sqrt(\1\2)"),
        (r"\b(?:the )?sum of\s+(\S+)\s+and\s+(\S+)", r"(\1)+(\2)"),
        (r"\b(?:the )?product of\s+(\S+)\s+and\s+(\S+)", r"(\1)*(\2)"),
        (r"\b(?:the )?factorial of\s+(\d+)", r"(\1)!"),
        (r"\bto the power of\b|\bto the power\b|\*\*", "^"),
        (r"\bsquared\b", "^2"),
        (r"\bcubed\b", "^3"),
        (r"(?:%|\bpercent)\s+of\b", "/100*"),
        (r"\bplus\b", "+"),
        (r"\bminus\b", "-"),
        (r"\btimes\b|\bmultiplied by\b", "*"),
        (r"\bdivided by\b|\bover\b", "/"),
        (r"\bfactorial\b", "!"),
        (r"[?.\s]+$", ""),
    )
]
TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|sqrt|[-+*/^!()])")


class NotArithmetic(ValueError):
    """The text is no arithmetic, or none that is worked out here."""


def solve(text: str) -> str | None:
    """The exact result as an integer, a finite decimal or a fraction; None when the text is not plain arithmetic."""
    if len(text) > MAX_CHARS:
        return None
    for pattern, replacement in REWRITES:
        text = pattern.sub(replacement, text)
    try:
        tokens = _tokens(text)
        return _written(_Parser(tokens).result())
    except (NotArithmetic, ZeroDivisionError):
        return None


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise NotArithmetic(text)
        tokens.append(match[1])
        position = match.end()
    if not any(token in ("+", "-", "*", "/", "^", "!", "sqrt") for token in tokens):
        raise NotArithmetic("nothing to work out")
    return tokens


class _Parser:
    """Recursive descent over sum, product, sign, power, factorial and atom; every step bounded."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    def result(self) -> Fraction:
        value = self._sum()
        if self.position != len(self.tokens):
            raise NotArithmetic("left over")
        return value

    def _take(self, *wanted: str) -> str | None:
        if self.position < len(self.tokens) and self.tokens[self.position] in wanted:
            self.position += 1
            return self.tokens[self.position - 1]
        return None

    def _sum(self) -> Fraction:
        value = self._product()
        while sign := self._take("+", "-"):
            other = self._product()
            value = _bounded(value + other if sign == "+" else value - other)
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while sign := self._take("*", "/"):
            other = self._signed()
            value = _bounded(value * other if sign == "*" else value / other)
        return value

    def _signed(self) -> Fraction:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotArithmetic("too deep")
        value = -self._signed() if self._take("-") else self._power()
        self.depth -= 1
        return value

    def _power(self) -> Fraction:
        base = self._factorial()
        return _power(base, self._signed()) if self._take("^") else base

    def _factorial(self) -> Fraction:
        value = self._atom()
        while self._take("!"):
            if value.denominator != 1 or not 0 <= value <= MAX_FACTORIAL:
                raise NotArithmetic("factorial out of range")
            value = Fraction(math.factorial(int(value)))
        return value

    def _atom(self) -> Fraction:
        if self._take("sqrt"):
            return _root(self._atom())
        if self._take("("):
            value = self._sum()
            if not self._take(")"):
                raise NotArithmetic("open bracket")
            return value
        if self.position < len(self.tokens) and self.tokens[self.position][0].isdigit():
            self.position += 1
            return Fraction(self.tokens[self.position - 1])
        raise NotArithmetic("a number is missing")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if exponent.denominator != 1 or abs(exponent) * bits > MAX_BITS:
        raise NotArithmetic("exponent out of range")
    return base ** int(exponent)


def _root(value: Fraction) -> Fraction:
    if value < 0:
        raise NotArithmetic("root of a negative number")
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    if root * root != value:
        raise NotArithmetic("not a square")
    return root


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise NotArithmetic("too large")
    return value


def _written(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    for decimals in range(1, MAX_DECIMALS + 1):
        scaled = value * 10**decimals
        if scaled.denominator == 1:
            sign, digits = "-" * (value < 0), str(abs(scaled.numerator)).rjust(decimals + 1, "0")
            return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
    return f"{value.numerator}/{value.denominator}"
