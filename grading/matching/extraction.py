"""Read the labelled lines out of a model's response: explanation, final answer, confidence."""

from __future__ import annotations

import re
from typing import NamedTuple

_DRESS = r"[ \t>#*_`-]{0,12}"
_NAME = r"(?P<name>explanation|(?:final[ \t]|exact[ \t])?answer|confidence)"
_COLON = r"[ \t]?[*_`]{0,3}[ \t]?[:：](?:[*_`]{1,3}(?=\s|$))?"
_LABEL = re.compile(f"^{_DRESS}{_NAME}{_COLON}", re.IGNORECASE | re.MULTILINE)
_PERCENTAGE = re.compile(r"(?P<value>[-+]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}))[ \t]*(?P<percent>\\?%)?")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


class Extracted(NamedTuple):
    """Parts of a response; None where the label is missing or nothing stands after it. Confidence in percent."""

    answer: str | None
    confidence: int | None
    explanation: str | None


class _Part(NamedTuple):
    name: str
    text: str
    is_last: bool


def extract(response: str) -> Extracted:
    """Labelled parts of `response`; of a label stated more than once, the last one counts.

    An answer runs over lines up to the next label. Without a label after it, it ends at its first blank line.
    """
    parts = _parts(response.replace("\r\n", "\n").replace("\r", "\n"))
    answers = [part for part in parts if part.name.endswith("answer")]
    confidences = [_confidence(part.text) for part in parts if part.name == "confidence"]
    explanations = [part.text.strip() for part in parts if part.name == "explanation"]
    return Extracted(
        answer=_answer(answers[-1]) if answers else None,
        confidence=confidences[-1] if confidences else None,
        explanation=(explanations[-1] or None) if explanations else None,
    )


def _parts(response: str) -> list[_Part]:
    labels = list(_LABEL.finditer(response))
    ends = [*(label.start() for label in labels[1:]), len(response)][: len(labels)]
    return [
        _Part(label["name"].lower(), response[label.end() : end], is_last=end == len(response))
        for label, end in zip(labels, ends, strict=True)
    ]


def _answer(part: _Part) -> str | None:
    text = part.text.strip()
    if part.is_last:
        text = _BLANK_LINE.split(text, maxsplit=1)[0]
    return text.strip() or None


def _confidence(text: str) -> int | None:
    """First number after the label, clamped to 0..100; a bare fraction such as 0.85 is a share, not a percentage."""
    found = _PERCENTAGE.search(text)
    if found is None:
        return None
    value = float(found["value"])
    if not found["percent"] and "." in found["value"] and 0 < value < 1:
        value *= 100
    return round(min(100.0, max(0.0, value)))
