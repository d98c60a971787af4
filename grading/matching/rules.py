"""Choose the rule for a key and an answer, and say what it found; the package's docstring tells the rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from grading.matching import arithmetic, choices, quantities, structures, units
from grading.matching.expressions import Expressions, shared_pool
from grading.matching.quantities import Form, Nearness, Quantity
from grading.matching.question import Asked
from grading.matching.question import read as read_question
from grading.matching.text import boolean, same_but_for_case, stated_boolean, words
from grading.matching.units import Unit

MATCHER_VERSION = "3"
MULTIPLE_CHOICE = "multipleChoice"
MAX_ANSWER_CHARS = 2_000
MAX_PROSE_CHARS = 300
MAX_BARE_FORMULA_CHARS = 12


class Result(StrEnum):
    """What the matcher says; `undecided` sends the answer to the judge."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Match(NamedTuple):
    """A result, the rule that gave it, and the reason in words that quote neither key nor answer."""

    result: Result
    rule: str
    reason: str


_NO_VALUE = re.compile(
    r"^(?:[-+]?\s?(?:\\infty|∞|infinity|infinite)|(?:positive|negative|countably|uncountably) infini(?:ty|te)"
    r"|undefined|indeterminate|(?:it )?(?:is |does )?(?:not defined|not exist|diverges?|divergent)|dne|nan"
    r"|no (?:real )?solutions?|insufficient(?: information| data)?|not enough information|unknown|unsure"
    r"|(?:it )?can(?:not|'t) be (?:determined|computed|calculated)|i (?:do not|don't) know)$",
    re.IGNORECASE,
)
_INFINITE = re.compile(r"infin|\\infty|∞", re.IGNORECASE)
_STATES = re.compile(
    r"(?:=|\b(?:is|are|was|were|equals|becomes|equal to)\b)(?:\s(?:exactly|equal to)\b)?\s*", re.IGNORECASE
)
# Words after which the number that ends a sentence is not what the sentence states, or is one of several.
_HEDGE = re.compile(
    r"\b(?:not|no|never|neither|nor|cannot|or|either|if|unless|except|but|however|between|than|least|most|above|below|over|under|half"
    r"|twice|double|triple|times|would|could|should|might|may|assuming|suppose|let|given|when|where|step|because|since|wrong|incorrect|base|binary|octal|hex\w*|modulo?)\b|n't\b"
    r"|[<>≤≥≠?]|\\(?:leq?|geq?|neq?|lt|gt)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?;:]\s")
_FORMULA = re.compile(r"[\\^_=+*/<>≤≥]|[A-Za-z0-9)]\s?\(")
_FORMULA_WORD = re.compile(r"(?<!\\)\b(?!(?:sin|cos|tan|exp|log|sqrt|det|max|min|mod|gcd)\b)[A-Za-z]{3,}\b(?![}\]])")
_BARE_LOG = re.compile(r"log(?!\s?_|\w)")
_TWO_NUMBERS = re.compile(r"(?<![_0-9])[0-9]+\s+[0-9]")
_CONSTANTS = frozenset(
    {
        "c",
        "e",
        "g",
        "G",
        "h",
        "hbar",
        "i",
        "j",
        "k",
        "k_B",
        "k_{B}",
        "N_A",
        "N_{A}",
        "q",
        "R",
        "u",
        "phi",
        "gamma",
        "sigma",
        "alpha",
    }
)
_NAME = re.compile(r"\\[A-Za-z]+|\b(?:sin|cos|tan|exp|log|sqrt|det|max|min|mod|gcd|ln)\b")


def match(
    *,
    answer_type: str,
    key: str,
    answer: str | None,
    options: Sequence[str] = (),
    question: str = "",
    expressions: Expressions | None = None,
) -> Match:
    """Compare the final answer of a response with the key.

    For multiple choice, `key` is a letter and `options` are in the order to which it and the answer refer.
    `question` tells the unit that is asked for, and whether 0 and 1 may mean no and yes; without it both stay open.
    `expressions` compares formulas, by default in the child processes of this process. Never raises on text.
    """
    if max(len(answer or ""), len(key)) > MAX_ANSWER_CHARS:
        return Match(Result.UNDECIDED, "none", "final answer or key too long to compare")
    if answer is None or not words(answer):
        return Match(Result.UNDECIDED, "none", "no final answer stated")
    if answer_type == MULTIPLE_CHOICE:
        return _match_choice(key, answer, options)
    asked = read_question(question)
    return (
        _match_text(key, answer)
        or _match_boolean(key, answer)
        or _match_number(key, answer, asked)
        or _match_list(key, answer, asked)
        or _match_expression(key, answer, expressions or shared_pool())
        or Match(Result.UNDECIDED, "none", "no rule applies to these words")
    )


def canonical(*, answer_type: str, answer: str | None, options: Sequence[str] = ()) -> str:
    """One spelling for answers that mean the same, so that agreement can be counted; empty if none is stated."""
    if answer is None or len(answer) > MAX_ANSWER_CHARS:
        return ""
    if answer_type == MULTIPLE_CHOICE:
        return choices.named_letter(answer, options) or ""
    truth = boolean(answer)
    if truth is not None:
        return str(truth).lower()
    quantity = quantities.read(answer)
    if quantity is not None:
        # Four digits: models that agree differ in how far they work a number out.
        return f"{_share(quantity):.4g}"
    listing = structures.read(answer)
    if listing is not None and len(listing.elements) > 1:
        return ", ".join(canonical(answer_type=answer_type, answer=element) for element in listing.elements)
    return words(answer).casefold()


def _share(quantity: Quantity) -> float:
    try:
        return float(quantity.value / 100 if quantity.is_percent else quantity.value)
    except OverflowError:
        return float("inf") if quantity.value > 0 else float("-inf")


def _match_choice(key: str, answer: str, options: Sequence[str]) -> Match:
    wanted, named = choices.named_letter(key, options), choices.named_letter(answer, options)
    if wanted is None or named is None:
        return Match(Result.UNDECIDED, "choice", "no single option is named")
    if wanted == named:
        return Match(Result.EQUAL, "choice", "names the right option")
    return Match(Result.DIFFERENT, "choice", "names another option")


def _match_text(key: str, answer: str) -> Match | None:
    one, other = words(key), words(answer)
    if not one:
        return Match(Result.UNDECIDED, "text", "the key has no words to compare")
    if one == other:
        return Match(Result.EQUAL, "text", "same text")
    if one.casefold() == other.casefold() and boolean(key) is None:
        same = same_but_for_case(one, other)
        return (
            Match(Result.EQUAL, "text", "same words")
            if same
            else Match(Result.UNDECIDED, "text", "same text but for case, which may matter")
        )
    return None


def _match_boolean(key: str, answer: str) -> Match | None:
    wanted = boolean(key)
    if wanted is None:
        return None
    stated = stated_boolean(answer)
    if stated is not None:
        return (
            Match(Result.EQUAL, "boolean", "same truth value")
            if stated == wanted
            else Match(Result.DIFFERENT, "boolean", "opposite truth value")
        )
    quantity, listing = quantities.read(answer), structures.read(answer)
    if (quantity and quantity.value != int(wanted)) or (listing and listing.brackets and not quantity):
        return Match(Result.DIFFERENT, "boolean", "not a truth value")
    return Match(Result.UNDECIDED, "boolean", "no plain truth value stated")


def _match_number(key: str, answer: str, asked: Asked) -> Match | None:
    wanted = quantities.read(key)
    if wanted is None:
        return None
    stated = quantities.read(answer)
    if stated is not None:
        return _number_match(quantities.compare(wanted, stated, asked.unit))
    truth = boolean(answer)
    if truth is not None:
        # 0 may be written False and 1 True, never the other way round.
        if wanted.value == int(truth) and not asked.is_value:
            return Match(Result.UNDECIDED, "boolean", "a truth value where 0 or 1 is asked for")
        return Match(Result.DIFFERENT, "boolean", "a truth value where a number is asked for")
    body = quantities.strip_announcement(words(answer))
    if _NO_VALUE.match(body) and (wanted.value != 0 or _INFINITE.search(body)):
        return Match(Result.DIFFERENT, "number", "states that there is no value")
    listing = structures.read(answer)
    if listing is not None and len(listing.elements) > 1:
        if structures.contains(listing, key, partial(_compare_elements, wanted=asked.unit)):
            return Match(Result.UNDECIDED, "list", "several values where one is asked for")
        return Match(Result.DIFFERENT, "list", "several values, none of them near the key")
    if listing is not None:
        return _number_match(_compare_elements(key, listing.elements[0], wanted=asked.unit))
    return _match_prose(wanted, answer, asked)


def _number_match(nearness: Nearness) -> Match:
    reason = {
        Nearness.EQUAL: "same number at the stated precision",
        Nearness.DIFFERENT: "clearly another number",
        Nearness.UNDECIDED: "near the key, or a unit or magnitude is in doubt",
    }[nearness]
    return Match(Result(nearness), "number", reason)


def _match_prose(wanted: Quantity, answer: str, asked: Asked) -> Match | None:
    """Compare with the number that ends the one sentence of the answer, if it says of one thing what it is."""
    body = words(answer)
    parts = _STATES.split(body)
    if (
        len(parts) != 2
        or len(body) > MAX_PROSE_CHARS
        or "\n" in answer.strip()
        or _HEDGE.search(body)
        or _SENTENCE_END.search(body)
    ):
        return None
    stated = quantities.read(parts[1])
    if stated is None:
        return None
    nearness = quantities.compare(wanted, stated, asked.unit)
    return _number_match(nearness)._replace(rule="prose") if nearness is not Nearness.UNDECIDED else None


def _match_list(key: str, answer: str, asked: Asked) -> Match | None:
    wanted = structures.read(key)
    if wanted is None:
        return None
    stated, compare_elements = structures.read(answer), partial(_compare_elements, wanted=asked.unit)
    if stated is not None:
        return _list_match(structures.compare(wanted, stated, compare_elements))
    if boolean(answer) is not None and not any(boolean(element) is not None for element in wanted.elements):
        return Match(Result.DIFFERENT, "list", "a truth value where several values are asked for")
    quantity = quantities.read(answer)
    if quantity is None or "," in answer:
        return None
    if len(wanted.elements) == 1:
        return _list_match(compare_elements(wanted.elements[0], answer))
    if all(quantities.read(element) for element in wanted.elements):
        return Match(Result.DIFFERENT, "list", "one value where several are asked for")
    return None


def _list_match(nearness: Nearness) -> Match:
    reason = {
        Nearness.EQUAL: "same elements",
        Nearness.DIFFERENT: "an element is missing or clearly another",
        Nearness.UNDECIDED: "order, brackets or an element is in doubt",
    }[nearness]
    return Match(Result(nearness), "list", reason)


def _compare_elements(key: str, answer: str, wanted: Unit | None = None) -> Nearness:
    """Compare two elements by text, truth value, number, or as lists within lists."""
    if words(key) == words(answer) and words(key):
        return Nearness.EQUAL
    one, other = quantities.read(key), quantities.read(answer)
    if one and other:
        return quantities.compare(one, other, wanted)
    limits = structures.infinity(key), structures.infinity(answer)
    if any(limits) and (all(limits) or one or other):
        return Nearness.EQUAL if limits[0] == limits[1] else Nearness.DIFFERENT
    if boolean(key) is not None and boolean(answer) is not None:
        return Nearness.EQUAL if boolean(key) == boolean(answer) else Nearness.DIFFERENT
    inner, given = structures.read(key), structures.read(answer)
    if inner and given:
        return structures.compare(inner, given, partial(_compare_elements, wanted=wanted))
    return Nearness.UNDECIDED


def _match_expression(key: str, answer: str, expressions: Expressions) -> Match | None:
    one, other = _formula(key), _formula(answer)
    if one is None or other is None:
        return None
    finding = expressions.compare(one, other)
    if finding.problem:
        return Match(Result.UNDECIDED, "expression", finding.problem)
    if finding.key and finding.answer and _is_plain_number(one) and _is_plain_number(other):
        wanted = quantities.read(key) or _found(finding.key)
        return _number_match(quantities.compare(wanted, _found(finding.answer)))._replace(rule="expression")
    if finding.equal and not _has_both_cases(one + other):
        return Match(Result.EQUAL, "expression", "equal formulas")
    if finding.key and _is_plain_number(one) and any(_stays_open(name) for name in finding.variables):
        return Match(Result.DIFFERENT, "expression", "depends on a variable where a number is asked for")
    return Match(Result.UNDECIDED, "expression", "not shown to be equal formulas")


def _stays_open(symbol: str) -> bool:
    """Whether a symbol is a variable, and no constant or unit whose value everybody knows."""
    return symbol not in _CONSTANTS and units.parse(symbol) is None


def _is_plain_number(formula: str) -> bool:
    """Whether nothing in the formula may be a unit, a percentage, or a logarithm to an unstated base."""
    letters = {letter for letter in _NAME.sub("", formula) if letter.isalpha()}
    return letters <= {"e"} and not re.search(r"\\circ|\\degree|[°%$]", formula) and not _BARE_LOG.search(formula)


def _has_both_cases(formulas: str) -> bool:
    """Whether a variable occurs in capitals and in small letters, which math-verify takes for the same."""
    letters = set(_NAME.sub("", formulas))
    return any(letter.isupper() and letter.lower() in letters for letter in letters)


def _formula(text: str) -> str | None:
    """The text as a formula for the child process, or None when it is or holds words."""
    body = words(text)
    # math-verify adds the parts of 5 6, as if it were 5 1/2.
    if _FORMULA_WORD.search(body) or _TWO_NUMBERS.search(body) or arithmetic.is_ambiguous(body):
        return None
    return body if _FORMULA.search(body) or len(body) <= MAX_BARE_FORMULA_CHARS else None


def _found(value: tuple[Fraction, bool]) -> Quantity:
    number, has_decimals = value
    return Quantity(number, Form.DECIMAL if has_decimals else Form.CLOSED, place=-40)
