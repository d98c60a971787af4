"""Units of measurement: size and dimension of those that convert by a factor, read from text.

Left out on purpose: temperatures (an offset), money (no fixed rate), sizes of memory (1000 or 1024), pounds, tons,
gallons and months (several of each). They are units of which nothing is known.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache, lru_cache
from typing import NamedTuple

MAX_CHARS = 40
MAX_POWER = 6


class Unit(NamedTuple):
    """Size in SI base units, and the exponents of its dimensions, sorted by name and without zeros."""

    size: Fraction
    dimension: tuple[tuple[str, int], ...]


def _table(text: str) -> dict[str, str]:
    """Entries `names = value` between semicolons; several names share a value."""
    entries = [entry.split(" = ") for entry in " ".join(text.split()).strip("; ").split("; ")]
    return {name: value for names, value in entries for name in names.split()}


_PREFIXES = {
    name: int(power)
    for name, power in _table("""
    f = -15; p = -12; n = -9; u µ μ = -6; m = -3; c = -2; d = -1; k = 3; M = 6; G = 9; T = 12; P = 15""").items()
}
_PREFIX_WORDS = {
    name: int(power)
    for name, power in _table("""
    femto = -15; pico = -12; nano = -9; micro = -6; milli = -3; centi = -2; deci = -1; kilo = 3; mega = 6; giga = 9;
    tera = 12; peta = 15""").items()
}
# Size and dimension. Sources: SI brochure (2019); CODATA 2018 for eV and amu; NIST SP 811; IAU for AU, ly and pc.
_PREFIXED = _table("""
    m = 1 m; g = 1e-3 kg; s = 1 s; A = 1 A; K = 1 K; mol = 1 mol; rad = 1 rad; bps = 1 bit s^-1; Hz Bq = 1 s^-1;
    N = 1 kg m s^-2; J = 1 kg m^2 s^-2; W = 1 kg m^2 s^-3; Pa = 1 kg m^-1 s^-2; V = 1 kg m^2 s^-3 A^-1; C = 1 A s;
    F = 1 kg^-1 m^-2 s^4 A^2; Ω = 1 kg m^2 s^-3 A^-2; H = 1 kg m^2 s^-2 A^-2; T = 1 kg s^-2 A^-1;
    Wb = 1 kg m^2 s^-2 A^-1; eV = 1.602176634e-19 kg m^2 s^-2; cal = 4.184 kg m^2 s^-2; Wh = 3600 kg m^2 s^-2;
    bar = 1e5 kg m^-1 s^-2; L l = 1e-3 m^3; pc = 3.0856775814913673e16 m""")
_WHOLE = _table("""
    min = 60 s; h hr = 3600 s; d = 86400 s; week = 604800 s; yr = 31557600 s; Å = 1e-10 m; ft = 0.3048 m;
    inch = 0.0254 m; mi = 1609.344 m; yd = 0.9144 m; ly = 9.4607304725808e15 m; AU = 149597870700 m;
    mph = 0.44704 m s^-1; hp = 745.69987158 kg m^2 s^-3; atm = 101325 kg m^-1 s^-2; psi = 6894.757293 kg m^-1 s^-2;
    mmHg = 133.322387 kg m^-1 s^-2; amu = 1.66053906660e-27 kg; erg = 1e-7 kg m^2 s^-2; bit = 1 bit;
    deg ° = 0.01745329251994329577 rad; rev = 6.28318530717958647693 rad; rpm = 0.10471975511965977462 rad s^-1""")
_WORDS = _table("""
    meter metre = m; gram = g; second sec = s; ampere amp = A; kelvin = K; mole = mol; radian = rad; hertz = Hz;
    newton = N; joule = J; watt = W; pascal = Pa; volt = V; coulomb = C; farad = F; ohm = Ω; henry = H; tesla = T;
    weber = Wb; electronvolt = eV; calorie = cal; liter litre = L; minute = min; hour = h; day = d; week = week;
    year = yr; angstrom = Å; foot feet = ft; inch = inch; mile = mi; yard = yd; lightyear = ly; horsepower = hp;
    atmosphere = atm; degree = deg; revolution = rev; bit = bit""")
_COMPOUND = (
    "m/s",
    "km/s",
    "km/h",
    "m/min",
    "ft/s",
    "ft/s^2",
    "rad/s",
    "deg/s",
    "L/min",
    "L/h",
    "per min",
    "per h",
    "per d",
)
_SPELLINGS = (
    (r"^{\circ}", "°"),
    (r"^\circ", "°"),
    (r"\cdot", "·"),
    (r"\Omega", "Ω"),
    ("Ω", "Ω"),
    ("{", "("),
    ("}", ")"),
)
# An offset apart from each other, and C and F are written for the degrees too.
_TEMPERATURE = re.compile(r"C|F|[mkM]?K|kelvins?|(?:°|deg(?:ree)?s?\b)\s?[CFK]\b.*")
_ONE = Unit(Fraction(1), ())
_FACTOR = re.compile(r"(?P<name>[^\W\d_]+|°)(?:\^?\(?(?P<power>[-+]?[0-9])\)?)?")
_SEPARATOR = re.compile(r"\s*([·⋅*×/])\s*|\s+")
_GROUP = re.compile(r"/\s*\(([^()/]*)\)$")
_POWER_OF_TEN = re.compile(r"(?:[x×*·⋅]\s?)?10\s?\^\s?\(?\s?(?P<power>[-+]?\s?[0-9]{1,2})\s?\)?\s*")


@lru_cache(maxsize=1024)
def parse(text: str) -> Unit | None:
    """The unit that the whole cleaned text names, `10^4 m/s` included, or None. Never raises on text."""
    body = text.strip()
    for source, target in _SPELLINGS:
        body = body.replace(source, target)
    if not body or len(body) > MAX_CHARS or _TEMPERATURE.fullmatch(body):
        return None
    scale, head = Fraction(1), _POWER_OF_TEN.match(body)
    if head:
        scale, body = Fraction(10) ** int(head["power"].replace(" ", "")), body[head.end() :]
    body = re.sub(r"\s+per\s+|^per\s+", "/", body)
    below = _GROUP.search(body)
    parts = [(body[: below.start()] if below else body, 1), (below[1] if below else "", -1)]
    unit = Unit(scale, ())
    for part, sign in parts:
        factor = _product(part, sign) if part.strip() else _ONE
        if factor is None:
            return None
        unit = _times(unit, factor, 1)
    return unit if unit.dimension and all(abs(power) <= MAX_POWER for _, power in unit.dimension) else None


@cache
def alike(unit: Unit) -> tuple[Unit, ...]:
    """All units in common use, prefixes included, that have the dimension of `unit`."""
    names = [*_WHOLE, *_COMPOUND, *(prefix + symbol for symbol in _PREFIXED for prefix in ("", *_PREFIXES))]
    known = [parse(name) for name in names]
    return tuple({found for found in known if found and found.dimension == unit.dimension})


def _product(text: str, sign: int) -> Unit | None:
    """Product of the factors; None when one is unknown, or when it is open what a slash divides by."""
    unit, position, divides, was_divided = _ONE, 0, False, False
    body = text.strip()
    if body.startswith("/"):
        body, divides = body[1:].strip(), True
    while position < len(body):
        found = _FACTOR.match(body, position)
        named = _named(found["name"]) if found else None
        if found is None or named is None or (was_divided and not divides):
            return None
        power = int(found["power"] or 1) * (-1 if divides else 1) * sign
        unit, was_divided, position = _times(unit, named, power), was_divided or divides, found.end()
        separator = _SEPARATOR.match(body, position)
        if position < len(body) and separator is None:
            return None
        divides, position = bool(separator and separator[1] == "/"), separator.end() if separator else position
    return None if divides else unit


def _times(one: Unit, other: Unit, power: int) -> Unit:
    exponents = dict(one.dimension)
    for name, exponent in other.dimension:
        exponents[name] = exponents.get(name, 0) + exponent * power
    dimension = tuple(sorted((name, exponent) for name, exponent in exponents.items() if exponent))
    return Unit(one.size * other.size**power, dimension)


@lru_cache(maxsize=1024)
def _named(name: str) -> Unit | None:
    """The unit of one symbol or word, with its prefix."""
    if name in _WHOLE or name in _PREFIXED:
        return _defined(_WHOLE.get(name) or _PREFIXED[name])
    base = _defined(_PREFIXED[name[1:]]) if name[:1] in _PREFIXES and name[1:] in _PREFIXED else None
    if base:
        return Unit(base.size * Fraction(10) ** _PREFIXES[name[0]], base.dimension)
    return _spelled(name.lower())


def _spelled(word: str) -> Unit | None:
    if word in _WORDS:
        return _named(_WORDS[word])
    if word.endswith("es") and word[:-2] in _WORDS:
        return _named(_WORDS[word[:-2]])
    if word.endswith("s"):
        return _spelled(word[:-1])
    for prefix, power in _PREFIX_WORDS.items():
        rest = word.removeprefix(prefix)
        if rest != word and _WORDS.get(rest) in _PREFIXED:
            base = _named(_WORDS[rest])
            return Unit(base.size * Fraction(10) ** power, base.dimension) if base else None
    return None


@cache
def _defined(text: str) -> Unit:
    size, *factors = text.split()
    exponents = [(name, int(power or 1)) for name, _, power in (factor.partition("^") for factor in factors)]
    return Unit(Fraction(size), tuple(sorted(exponents)))
