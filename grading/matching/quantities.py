"""Numbers as they are stated: value, precision, unit; and the comparison of two of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

from grading.matching import arithmetic, units
from grading.matching.text import words
from grading.matching.units import Unit

MARGIN = Fraction(2, 100)  # what g = 10 for 9.81 makes; nothing further off is equal, nothing nearer is different
ROUNDING_CAP = Fraction(5, 100)  # a rounding that moves a number further says little of the number
NEAR_ZERO = Fraction(1, 100)  # an answer this small may be a zero that was worked out
MIN_ROUNDED = 100  # smaller whole numbers are not taken for rounded ones
ROUNDED_DIGITS = 4  # significant digits from which a rounding of the key counts as the key
EXACT_TOLERANCE = Fraction(1, 10**12)  # two closed forms worked out to 40 digits
DEGREES_PER_RADIAN = Fraction("57.29577951308232")
DEGREES_TOLERANCE = Fraction(1, 1000)
DEGREES_AGAINST_RADIANS = [
    (turn * (1 - DEGREES_TOLERANCE), turn * (1 + DEGREES_TOLERANCE))
    for turn in (DEGREES_PER_RADIAN, 1 / DEGREES_PER_RADIAN)
]
MAX_EXPONENT = 400
MAX_LITERAL_CHARS = 60
MAX_GAPS = 8


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

    @property
    def measure(self) -> Unit | None:
        """The unit, if it is a known one."""
        return units.parse(self.unit) if self.unit else None

    @property
    def last_place(self) -> int | None:
        """Power of ten at which the number may have been rounded: its last stated place, in a whole number the last that is not 0."""
        if self.form is Form.INTEGER and self.value:
            digits = str(abs(self.value.numerator))
            return len(digits) - len(digits.rstrip("0"))
        return self.place if self.form is Form.DECIMAL and self.digits else None


_LITERAL = (
    r"(?P<sign>[-+]?)\s*(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]*)(?P<tail>\.[0-9]*)?"
    r"(?:(?:[eE]|\s?(?:[x×*·⋅∗]|\\?times|\\cdot)\s?10\s?(?:\^|\*\*)\s?)(?P<exponent>[-+]?[0-9]{1,4}|[({]\s?[-+]?[0-9]{1,4}\s?[)}]))?"
)
_LITERAL_ONLY = re.compile(_LITERAL)
_LITERAL_HEAD = re.compile(
    r"[-+]?\s?[0-9.][0-9.,]*(?:[eE][-+]?[0-9]+|\s?(?:[x×*·⋅∗]|\\?times|\\cdot)\s?10\s?(?:\^|\*\*)\s?[({]?[-+]?[0-9]+[)}]?)?"
)
_APPROXIMATELY = re.compile(
    r"^(?:approximately|approx\.?|about|roughly|around|circa|\\approx|\\sim|[≈~∼])\s*", re.IGNORECASE
)
_IS_APPROXIMATE = re.compile(r"\b(?:approx|about|roughly|around|circa)|\\approx|\\sim|[≈~∼]", re.IGNORECASE)
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


@lru_cache(maxsize=1024)
def read(text: str) -> Quantity | None:
    """The single number that the text states, with its unit, or None. Never raises on text."""
    body = strip_announcement(words(text))
    if not body or len(body) > arithmetic.MAX_CHARS:
        return None
    quantity = _bare(body) or _percent(body) or _scaled(body) or _with_unit(body) or _chain(body)
    if quantity and quantity.form is Form.INTEGER and _IS_APPROXIMATE.search(text):
        quantity = replace(quantity, form=Form.DECIMAL, place=quantity.last_place or 0, digits=len(str(quantity.value)))
    # In math mode a letter is a variable: $2L$ is not two litres.
    is_variable = quantity and len(quantity.unit) == 1 and _MATH_MODE.search(text) and not _UPRIGHT.search(text)
    return None if is_variable else quantity


def strip_announcement(body: str) -> str:
    """Cleaned text without `the answer is`, `x =`, `approximately` or a currency sign before it."""
    for pattern in (_ANNOUNCED, _ASSIGNMENT, _APPROXIMATELY):
        body = pattern.sub("", body, count=1)
    return _CURRENCY.sub(r"\1", body, count=1).rstrip(" .,;:")


def compare(key: Quantity, answer: Quantity, wanted: Unit | None = None) -> Nearness:
    """Whether the answer states the key's number to the key's precision; see the rules in the package's docstring.

    `wanted` is the unit that the question names, in which a key without a unit is meant.
    """
    plain = _compare_percentages(key, answer)
    if key.unit == answer.unit:
        return Nearness.UNDECIDED if plain is Nearness.DIFFERENT and _unit_apart(key, answer) else plain
    asked, stated = key.measure or (None if key.unit else wanted), answer.measure
    if answer.unit and asked and stated:
        return _compare_measured(key, answer, plain if not key.unit else None, stated, asked)
    if (key.unit and answer.unit) or (plain is Nearness.DIFFERENT and _unit_apart(key, answer)):
        return Nearness.UNDECIDED
    return plain if plain is not Nearness.DIFFERENT else _compare_in_any_unit(key, answer)


def _compare_measured(key: Quantity, answer: Quantity, plain: Nearness | None, stated: Unit, asked: Unit) -> Nearness:
    """Compare in the unit of the key; where only the question names it, the bare numbers must not say otherwise."""
    if stated.dimension != asked.dimension:
        return Nearness.UNDECIDED
    converted = _compare_values(key, _converted(answer, stated.size / asked.size))
    if plain is Nearness.EQUAL and converted is not Nearness.EQUAL:
        return Nearness.UNDECIDED
    return converted


def _compare_in_any_unit(key: Quantity, answer: Quantity) -> Nearness:
    """Compare a number without a unit with one that has one: different only if no unit of its kind makes them near."""
    measure = key.measure or answer.measure
    if measure is None:
        return Nearness.UNDECIDED
    ratios = [measure.size / unit.size for unit in units.alike(measure)]
    if key.measure:
        ratios = [1 / ratio for ratio in ratios]
    near = any(_compare_values(key, _converted(answer, ratio)) is not Nearness.DIFFERENT for ratio in ratios)
    return Nearness.UNDECIDED if near else Nearness.DIFFERENT


def _converted(quantity: Quantity, ratio: Fraction) -> Quantity:
    """The quantity in another unit, with as many significant digits as before."""
    value = quantity.value * ratio
    if ratio == 1:
        return quantity
    if quantity.is_exact or not value:
        return replace(quantity, value=value, form=Form.FRACTION if quantity.form is Form.INTEGER else quantity.form)
    place = math.floor(_log10(abs(value))) + 1 - quantity.digits if quantity.digits else quantity.place
    return replace(quantity, value=value, place=place)


def _compare_percentages(key: Quantity, answer: Quantity) -> Nearness:
    """Compare as bare numbers, with percentages in either reading."""
    readings = {_compare_values(one, other) for one in _percent_readings(key) for other in _percent_readings(answer)}
    for nearness in (Nearness.EQUAL, Nearness.UNDECIDED):
        if nearness in readings:
            return nearness
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
    quantity = _literal(head[0].strip()) if head else None
    if head and quantity and _is_unit(body[head.end() :]):
        return replace(quantity, unit=_squeezed(body[head.end() :]))
    # 2 pi rad, 1/7 m/s^2: only with a unit that is known, since it may also be a factor.
    for space in list(re.finditer(r" ", body))[:MAX_GAPS]:
        unit = body[space.end() :]
        if units.parse(unit) and _is_unit(f" {unit}") and (quantity := _closed_form(body[: space.start()])):
            return replace(quantity, unit=_squeezed(unit))
    return None


def _squeezed(unit: str) -> str:
    return " ".join(unit.replace("{", "(").replace("}", ")").split())


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
    is_worked_out = Form.CLOSED in {key.form, answer.form} and key.is_exact and answer.is_exact
    if gap <= (EXACT_TOLERANCE * abs(key.value) if is_worked_out else 0):
        return Nearness.EQUAL
    if not key.is_exact and _states_key(key, answer):
        return Nearness.EQUAL
    return Nearness.UNDECIDED if gap <= _doubtful_gap(key, answer) else Nearness.DIFFERENT


def _doubtful_gap(key: Quantity, answer: Quantity) -> Fraction:
    """Gap up to which a margin, or a rounding of either number, may explain the difference."""
    size = abs(key.value)
    places = [place for place in (key.last_place, answer.last_place) if place is not None]
    rounding = Fraction(10) ** max(places) / 2 if places else Fraction(0)
    if key.form is answer.form is Form.INTEGER:
        # Counts: 41 is not 42, and 60 is not 59, but 33,400 may be 33,389.
        return min(rounding, MARGIN * size) if max(places, default=0) > 0 and size >= MIN_ROUNDED else Fraction(0)
    own_place = Fraction(10) ** key.place if not key.is_exact and key.digits else Fraction(0)
    return max(MARGIN * size if size else NEAR_ZERO, own_place, min(rounding, ROUNDING_CAP * size))


def _states_key(key: Quantity, answer: Quantity) -> bool:
    """Whether the answer rounds to or starts with the key's digits, or is the key itself rounded to enough digits."""
    if not key.digits or abs(key.value - answer.value) > MARGIN * abs(key.value):
        return False
    if answer.is_exact or answer.place <= key.place or not answer.digits:
        return _reaches(answer.value, key.value, key.place)
    # to cut the key off is a mistake of its own, unlike a key that its author has cut off
    is_rounded = abs(key.value - answer.value) <= Fraction(10) ** answer.place / 2
    return answer.digits >= ROUNDED_DIGITS and is_rounded


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
    if any(low < ratio < high for low, high in DEGREES_AGAINST_RADIANS):
        return True
    power = round(_log10(ratio))
    if power == 0 or abs(ratio / Fraction(10) ** power - 1) > MARGIN:
        return False
    is_share = abs(power) == 2 and min(abs(key.value), abs(answer.value)) < 1
    return is_share or not _is_one_digit(abs(key.value))


def _is_one_digit(value: Fraction) -> bool:
    power = round(_log10(value))
    return any(value / Fraction(10) ** shifted in range(1, 10) for shifted in (power - 1, power))


def _log10(value: Fraction) -> float:
    """Decimal logarithm of a positive fraction of any size."""
    return math.log10(value.numerator) - math.log10(value.denominator)
