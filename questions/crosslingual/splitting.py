"""Text cut into words of a language and what is no word: digits, marks, LaTeX commands, all parts of formulas."""

import re
import unicodedata
from typing import NamedTuple

LONGEST_FORMULA = 1000

_MARKS = "".join(chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code))[0] == "M")
WORD = rf"[^\W\d_](?:[^\W\d_]|[{_MARKS}])*"
_PIECE = re.compile(rf"\\[A-Za-z]+|\d|{WORD}|\S")
# As pandoc reads a dollar: "$5 and $6" holds no formula, since a space stands before the second one.
FORMULA = re.compile(
    r"\$\$(?:\\.|[^$\\])+\$\$|\$(?!\s)(?:\\.|[^$\\])+(?<!\s)\$(?!\d)"
    rf"|\\\(.{{1,{LONGEST_FORMULA}}}?\\\)|\\\[.{{1,{LONGEST_FORMULA}}}?\\\]",
    re.DOTALL,
)


class Piece(NamedTuple):
    """A word, or something that is no word of a language: a digit, a mark, a part of a formula."""

    text: str
    is_word: bool


def normalise(text: str) -> str:
    """Return the text in Unicode form NFKC with the digits of all scripts as 0 to 9."""
    text = unicodedata.normalize("NFKC", text)
    return re.sub(r"[^\W0-9_a-zA-Z]", lambda found: _digit(found.group()), text)


def _digit(char: str) -> str:
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


def pieces(text: str) -> list[Piece]:
    """Return the words and other pieces of a text in order, spaces left out."""
    text = normalise(text)
    found: list[Piece] = []
    end = 0
    for formula in FORMULA.finditer(text):
        found += _outside(text[end : formula.start()])
        found += [Piece(part, is_word=False) for part in _PIECE.findall(formula.group())]
        end = formula.end()
    return found + _outside(text[end:])


def _outside(text: str) -> list[Piece]:
    return [Piece(part, part[0].isalpha()) for part in _PIECE.findall(text)]
