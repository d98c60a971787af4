"""Numbers, with their precision and their units: key, answer, and what is decided or left to the judge."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.grading.matching.pairs import (
    DIFFERENT,
    EQUAL,
    UNDECIDED,
    repeatable,
    result,
)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("42", "42.0"),
        ("42", "+42"),
        ("42", "x = 42"),
        ("42", "The final answer is $\\boxed{42}$."),
        ("42", "\\boxed{42} cm"),
        ("42", "f(2) = 42"),
        ("42", "The answer is 42."),
        ("42", "The number of ways to choose them is 42"),
        ("0.75", "The probability of a sum of 7 is 3/4"),
        ("42", "approximately 42"),
        ("42", "42 apples"),
        ("42", "42 m/s^2"),
        ("42", "$42"),
        ("42 m", "42 m"),
        ("42 kg", "42"),
        ("1200", "1,200"),
        ("1200", "1{,}200"),
        ("1200", "1\u202f200"),
        ("120000", "1.2e5"),
        ("120000", "1.2 \\times 10^5"),
        ("120000", "1.2×10⁵"),
        ("120000", "$1.2\\cdot10^{5}$"),
        ("5000000", "5 million"),
        ("100000", "10^5"),
        ("-5", "−5"),
        ("1/2", "0.5"),
        ("1/2", "\\frac12"),
        ("1/2", "\\dfrac{1}{2}"),
        ("1/2", "½"),
        ("3.5", "3½"),
        ("1/2", "2/4"),
        ("0.05", "5%"),
        ("5", "5%"),
        ("5%", "0.05"),
        ("3628800", "10!"),
        ("\\sqrt{8}", "2\\sqrt{2}"),
        ("2\\pi", "2π"),
        ("\\frac{\\sqrt{2}}{3}", "sqrt(2)/3"),
        ("1.42", "1.4203"),
        ("1.42", "1.416"),
        ("1.42", "1.4249"),
        ("0.333", "1/3"),
        ("0.333", "1/3 ≈ 0.33333"),
        ("7.853", "7.8539816"),  # a key that was cut, not rounded
        ("2.7182818", "2.718"),
        ("1.0", "1"),
        ("4.63e8", "463000000.0"),
    ],
)
def test_numbers_equal_at_the_stated_precision(key, answer):
    assert result(key, answer) is EQUAL


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("42", "42.4"),
        ("59", "approximately 60"),
        ("59", "The number of them is about 60"),
        ("5", "Written in base 2 it is 101"),
        ("5", "101_2"),
        ("41", "41.8"),  # 2 %
        ("9.81", "10"),
        ("33400", "33389"),  # either may be the rounded one
        ("33389", "33400"),
        ("0.525", "0.5"),  # the key rounds to the answer
        ("3.9", "4"),
        ("1.42", "1.43"),
        ("1.42", "1.4"),
        ("2.7182818", "2.72"),
        ("36.609", "36.60"),  # the key cut off, not rounded
        ("0.5", "0.46"),  # rounds to the key, but 8 % off
        ("0.5", "0.6"),  # one unit of the last stated place
        ("0.17", "0.16"),
        ("1/3", "0.333"),
        ("1/3", "0.3333333333"),
        ("\\pi", "3.14159"),
        ("16", "15.6"),  # a decimal that rounds to a whole key
        ("0", "1e-17"),
        ("42", "4.2 cm"),
        ("420", "\\boxed{0.42} Gbytes"),
        ("42", "4 \\boxed{2}"),
        ("42", "not \\boxed{42}"),
        ("5 m", "5 kg"),
        ("5 pairs", "10 apples"),
        ("1.12", "11.2"),  # magnitude alone
        ("1.12", "11.18 × 10^3 m/s"),
        ("0.05", "5"),
        ("90", "pi/2"),
        ("7", "007"),
        ("22", "022"),
        ("5.5", "5-6"),
        ("5", "5-6"),
        ("3.5", "3 1/2"),
        ("3.5", "3\\frac{1}{2}"),
        ("1.5", "1,5"),
        ("1234.56", "1.234,56"),
        ("2018", "2024-1-5"),
        ("5", "5x"),
        ("5", "5n"),
        ("5", "$5L$"),
        ("5", "5 or 6"),
        ("5", "5 or more"),
        ("5", "between 4 and 5"),
        ("5", "5 ± 0.1"),
        ("5.5", "more than 5"),
        ("5.5", "it is more than 5"),
        ("5.5", "It lies between 5 and 6"),
        ("42", "It is not 7"),
        ("42", "Half of it is 21 m"),
        ("42", "If n is even the number is 7"),
        ("42", "The width is 6 and the height is 7"),
        ("42", "First I add. The sum is 7"),
        ("5.5", "5 to 6"),
        ("11", "5 6"),
        ("5", "\\boxed{5} or \\boxed{6}"),
        ("0.159", "1/2pi"),
        ("0", "no solution"),
        ("0", "undefined"),
        ("42", "g"),
        ("3", "the same as before"),
        ("42", "twenty one doubled"),
        ("12", "a dozen"),
    ],
)
def test_numbers_in_doubt_go_to_the_judge(key, answer):
    assert result(key, answer) is UNDECIDED


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("42", "43"),
        ("1953125000000003", "1953125000000004"),
        ("60", "59"),
        ("42", "43.9"),
        ("3", "3.4"),
        ("0", "0.3"),
        ("1.56", "1.625"),
        ("42", "\\boxed{7} cm"),
        ("42", "-42"),
        ("42", "7"),
        ("42", "1/42"),
        ("1.42", "1.5"),
        ("1/3", "0.5"),
        ("2\\pi", "7"),
        ("0", "3"),
        ("120000", "1.3 \\times 10^5"),
        ("0.05", "7%"),
        ("42", "infinity"),
        ("42", "\\infty"),
        ("42", "does not exist"),
        ("42", "It cannot be determined."),
        ("0", "infinite"),
        ("42", "I do not know"),
        ("42", "[7, 8]"),
        ("42", "The maximum is 7"),
        ("42", "The number of 5 cycles is 7"),
        ("42", "The maximum value of f((1 + i)/2) is 7"),
        ("42", "The largest value of the sum is approximately 78"),
    ],
)
def test_numbers_clearly_different(key, answer):
    assert result(key, answer) is DIFFERENT


integers = st.integers(min_value=-(10**12), max_value=10**12)
decimals = st.decimals(min_value=-(10**6), max_value=10**6, places=4).filter(bool)


@repeatable
@given(integers, integers)
def test_whole_numbers_are_equal_only_if_they_are_the_same(one, other):
    assert (result(str(one), str(other)) is EQUAL) == (one == other)


@repeatable
@given(integers, integers)
def test_whole_numbers_that_differ_are_in_doubt_only_if_one_may_be_rounded_or_a_unit_is_missing(one, other):
    found = result(str(one), str(other))

    if one != other and found is UNDECIDED:
        is_near = abs(one - other) <= abs(one) * 0.02
        assert (is_near and "0" in {str(one)[-1], str(other)[-1]}) or (one * other > 0 and not is_near)


@repeatable
@given(decimals, st.decimals(min_value="-0.02", max_value="0.02", places=6))
def test_no_decimal_within_two_percent_is_called_different(key, error):
    assert result(str(key), str(key * (1 + error))) is not DIFFERENT


@repeatable
@given(decimals)
def test_rounding_to_the_places_of_the_key_is_equal(value):
    assume(abs(value) >= 1)

    assert result(f"{value:.2f}", str(value)) is EQUAL


@repeatable
@given(integers.filter(bool), st.integers(min_value=1, max_value=10**6))
def test_a_fraction_equals_its_expansion_but_not_its_decimals(upper, lower):
    fraction = Fraction(upper, lower)
    key = f"{fraction.numerator}/{fraction.denominator}"

    assert result(key, f"\\frac{{{upper}}}{{{lower}}}") is EQUAL
    if 3 in {fraction.denominator % 9, fraction.denominator % 7}:
        assert result(key, f"{float(fraction):.6g}") is not DIFFERENT
