"""Comparing by letters and words: what disguises change, what honest neighbours do not, and the limits of the table."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questions.duplicates import text
from questions.duplicates.search import FAMILY_FROM, FOUND_FROM
from tests.questions.duplicates import disguises
from tests.questions.duplicates.disguises import Text

PLAIN = "A chain of 1,000,000 links hangs from the ceiling; find $x^2$ when the fraction is $\\frac{1}{2}$ of 3.5 cm"


def alike(one: str, other: str) -> float:
    return text.similarity(text.comparable([one]), text.comparable([other]))


def score(one: Text, other: Text) -> float:
    return text.similarity(*(text.comparable(text.parts_of(side.prompt, side.options)) for side in (one, other)))


@pytest.mark.parametrize(
    "disguised",
    [
        PLAIN.replace("a", "а").replace("o", "о").replace("C", "С").replace("e", "е"),  # Cyrillic
        PLAIN.replace("o", "ο").replace("A", "Α").replace("n", "η"),  # Greek
        "\u200b".join(PLAIN),
        "\u3164".join(PLAIN),
        "".join(chr(ord(char) + 0xFEE0) if "a" <= char <= "z" and char not in "frac" else char for char in PLAIN),
        PLAIN.replace(" ", "\u00a0\n\t"),
        PLAIN.replace("1,000,000", "1000000"),
        PLAIN.replace("1,000,000", "1 000 000"),
        PLAIN.replace("1,000,000", "$1{,}000{,}000$"),
        PLAIN.replace("3.5", "3.500"),
        PLAIN.replace("\\frac", "\\dfrac").replace("$x", "$\\,\\left x"),
        PLAIN.replace("cm", "\\mathrm{cm}"),
        PLAIN.upper().replace("\\FRAC", "\\frac"),
        PLAIN.replace("i", "i\u0301\u0302\u0303"),
    ],
)
def test_a_disguise_changes_nothing(disguised: str) -> None:
    assert disguised != PLAIN
    assert alike(PLAIN, disguised) == 1


def test_the_order_of_choices_changes_nothing_and_their_text_does() -> None:
    options = ["red light", "blue light", "green light", "no light at all", "white noise"]
    one = text.comparable(text.parts_of("What is seen?", options))

    assert text.similarity(one, text.comparable(text.parts_of("What is seen?", options[::-1]))) == 1
    assert text.similarity(one, text.comparable(text.parts_of("What is seen?", ["a", "b", "c", "d", "e"]))) < 0.4


@pytest.mark.parametrize(
    "honest",
    [
        "Сколько рёбер в полном графе с двенадцатью вершинами без петель?",
        "Πόσες ακμές έχει ένας πλήρης γράφος με δώδεκα κορυφές;",
        "十二個の頂点を持つ完全グラフには辺がいくつありますか。",
        "열두 개의 꼭짓점을 가진 완전 그래프에는 변이 몇 개 있습니까?",
        "कितने किनारे होते हैं जब शीर्ष बारह हों?",
    ],
)
def test_a_text_in_its_own_script_is_like_itself_and_like_nothing_else(honest: str) -> None:
    assert alike(honest, f" {honest}\u200b") == 1
    assert alike(honest, PLAIN) < 0.1


def test_a_changed_word_of_an_ideographic_text_leaves_it_near() -> None:
    assert (
        alike(
            "十二個の頂点を持つ完全グラフには辺がいくつありますか。",
            "十二個の頂点を持つ完全グラフには弧がいくつありますか。",
        )
        > FOUND_FROM
    )


@pytest.mark.parametrize(("one", "other"), [("", ""), ("", "a"), ("$$ ?! \u200b", "a"), ("\ud800", "a")])
def test_a_text_without_letters_is_like_nothing(one: str, other: str) -> None:
    assert alike(one, other) == 0


def test_similarity_is_the_coefficient_worked_out_by_hand() -> None:
    # letters abcdefg and abcdefh: 3 pieces of 5 each, 2 in common; words: 1 of 2 in common
    assert alike("abcdef g", "abcdef h") == pytest.approx(max(2 / 3, (2 / 3 + 1 / 2) / 2))


@given(st.text(), st.text())
def test_similarity_is_a_symmetric_share(one: str, other: str) -> None:
    found = alike(one, other)

    assert 0 <= found <= 1
    assert found == alike(other, one)


@given(st.text())
def test_any_text_has_a_sketch_that_depends_on_its_letters_only(given_text: str) -> None:
    sketch = text.sketch(text.comparable([given_text]))

    assert len(sketch) in {0, text.BANDS}
    assert all(0 <= value < 2**63 for value in sketch)
    assert sketch == text.sketch(text.comparable([given_text + " \u200b"]))


def test_a_sketch_is_the_same_in_every_process() -> None:
    assert text.sketch(text.comparable(["twelve vertices"]))[:2] == [1420802768822938711, 3170012866632249761]


def test_marks_are_shared_as_often_as_the_formula_says() -> None:
    rng = random.Random(1)
    shared = 0
    for _trial in range(200):
        pieces = [str(rng.random()) for _piece in range(80)]
        one, other = (text.Comparable(Counter(), frozenset(part)) for part in (pieces[:64], pieces[16:]))
        shared += len({*text.sketch(one)} & {*text.sketch(other)})

    # 48 of 80 pieces in common: j = 0.6
    assert shared / 200 / 64 == pytest.approx(0.6**5, rel=0.15)


def rates(seed: int, n_disguised: int, n_honest: int, threshold: float) -> tuple[float, float]:
    copies, honest = disguises.pairs(seed, n_disguised, n_honest)
    recall = sum(score(*one) >= threshold for one in copies) / n_disguised
    return recall, sum(score(*one) >= threshold for one in honest) / n_honest


@pytest.mark.parametrize("threshold", [FOUND_FROM, FAMILY_FROM])
def test_disguised_questions_are_found_and_honest_neighbours_are_not(threshold: float) -> None:
    recall, false_alarms = rates(7, 64, 250, threshold)

    assert recall >= 0.98
    assert false_alarms <= 0.01


@pytest.mark.long
@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("threshold", [FOUND_FROM, FAMILY_FROM])
def test_five_hundred_disguises_and_two_thousand_neighbours(seed: int, threshold: float) -> None:
    recall, false_alarms = rates(seed, 500, 2000, threshold)

    assert recall >= 0.98
    assert false_alarms <= 0.01


@pytest.mark.parametrize("kind", disguises.DISGUISES)
def test_every_disguise_changes_the_text(kind: object) -> None:
    rng = random.Random(3)
    texts = [disguises.question(rng).prompt for _number in range(20)]

    assert sum(kind(rng, one) != one for one in texts) >= 10
