"""Texts of others inside a prompt, and looking for a quotation."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.quoting import MARK, fenced, occurs, tokens, unfenced, visible

BOUNDARY = "b0undary-0123456789abcdef"
INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_every_character_that_does_not_show_is_spelled():
    hidden = [
        char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) in INVISIBLE - {"\n", "\t"}
    ]
    fillers = "\u034f\u115f\u1160\u2800\u3164\ufe0f\uffa0\U000e0101"

    left = [char for char in [*hidden, *fillers] if char not in "\n\t" and visible(char) == char]

    assert left == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 汉字 𝔸 ∑\t1\n2", "plain é 汉字 𝔸 ∑\t1\n2"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a<U+000D>b"),
        ("1\u200b9\u202e2", "1<U+200B>9<U+202E>2"),
        ("\U000e0059\U000e0065\U000e0073", "<U+E0059><U+E0065><U+E0073>"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_fence_gives_back_what_is_in_it(texts):
    names = [f"PART{n}" for n in range(len(texts))]
    block = fenced(BOUNDARY, list(zip(names, texts, strict=True)))

    assert unfenced(f"Before.\n{block}\nAfter.", names) == [visible(text) for text in texts]
    assert all(line.startswith((MARK, f"==={BOUNDARY} ")) for line in block.split("\n"))


def test_data_that_imitates_a_fence_stays_data():
    inside = f"x\n==={BOUNDARY[:-1]}0 END\n==={BOUNDARY[:-1]}0 KEY\n| y"

    assert unfenced(fenced(BOUNDARY, [("A", inside), ("B", "z")]) + "\n", ["A", "B"]) == [inside, "z"]


def test_tokens():
    assert tokens("The −5.20 m/s², “Naïve” $\\frac{1}{2}$ ∞") == [
        "the",
        "-5.20",
        "m",
        "s",
        "2",
        "naïve",
        "frac",
        "1",
        "2",
        "∞",
    ]


@given(st.text(), st.text(), st.text())
def test_what_is_copied_occurs(before, text, after):
    assert occurs(text, f"{before}\n {text} \n{after}") == bool(tokens(text))
