"""Clean an answer of its dress, and compare words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_SUPERSCRIPT_RUN = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_VULGAR = re.compile("([0-9]{0,12})([¼½¾⅐-⅞])")
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]")
_DIGIT_SPACE = re.compile("(?<=[0-9])[\u00a0\u2009\u202f](?=[0-9]{3})")
_PUNCTUATION = str.maketrans(
    {"−": "-", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"}
)
_TEXT_COMMAND = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|mbox|operatorname)\s*\{([^{}]*)\}"
)
_LAYOUT_COMMAND = re.compile(r"\\(?:displaystyle|textstyle|left|right|big|Big|bigg|Bigg|limits|quad|qquad)(?![A-Za-z])")
_MATH_SPACE = re.compile(r"(?<!\\)\\[,;:! ]|~")
_MATH_DELIMITER = re.compile(r"\\?\$\$?|\\\(|\\\)|(?<!\\)\\\[|(?<!\\)\\\]")
_SPACES = re.compile(r"\s+")
_ARTICLE = re.compile(r"^(?:the\s+(?=\w\w)|an?\s+(?=[^\W\d_]{3}))", re.IGNORECASE)
_ANNOUNCED = re.compile(r"^(?:the )?(?:final |exact |correct )?answer(?: is| ?:) ?:? ?", re.IGNORECASE)
_WORD = re.compile(r"\w+")
MAX_BOXES = 20
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_EMPHASIS = re.compile(r"(?<![\w*])(\*\*|__)(?=\S)([^*_]+)(?<=\S)\1(?![\w*])")
_QUOTES = ('"', "'", "`", "**", "__", "*", "_")

TRUE_WORDS = frozenset({"true", "yes"})
FALSE_WORDS = frozenset({"false", "no"})
_BOOLEAN_HEAD = re.compile(r"(true|false|yes|no)\b(?:$|[.,;:!](?! ?[0-9])| - | (?:because|since)\b)", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:true|false|yes|no|not|nor|neither|cannot|however|but|although|if|when|only|unless|except|depends|assuming"
    r"|provided|sometimes|otherwise)\b|n't\b",
    re.IGNORECASE,
)


def unwrap(text: str) -> str:
    r"""Text without invisible characters, markdown emphasis, math delimiters, `\text{}` and `\boxed{}`."""
    text = _unbox(_INVISIBLE.sub("", text)).strip()
    text = _VULGAR.sub(_spell_vulgar, _EMPHASIS.sub(r"\2", text))
    text = _SUPERSCRIPT_RUN.sub(lambda run: f"^({''.join(_SUPERSCRIPTS[char] for char in run[0])})", text)
    text = _DIGIT_SPACE.sub("", text).replace("{,}", ",")
    text = unicodedata.normalize("NFKC", text).translate(_PUNCTUATION)
    text = _MATH_SPACE.sub(" ", _MATH_DELIMITER.sub(" ", text))
    text = _LAYOUT_COMMAND.sub("", text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac"))
    text = _TEXT_COMMAND.sub(r" \1 ", text)
    return _peel(_SPACES.sub(" ", text.replace(r"\%", "%")).strip())


@lru_cache(maxsize=512)
def words(text: str) -> str:
    """Cleaned text as compared word for word: announcement, outer punctuation and a leading article gone, case kept."""
    return _ARTICLE.sub("", _ANNOUNCED.sub("", unwrap(text).rstrip(" .,;:"))).strip()


def same_but_for_case(one: str, other: str) -> bool:
    """Whether two texts that are equal without case differ only in the casing of ordinary words.

    Symbols are told apart by case (Co and CO, aa and AA), words are not: a word has four different letters or more
    and is written small, capitalised, or in capitals throughout; three letters do where only the first differs.
    """
    pairs = zip(_WORD.findall(one), _WORD.findall(other), strict=False)
    return all(a == b or (_is_word(a) and _is_word(b) and _are_casings(a, b)) for a, b in pairs)


def boolean(text: str) -> bool | None:
    """Truth value that the text is, else None."""
    cleaned = words(text).lower()
    return cleaned in TRUE_WORDS if cleaned in TRUE_WORDS | FALSE_WORDS else None


def stated_boolean(text: str) -> bool | None:
    """Truth value that the text states first, and neither hedges nor takes back in what follows, else None."""
    cleaned = words(text)
    found = _BOOLEAN_HEAD.match(cleaned)
    if found is None or _HEDGE.search(cleaned, found.end(1)):
        return None
    return found[1].lower() in TRUE_WORDS


def _is_word(text: str) -> bool:
    return text.isalpha() and (text.islower() or text.isupper() or text.istitle())


def _are_casings(one: str, other: str) -> bool:
    needed = 3 if one[1:] == other[1:] else 4
    return len(set(one.lower())) >= needed


def _spell_vulgar(found: re.Match[str]) -> str:
    fraction = unicodedata.normalize("NFKC", found[2]).replace("\u2044", "/")
    return f"({found[1]}+{fraction})" if found[1] else f"({fraction})"


def _unbox(text: str) -> str:
    """Text with each box replaced by its content: what stands beside it, a unit or a doubt, still counts."""
    for _ in range(MAX_BOXES):
        box = _BOXED.search(text)
        end = closing_brace(text, box.end() - 1) if box else None
        if box is None or end is None:
            return text
        text = f"{text[: box.start()]} {text[box.end() : end]} {text[end + 1 :]}"
    return text


def closing_brace(text: str, start: int) -> int | None:
    """Position of the brace that closes the one at `start`, or None."""
    depth = 0
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    return None


def _peel(text: str) -> str:
    """Text without emphasis or quotes that enclose all of it."""
    for mark in _QUOTES:
        inner = text[len(mark) : -len(mark)]
        if inner and text.startswith(mark) and text.endswith(mark) and mark not in inner:
            return _peel(inner.strip())
    return text
