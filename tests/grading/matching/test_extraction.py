"""What is read out of a response: answer, confidence, explanation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.matching import Extracted, extract
from tests.grading.matching.pairs import repeatable


@pytest.mark.parametrize(
    ("response", "answer", "confidence"),
    [
        ("Explanation: short.\nAnswer: 42\nConfidence: 85%", "42", 85),
        ("**Explanation:** short.\n**Answer:** 42\n**Confidence:** 85%", "42", 85),
        ("**Answer**: **42**\n**Confidence**: 85", "**42**", 85),
        ("### Answer: 42\n- Confidence: 85 %", "42", 85),
        ("Final Answer: 42\nConfidence: 85%", "42", 85),
        ("Exact Answer: 42", "42", None),
        ("answer：42\nconfidence：85％", "42", 85),
        ("Answer: 41\nWait, no.\nAnswer: 42\nConfidence: 10%\nConfidence: 90%", "42", 90),
        ("Answer:\n[1,\n 2]\nConfidence: 85%", "[1,\n 2]", 85),
        ("Answer: 42\r\nConfidence: 85%", "42", 85),
        ("Answer: 42\n\nThat is all, as the 7 cases show.", "42", None),
        ("Answer: $\\boxed{42}$\nConfidence: 100%", "$\\boxed{42}$", 100),
        ("Answer:\nConfidence: 85%", None, 85),
        ("Answer:   ", None, None),
        ("The Answer: 42 is in the middle of a line.", None, None),
        ("I could not work it out.", None, None),
        ("", None, None),
        ("Answer: 42\nConfidence: high", "42", None),
        ("Answer: 42\nConfidence: 0.85", "42", 85),
        ("Answer: 42\nConfidence: 0.85%", "42", 1),
        ("Answer: 42\nConfidence: 1", "42", 1),
        ("Answer: 42\nConfidence: 110%", "42", 100),
        ("Answer: 42\nConfidence: -5%", "42", 0),
        ("Confidence: 70%\nAnswer: 42", "42", 70),
    ],
)
def test_extract_reads_the_labelled_lines(response, answer, confidence):
    extracted = extract(response)

    assert (extracted.answer, extracted.confidence) == (answer, confidence)


def test_extract_keeps_the_explanation():
    assert extract("Explanation: one\ntwo\nAnswer: 3\nConfidence: 4%") == Extracted("3", 4, "one\ntwo")


@repeatable
@given(st.text(), st.integers(min_value=0, max_value=100))
def test_extract_finds_what_is_stated_last(rambling, confidence):
    extracted = extract(f"{rambling}\n\nExplanation: x\nAnswer: 42\nConfidence: {confidence}%")

    assert extracted == Extracted("42", confidence, "x")


@repeatable
@given(st.text())
def test_extract_never_raises(response):
    assert isinstance(extract(response), Extracted)
