"""Which option of a multiple-choice question an answer names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grading.matching.text import unwrap, words

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_INTRODUCTION = re.compile(
    r"^(?:the )?(?:(?:final|correct|right|best) )?(?:answer|option|choice|letter)(?: (?:option|choice|letter))?"
    r"(?: is)?\s?:?\s?(?:option |choice |letter )?",
    re.IGNORECASE,
)
_LETTER = re.compile(
    r"^[(\[{]?(?P<letter>[A-Za-z])[)\]}]?(?:$|[.):,;-]+(?=\s|$)|(?<=[)\]}]))\s*(?P<rest>.*)$", re.DOTALL
)


def named_letter(answer: str, options: Sequence[str]) -> str | None:
    """Letter of the one option that the answer names by letter, by text, or by both in agreement; else None."""
    body = unwrap(answer).rstrip(" .,;:")
    body = unwrap(_INTRODUCTION.sub("", body, count=1)) or body
    found, by_text = _LETTER.match(body), _letter_of_text(body, options)
    if found is None:
        # "A cat" may be option A, or the text of another option with its article.
        return None if body.startswith("A ") and by_text != "A" else by_text
    letter, rest = found["letter"].upper(), found["rest"].strip()
    if by_text:
        return by_text if by_text == letter else None
    if options and LETTERS.index(letter) >= len(options):
        return None
    if rest and _letter_of_text(rest, options) != letter:
        return None
    return letter


def _letter_of_text(text: str, options: Sequence[str]) -> str | None:
    wanted = words(text).casefold()
    matching = [letter for letter, option in zip(LETTERS, options, strict=False) if words(option).casefold() == wanted]
    return matching[0] if len(matching) == 1 and wanted else None
