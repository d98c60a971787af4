"""Units of measurement, and what a question says of the unit and the kind of its answer."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.matching import question, units
from tests.grading.matching.pairs import DIFFERENT, EQUAL, UNDECIDED, repeatable, result

SPEED = (("m", 1), ("s", -1))
ENERGY = (("kg", 1), ("m", 2), ("s", -2))


@pytest.mark.parametrize(
    ("text", "size", "dimension"),
    [
        ("m/s", 1, SPEED),
        ("m s^-1", 1, SPEED),
        ("m s^{-1}", 1, SPEED),
        ("meters per second", 1, SPEED),
        ("km/h", Fraction(10, 36), SPEED),
        ("10 ^ 4 m/s", 10_000, SPEED),
        ("× 10^{-3} km/s", 1, SPEED),
        ("kJ", 1000, ENERGY),
        ("N m", 1, ENERGY),
        ("N·m", 1, ENERGY),
        ("kg m^2/s^2", 1, ENERGY),
        ("MeV", Fraction("1.602176634e-13"), ENERGY),
        ("kilowatt", 1000, (("kg", 1), ("m", 2), ("s", -3))),
        ("J/(mol K)", 1, (("K", -1), ("kg", 1), ("m", 2), ("mol", -1), ("s", -2))),
        ("µs", Fraction(1, 10**6), (("s", 1),)),
        ("h", 3600, (("s", 1),)),
        ("hours", 3600, (("s", 1),)),
        ("per minute", Fraction(1, 60), (("s", -1),)),
        ("kbps", 1000, (("bit", 1), ("s", -1))),
        ("m^3", 1, (("m", 3),)),
        ("L", Fraction(1, 1000), (("m", 3),)),
    ],
)
def test_unit_is_a_size_and_a_dimension(text, size, dimension):
    assert units.parse(text) == (size, dimension)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "apples",
        "GB",
        "°C",
        "J/mol K",
        "m/",
        "m^9",
        "10^3",
        "m m m m m m m",
        "kkg",
        "x" * 100,
        "lb",
        "m/m",
        "K",
        "C",
        "degrees C",
        "deg F",
        "cd",
        "dB",
    ],
)
def test_what_is_no_unit_or_more_than_one_has_none(text):
    assert units.parse(text) is None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("How fast is it? (Unit: km/h)", "km/h"),
        ("How fast is it? (Unit: 10 ^ 4 m/s)", "10^4 m/s"),
        ("Find the energy in MeV.", "MeV"),
        ("Find the energy in $\\mathrm{MeV}$", "MeV"),
        ("What is the angle? Give the answer in $^{\\circ}$.", "deg"),
        ("What is its length (in nm) at 5 K?", "nm"),
        ("It hangs on a wire of 5 (in m). Find the force in N.", "N"),
        ("How many trees are there in a forest?", None),
        ("Give the length in m and the time in s.", None),
        ("Give the length (in m) and the time (in s), please", None),
        ("", None),
    ],
)
def test_question_names_the_unit_of_its_answer(text, unit):
    assert question.read(text).unit == (units.parse(unit) if unit else None)


@pytest.mark.parametrize(
    ("text", "is_value"),
    [
        ("What is the limit of the sequence?", True),
        ("How many trees are there with no vertex of degree 1?", True),
        ("Is the series convergent?", False),
        ("Let H be a space. Is it complete? Answer 1 for yes and 0 for no.", False),
        ("Determine whether the set is open.", False),
        ("The set is open.", False),
        ("What is the truth value of the proposition?", False),
        ("What is the output of the gate?", False),
        ("", False),
    ],
)
def test_question_asks_plainly_for_a_value(text, is_value):
    assert question.read(text).is_value is is_value


@pytest.mark.parametrize(
    ("asked", "key", "answer", "expected"),
    [
        ("Find the speed. (Unit: 10^4 m/s)", "1.12", "11.18 × 10^3 m/s", EQUAL),
        ("Find the speed. (Unit: 10^4 m/s)", "1.12", "11.2 km/s", EQUAL),
        ("Find the speed. (Unit: 10^4 m/s)", "1.12", "11.2", UNDECIDED),  # in km/s, or wrong
        ("Find the speed. (Unit: 10^4 m/s)", "1.12", "1.12 km/s", UNDECIDED),
        ("Find the speed. (Unit: 10^4 m/s)", "1.12", "15.2 km/s", DIFFERENT),
        ("Find the speed. (Unit: 10^4 m/s)", "1.12", "15.2 J", UNDECIDED),
        ("How long does it take in hours?", "2", "7200 s", EQUAL),
        ("How long does it take in hours?", "2", "120 minutes", EQUAL),
        ("How long does it take in hours?", "2", "2 h", EQUAL),
        ("How long does it take in hours?", "2", "2 s", UNDECIDED),
        ("How long does it take in hours?", "2", "5000 s", DIFFERENT),
        ("Find the angle in degrees.", "90", "\\frac{\\pi}{2} rad", EQUAL),
        ("", "2", "7200 s", UNDECIDED),  # hours may be meant
        ("", "2", "5000 s", DIFFERENT),
        ("", "2", "5 apples", UNDECIDED),
        ("", "25", "298 K", UNDECIDED),  # offsets are not worked out
        ("", "25", "77 °F", UNDECIDED),
        ("", "298", "25 C", UNDECIDED),
        ("", "298 K", "298 K", EQUAL),
        ("", "298 K", "350 K", DIFFERENT),
        ("", "5 m", "500 cm", EQUAL),
        ("", "5 m", "5 cm", DIFFERENT),
        ("", "27.8 m/s", "100 km/h", EQUAL),
        ("", "27.8 m/s", "90 km/h", DIFFERENT),
        ("", "5 m", "300", DIFFERENT),
        ("", "5 m", "500", UNDECIDED),  # cm
        ("", "5 m", "200", UNDECIDED),  # inches
        ("", "5 m", "5 s", UNDECIDED),
        ("", "10 Ω·m", "10 Ω m", EQUAL),
        ("", "6.28 rad", "2 \\pi rad", EQUAL),
        ("What is the limit?", "0", "False", DIFFERENT),
        ("Is it open? Answer 1 for yes and 0 for no.", "0", "False", UNDECIDED),
        ("", "0", "False", UNDECIDED),
    ],
)
def test_number_is_compared_in_the_unit_that_is_asked_for(asked, key, answer, expected):
    assert result(key, answer, question=asked) is expected


@repeatable
@given(st.text("mskgNJVWAKPa/^-123·( )µ10per", max_size=20))
def test_every_text_is_a_unit_or_none(text):
    unit = units.parse(text)

    assert unit is None or (unit.size > 0 and all(power for _, power in unit.dimension))


@repeatable
@given(
    st.decimals(min_value="0.001", max_value="99999", places=3),
    st.sampled_from([("m", "cm", 2), ("kg", "g", 3), ("km/s", "m/s", 3), ("MV", "V", 6), ("m^2", "cm^2", 4)]),
)
def test_a_quantity_equals_itself_in_a_smaller_unit(number, pair):
    large, small, power = pair

    assert result(f"{number} {large}", f"{number.scaleb(power):f} {small}") is EQUAL
