"""Texts of others inside a prompt: fenced, every line marked, nothing hidden; and whether a quotation occurs in a text.

A fence carries a boundary that is drawn for each prompt, and no line of data can look like one, because each starts with
the mark. What a reader would not see (zero-width and bidirectional characters, tags, fillers, controls) is spelled out, so
that judge and person read the same text. This keeps data apart from instructions; it cannot make a model heed that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MARK = "| "
_BOUNDARY = re.compile(r"[A-Za-z0-9_-]{16,128}")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SPELLED = re.compile("<U\\+[0-9A-F]{4,6}>")
_DASHES = str.maketrans(dict.fromkeys("−‐‑‒–—", "-"))
# Numbers with their sign and places, words, and symbols one by one; punctuation and the dress of formulas do not count.
_TOKEN = re.compile(
    r"-?\d+(?:[.,]\d+)*|[^\W\d_]+|[^\w\s!-/:-@\[-`{-~\u00a0-\u00bf\u2010-\u2027\u2030-\u205e\u3001-\u3003]"
)


def visible(text: str) -> str:
    """The text with line ends as line feeds and each character that does not show written as <U+...>."""
    return _HIDDEN.sub(_spell, text.replace("\r\n", "\n"))


def fenced(boundary: str, parts: Sequence[tuple[str, str]]) -> str:
    """Named texts, each after a line with the boundary and its name, every line marked, and a last line that ends them.

    Raises ValueError when the boundary is not 16 to 128 letters, digits, - or _, or occurs in a text.
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise ValueError("boundary must be 16 to 128 letters, digits, - or _")
    if any(boundary in text for _name, text in parts):
        raise ValueError("boundary occurs in the quoted data")
    lines = []
    for name, text in parts:
        lines += [_fence(boundary, name), *(MARK + line for line in visible(text).split("\n"))]
    return "\n".join([*lines, _fence(boundary, "END")])


def unfenced(text: str, names: Sequence[str]) -> list[str] | None:
    """The texts of the first fenced block with these names, as `visible` left them; None if there is none."""
    opening = re.search(rf"^===({_BOUNDARY.pattern}) {re.escape(names[0])}$", text, re.MULTILINE)
    if opening is None:
        return None
    found, rest = [], text[opening.end() + 1 :]
    for name in [*names[1:], "END"]:
        inside, mark, rest = rest.partition(f"\n{_fence(opening[1], name)}\n")
        lines = inside.split("\n")
        if not mark or not all(line.startswith(MARK) for line in lines):
            return None
        found.append("\n".join(line.removeprefix(MARK) for line in lines))
    return found


def tokens(text: str) -> list[str]:
    """What counts in a text when it is looked for in another: words without case, numbers, symbols."""
    plain = unicodedata.normalize("NFKC", _HIDDEN.sub("", _SPELLED.sub("", text))).translate(_DASHES)
    return _TOKEN.findall(plain.replace("{,}", ",").casefold())


def occurs(quotation: str, text: str) -> bool:
    """Whether all that counts in a quotation stands in the text, in this order and without gaps; False if nothing does."""
    wanted, given = tokens(quotation), tokens(text)
    n = len(wanted)
    return n > 0 and any(given[at : at + n] == wanted for at in range(len(given) - n + 1))


def _spell(found: re.Match[str]) -> str:
    return f"<U+{ord(found[0]):04X}>"


def _fence(boundary: str, name: str) -> str:
    return f"==={boundary} {name}"
