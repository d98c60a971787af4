"""Numbers as they are stated: value, precision, unit; and the comparison of two of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from grading.matching import arithmetic
from grading.matching.text import words

EQUAL_CAP = Fraction(2, 100)  # a key of one digit reaches 50 % around itself: too coarse to call equal
DIFFERENT_MARGIN = Fraction(5, 100)  # just outside the 4 % that TheoremQA grants
ROUNDED_DIGITS = 4  # significant digits from which a rounding of the key counts as the key
EXACT_TOLERANCE = Fraction(1, 10**12)  # two closed forms worked out to 40 digits
DEGREES_PER_RADIAN = Fraction("57.29577951308232")
DEGREES_TOLERANCE = Fraction(1, 1000)
MAX_EXPONENT = 400
MAX_LITERAL_CHARS = 60


class Nearness(StrEnum):
    """How two numbers lie to each other."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Form(StrEnum):
    """How a number is written, which says how exact it is meant."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FRACTION = "fraction"
    CLOSED = "closed form"


@dataclass(frozen=True)
class Quantity:
    """A stated number.

    For decimals `place` is the power of ten of the last stated digit, and `digits` counts the significant ones or is 0
    when that cannot be told.
    """

    value: Fraction
    form: Form
    place: int = 0
    digits: int = 0
    unit: str = ""
    is_percent: bool = False

    @property
    def is_exact(self) -> bool:
        return self.form is not Form.DECIMAL


_LITERAL = (
    r"(?P<sign>[-+]?)\s*(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]*)(?P<tail>\.[0-9]*)?"
    r"(?:(?:[eE]|\s?(?:[x×*·⋅∗]|\\times|\\cdot)\s?10\s?(?:\^|\*\*)\s?)(?P<exponent>[-+]?[0-9]{1,4}|[({]\s?[-+]?[0-9]{1,4}\s?[)}]))?"
)
_LITERAL_ONLY = re.compile(_LITERAL)
_LITERAL_HEAD = re.compile(
    r"[-+]?\s?[0-9.][0-9.,]*(?:[eE][-+]?[0-9]+|\s?(?:[x×*·⋅∗]|\\times|\\cdot)\s?10\s?(?:\^|\*\*)\s?[({]?[-+]?[0-9]+[)}]?)?"
)
_APPROXIMATELY = re.compile(
    r"^(?:approximately|approx\.?|about|roughly|around|circa|\\approx|\\sim|[≈~∼])\s*", re.IGNORECASE
)
_ASSIGNMENT = re.compile(
    r"^\\?[A-Za-z][A-Za-z]{0,11}'{0,3}(?:_\{?[A-Za-z0-9]{1,6}\}?)?(?:\([A-Za-z0-9, ]{1,12}\))?"
    r"\s?(?:=|≈|\\approx|\\simeq)\s?(?!=)"
)
_ANNOUNCED = re.compile(
    r"^(?:(?:the )?(?:final |exact )?(?:answer|result|value)|it)\s?(?:is|equals|:|=)\s?:?\s*", re.IGNORECASE
)
_CURRENCY = re.compile(r"^([-+]?)\s?(?:[$€£¥]|USD |EUR |US)\s?(?=[0-9.])")
_MATH_MODE = re.compile(r"\$|\\\(|\\\[")
_UPRIGHT = re.compile(r"\\(?:text|mathrm|operatorname|rm)")
_CHAIN = re.compile(r"\s*(?:=|≈|\\approx|\\simeq)\s*")
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALE = re.compile(rf"^(?P<number>.*[0-9.])\s(?P<scale>{'|'.join(_SCALES)})$")
_PERCENT = re.compile(r"^(?P<number>.*\S)\s?(?:%|percent|per cent)$", re.IGNORECASE)

_PREFIXES = "(?:[yzafpnuµμmcdhkMGTPE]|da)?"
_SYMBOLS = (
    "(?:mol|rad|sr|Hz|Pa|Wb|lm|lx|Bq|Gy|Sv|kat|eV|cal|bar|atm|min|hr|yr|ft|lb|oz|psi|bit|bits|B|bps|ppm|ppb|deg|mmHg|rpm|amu|°C|°F|°"
    "|[mgsANJKWVCFTHLhdMluΩÅ])"
)
_UNIT_FACTOR = rf"{_PREFIXES}{_SYMBOLS}(?:\^?\(?-?[0-9]\)?)?"
_UNIT_SYMBOLS = re.compile(rf"(?:[/·⋅*. ()]|{_UNIT_FACTOR}(?![A-Za-z]))+")
_UNIT_WORDS = re.compile(r"[A-Za-z]{3,}(?:[ /-][A-Za-z]+){0,2}")
# After a number these words say more than a unit.
_NO_UNIT = re.compile(
    r"\b(?:or|and|to|if|in|of|on|at|by|with|as|when|plus|minus|times|than|not|for|is|are|mod|modulo|choose|squared|cubed|factorial"
    r"|half|halves|third|thirds|fourths?|quarters?|fifths?|tenths?|dozen|hundred|thousand|million|billion|trillion|more|less|least|most"
    r"|above|below|over|under|between|sqrt|pi|log|sin|cos|tan|exp|through|until|then|but|even|odd|infinity|either|power|root)\b",
    re.IGNORECASE,
)


def read(text: str) -> Quantity | None:
    """The single number that the text states, with its unit, or None. Never raises on text."""
    body = strip_announcement(words(text))
    if not body or len(body) > arithmetic.MAX_CHARS:
        return None
    quantity = _bare(body) or _percent(body) or _scaled(body) or _with_unit(body) or _chain(body)
    # In math mode a letter is a variable: $2L$ is not two litres.
    is_variable = quantity and len(quantity.unit) == 1 and _MATH_MODE.search(text) and not _UPRIGHT.search(text)
    return None if is_variable else quantity


def strip_announcement(body: str) -> str:
    """Cleaned text without `the answer is`, `x =`, `approximately` or a currency sign before it."""
    for pattern in (_ANNOUNCED, _ASSIGNMENT, _APPROXIMATELY):
        body = pattern.sub("", body, count=1)
    return _CURRENCY.sub(r"\1", body, count=1).rstrip(" .,;:")


def compare(key: Quantity, answer: Quantity) -> Nearness:
    """Whether the answer states the key's number to the key's precision; see the rules in the package's docstring."""
    if key.unit and answer.unit and key.unit != answer.unit:
        return Nearness.UNDECIDED
    readings = [_compare_values(one, other) for one in _percent_readings(key) for other in _percent_readings(answer)]
    if Nearness.EQUAL in readings:
        return Nearness.EQUAL
    # A unit on one side only: 2 h is 7,200 s, and only the question says which was asked for.
    if Nearness.UNDECIDED in readings or key.unit != answer.unit or _unit_apart(key, answer):
        return Nearness.UNDECIDED
    return Nearness.DIFFERENT


def _bare(body: str) -> Quantity | None:
    return _literal(body) or _closed_form(body)


def _percent(body: str) -> Quantity | None:
    found = _PERCENT.match(body)
    quantity = _bare(found["number"]) if found else None
    return replace(quantity, is_percent=True) if quantity else None


def _scaled(body: str) -> Quantity | None:
    found = _SCALE.match(body)
    quantity = _literal(found["number"]) if found else None
    if found is None or quantity is None:
        return None
    shift = _SCALES[found["scale"]]
    digits = quantity.digits or len(found["number"])
    return Quantity(quantity.value * 10**shift, Form.DECIMAL, quantity.place + shift, digits)


def _chain(body: str) -> Quantity | None:
    """First link of `1/3 = 0.333`, if all links are the same number to within 1 %."""
    links = [_bare(link) for link in _CHAIN.split(body)]
    first = links[0]
    if first is None or len(links) < 2:
        return None
    same = all(link and abs(link.value - first.value) <= abs(first.value) / 100 for link in links)
    return first if same else None


def _with_unit(body: str) -> Quantity | None:
    head = _LITERAL_HEAD.match(body)
    if head is None:
        return None
    quantity, unit = _literal(head[0].strip()), body[head.end() :]
    if quantity is None or not _is_unit(unit):
        return None
    return replace(quantity, unit=re.sub(r"[\s()^{}]", "", unit))


def _is_unit(text: str) -> bool:
    unit = text.strip().replace("{", "(").replace("}", ")")
    if not any(char.isalpha() or char == "°" for char in unit) or len(unit) > 40 or _NO_UNIT.search(unit):
        return False
    # Right behind a number a single letter may be a variable: 5m.
    if len(unit) == 1 and unit.isalpha() and not text.startswith(" "):
        return False
    return bool(_UNIT_SYMBOLS.fullmatch(unit) or _UNIT_WORDS.fullmatch(unit))


def _literal(text: str) -> Quantity | None:
    found = _LITERAL_ONLY.fullmatch(text)
    if found is None or len(text) > MAX_LITERAL_CHARS:
        return None
    whole, tail = found["whole"].replace(",", ""), (found["tail"] or "")[1:]
    # A leading zero makes it a code, not a count.
    if (not whole and not tail) or (len(whole) > 1 and whole.startswith("0")):
        return None
    exponent = int((found["exponent"] or "0").strip("(){} "))
    if abs(exponent) > MAX_EXPONENT:
        return None
    value = Fraction(int(f"{found['sign']}{whole}{tail}")) * Fraction(10) ** (exponent - len(tail))
    if not tail and found["exponent"] is None:
        return Quantity(value, Form.INTEGER)
    digits = len((whole + tail).lstrip("0")) or 1
    return Quantity(value, Form.DECIMAL, exponent - len(tail), digits)


def _closed_form(text: str) -> Quantity | None:
    value = arithmetic.evaluate(text)
    if value is None:
        return None
    if value.has_decimals:
        # How exact a product of decimals is meant cannot be told: it never settles a near miss, so any place will do.
        return Quantity(value.number, Form.DECIMAL, place=-arithmetic.MAX_CHARS, digits=0)
    if not value.is_rational:
        return Quantity(value.number, Form.CLOSED)
    return Quantity(value.number, Form.FRACTION if value.number.denominator > 1 else Form.INTEGER)


def _percent_readings(quantity: Quantity) -> list[Quantity]:
    """5 % read as 0.05, and as 5 where the question asks for percent."""
    if not quantity.is_percent:
        return [quantity]
    plain = replace(quantity, is_percent=False)
    return [plain, replace(plain, value=plain.value / 100, place=plain.place - 2)]


def _compare_values(key: Quantity, answer: Quantity) -> Nearness:
    gap = abs(key.value - answer.value)
    if gap <= EXACT_TOLERANCE * abs(key.value) and (gap == 0 or (key.is_exact and answer.is_exact)):
        return Nearness.EQUAL
    if not key.is_exact and _states_key(key, answer):
        return Nearness.EQUAL
    if gap > max(DIFFERENT_MARGIN * (abs(key.value) or 1), _coarseness(key, answer)):
        return Nearness.DIFFERENT
    return Nearness.UNDECIDED


def _coarseness(key: Quantity, answer: Quantity) -> Fraction:
    """Gap up to which the key's own last place, or a rounding to a whole key, may explain the difference."""
    if not key.is_exact and key.digits:
        return Fraction(10) ** key.place
    if key.form is Form.INTEGER and not answer.is_exact:
        return Fraction(1, 2)
    return Fraction(0)


def _states_key(key: Quantity, answer: Quantity) -> bool:
    """Whether the answer rounds to or starts with the key's digits, or is the key itself rounded to enough digits."""
    if not key.digits or abs(key.value - answer.value) > EQUAL_CAP * abs(key.value):
        return False
    if answer.is_exact or answer.place <= key.place or not answer.digits:
        return _reaches(answer.value, key.value, key.place)
    return answer.digits >= ROUNDED_DIGITS and _reaches(key.value, answer.value, answer.place)


def _reaches(fine: Fraction, coarse: Fraction, place: int) -> bool:
    """Whether `fine` gives `coarse` when rounded or cut at `place`."""
    unit = Fraction(10) ** place
    gap = (abs(fine) - abs(coarse)) / unit if fine * coarse > 0 else Fraction(1)
    return Fraction(-1, 2) <= gap < 1


def _unit_apart(key: Quantity, answer: Quantity) -> bool:
    """Whether a unit that nobody wrote may explain the difference: a power of ten, or degrees against radians.

    One leading digit in common says little, so it counts only for a factor of 100 with a fraction involved: a percentage.
    """
    if key.value == 0 or answer.value == 0 or key.value * answer.value < 0:
        return False
    ratio = answer.value / key.value
    if any(abs(ratio / turn - 1) < DEGREES_TOLERANCE for turn in (DEGREES_PER_RADIAN, 1 / DEGREES_PER_RADIAN)):
        return True
    power = round(_log10(ratio))
    if power == 0 or abs(ratio / Fraction(10) ** power - 1) > EQUAL_CAP:
        return False
    is_share = abs(power) == 2 and min(abs(key.value), abs(answer.value)) < 1
    return is_share or not _is_one_digit(abs(key.value))


def _is_one_digit(value: Fraction) -> bool:
    power = round(_log10(value))
    return any(value / Fraction(10) ** shifted in range(1, 10) for shifted in (power - 1, power))


def _log10(value: Fraction) -> float:
    """Decimal logarithm of a positive fraction of any size."""
    return math.log10(value.numerator) - math.log10(value.denominator)
