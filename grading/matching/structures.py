"""Lists, tuples, sets, intervals, matrices and bare enumerations, read and compared element by element."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from grading.matching.quantities import Nearness
from grading.matching.text import words

MAX_ELEMENTS = 40
MAX_NESTING = 4
_OPENING, _CLOSING = "([{", ")]}"
_ASSIGNMENT = re.compile(r"^\\?[A-Za-z]\w{0,11}\s?(?:=|\\in|∈)\s?(?=[\[({\\])")
_AND = re.compile(r",?\s+(?:and|or)\s+|\s?;\s?")
_PLUS_MINUS = re.compile(r"^(?:\\pm|±|\+/-|\+-)\s?(?P<number>[^\s±].*)$")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9][0-9.]*,[0-9]+")
# 1,000 among commas with spaces, or before a group that starts with 0: one number, or two elements?
_SEPARATOR_OR_COMMA = re.compile(r"(?<![0-9])[0-9]{1,3},[0-9]{3}(?![0-9])")
_INFINITY = re.compile(r"(?P<sign>[-+]?)\s?(?:\\infty|\\infin|∞|infinity|inf|oo)$", re.IGNORECASE)
_BOUND = r"[^<>≤≥,()\[\]{}]{1,40}"
_CHAIN = re.compile(rf"(?P<low>{_BOUND}?)\s?(?P<left><=?|≤)\s?[A-Za-z]\w?\s?(?P<right><=?|≤)\s?(?P<high>{_BOUND})")
_AT_MOST = ((r"\leqslant", "≤"), (r"\leq", "≤"), (r"\le ", "≤ "), (r"\lt", "<"), ("<=", "≤"))
_MATRIX = re.compile(r"\\begin\{(?P<kind>[pbBv]?matrix)\}(?P<body>.*)\\end\{(?P=kind)\}", re.DOTALL)


class Listing(NamedTuple):
    """Elements between a pair of brackets; brackets are empty for a bare enumeration."""

    brackets: str
    elements: tuple[str, ...]

    @property
    def is_set(self) -> bool:
        return self.brackets == "{}"

    @property
    def may_be_interval(self) -> bool:
        return len(self.elements) == 2 and self.brackets in {"()", "[]", "[)", "(]"}


def read(text: str) -> Listing | None:
    """The listing that the whole text is, or None. `1,5` is none: it may be a decimal comma."""
    body = _ASSIGNMENT.sub("", words(text).replace(r"\{", "{").replace(r"\}", "}"), count=1)
    special = _matrix(body) or _inequality(body)
    if special:
        return special
    signed = _PLUS_MINUS.match(body)
    if signed:
        return Listing("{}", (signed["number"], f"-({signed['number']})"))
    if body[:1] in _OPENING and body[-1:] in _CLOSING and _encloses(body):
        elements = _split(body[1:-1])
        return Listing(body[0] + body[-1], elements) if elements and (len(elements) > 1 or body[0] != "(") else None
    if _DECIMAL_COMMA.fullmatch(body):
        return None
    elements = _split(_AND.sub(", ", body))
    return Listing("", elements) if elements and len(elements) > 1 else None


def compare(key: Listing, answer: Listing, compare_elements: Callable[[str, str], Nearness]) -> Nearness:
    """Whether the answer lists what the key lists; see the rules in the package's docstring."""
    if key.may_be_interval and answer.may_be_interval and key.brackets != answer.brackets:
        return Nearness.UNDECIDED
    grid = [[compare_elements(one, other) for other in answer.elements] for one in key.elements]
    # An element that nothing can be said about is words around the list, or holds the one that seems to be missing.
    if any({row[column] for row in grid} == {Nearness.UNDECIDED} for column in range(len(answer.elements))):
        return Nearness.UNDECIDED
    if any(set(row) == {Nearness.DIFFERENT} for row in grid):
        return Nearness.DIFFERENT
    if len(key.elements) != len(answer.elements):
        # {1, 1, 2} and {1, 2} are the same set, but not the same multiplicities.
        return Nearness.UNDECIDED if _covers(grid) else Nearness.DIFFERENT
    if all(row[position] is Nearness.EQUAL for position, row in enumerate(grid)):
        return Nearness.EQUAL
    if key.is_set and _is_permutation(grid):
        return Nearness.EQUAL
    # In the wrong order it may still be what was asked for; in no order it is not.
    return Nearness.UNDECIDED if _can_be_paired(grid) else Nearness.DIFFERENT


def contains(listing: Listing, key: str, compare_elements: Callable[[str, str], Nearness]) -> bool:
    """Whether any element may be the single value `key`."""
    return any(compare_elements(key, element) is not Nearness.DIFFERENT for element in listing.elements)


def infinity(text: str) -> str:
    """`+` or `-` if the text is an infinity, else nothing."""
    found = _INFINITY.match(words(text))
    return (found["sign"] or "+") if found else ""


def _matrix(body: str) -> Listing | None:
    """A LaTeX matrix as a list of its rows; a single row or column as one list."""
    found = _MATRIX.fullmatch(body)
    if found is None or r"\begin" in found["body"]:
        return None
    rows = [[cell.strip() for cell in row.split("&")] for row in found["body"].split("\\\\") if row.strip()]
    if (
        not rows
        or any(len(row) != len(rows[0]) or not all(row) for row in rows)
        or len(rows) * len(rows[0]) > MAX_ELEMENTS
    ):
        return None
    if min(len(rows), len(rows[0])) == 1:
        return Listing("[]", tuple(cell for row in rows for cell in row))
    return Listing("[]", tuple(f"[{', '.join(row)}]" for row in rows))


def _inequality(body: str) -> Listing | None:
    """`0 < x <= 1` as the interval (0, 1]."""
    for source, target in _AT_MOST:
        body = body.replace(source, target)
    found = _CHAIN.fullmatch(body)
    if found is None:
        return None
    brackets = ("(" if found["left"] == "<" else "[") + (")" if found["right"] == "<" else "]")
    return Listing(brackets, (found["low"].strip(), found["high"].strip()))


def _can_be_paired(grid: Sequence[Sequence[Nearness]]) -> bool:
    """Whether every element of the key can have an element of the answer to itself that it may be (augmenting paths)."""
    partner: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column, nearness in enumerate(grid[row]):
            if nearness is not Nearness.DIFFERENT and column not in tried:
                tried.add(column)
                if column not in partner or place(partner[column], tried):
                    partner[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(grid)))


def _covers(grid: Sequence[Sequence[Nearness]]) -> bool:
    """Whether every element of the answer may be one of the key's."""
    return all(any(row[column] is not Nearness.DIFFERENT for row in grid) for column in range(len(grid[0])))


def _is_permutation(grid: Sequence[Sequence[Nearness]]) -> bool:
    rows = [row.count(Nearness.EQUAL) for row in grid]
    columns = [sum(row[column] is Nearness.EQUAL for row in grid) for column in range(len(grid))]
    return set(rows) == set(columns) == {1}


def _encloses(body: str) -> bool:
    """Whether the first and the last bracket belong to each other."""
    depth = 0
    for position, char in enumerate(body):
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0:
            return position == len(body) - 1
    return False


def _split(body: str) -> tuple[str, ...] | None:
    """Elements between outer commas; None when brackets do not match, an element is missing, or a comma is in doubt."""
    elements, depth, start = [], 0, 0
    if _SEPARATOR_OR_COMMA.search(body) and (", " in body or ",0" in body):
        return None
    for position, char in enumerate(body):
        depth += (char in _OPENING) - (char in _CLOSING)
        if char == "," and depth == 0:
            elements.append(body[start:position].strip())
            start = position + 1
        if depth < 0 or depth > MAX_NESTING:
            return None
    elements.append(body[start:].strip())
    return tuple(elements) if depth == 0 and all(elements) and len(elements) <= MAX_ELEMENTS else None
