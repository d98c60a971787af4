"""Whether models agree against a key: several of them give one answer, each on its own, and it is not the key.

A filter that lets pass what models get wrong selects hard questions and wrong keys alike; agreement tells them apart,
though not for sure: models that learned from the same texts share mistakes. So an alarm asks people, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple

from grading import matching
from grading.matching import Result, quantities
from grading.matching.expressions import Finding
from grading.matching.quantities import Form
from grading.policy import MULTIPLE_CHOICE

FEW_ANSWERS = {"true", "false"}
NEAR, FAR = Fraction(1, 100), Fraction(1, 10)
SURE = 100  # what a model that states no confidence counts as, as in HLE


class Given(NamedTuple):
    """One model's final answer, for multiple choice in the lettering of the key, and how sure it says it is."""

    model: str
    answer: str
    confidence: int | None = None
    is_correct: bool = False


@dataclass(frozen=True)
class KeyAlarm:
    """An answer that several models gave independently and that is not the key."""

    answer: str
    models: tuple[str, ...]
    mean_confidence: float

    @property
    def count(self) -> int:
        """How many models gave it."""
        return len(self.models)


@dataclass(frozen=True)
class AlarmRule:
    """When agreement is suspicious.

    `min_agreeing` models on one open answer, which two wrong ways seldom reach; where there are few answers to choose from
    (multiple choice, yes or no) a majority of the models heard, since guessers meet there by chance. Always more than
    reached the key, which speak for it, and with a mean confidence (percent) that makes the answer likelier than not.
    """

    min_agreeing: int = 2
    min_confidence: float = 50


class _NoFormulas:
    """Formulas are compared in child processes, and pages start none: those that differ in writing count as different."""

    def compare(self, key: str, answer: str) -> Finding:
        return Finding(problem="not compared")


def against_key(
    given: Sequence[Given],
    *,
    answer_type: str,
    key: str,
    options: Sequence[str] = (),
    question: str = "",
    rule: AlarmRule | None = None,
) -> KeyAlarm | None:
    """The answer other than the key on which most models agree, if by `rule` that is suspicious; a model counts once."""
    rule = rule or AlarmRule()
    same = _Same(answer_type, key, options, question)
    heard = list({answer.model: answer for answer in given}.values())
    others = [one for one in heard if not one.is_correct and same.spelled(one.answer) and not same(one.answer, key)]
    more_than = sum(one.is_correct for one in heard)
    is_choice = answer_type == MULTIPLE_CHOICE
    for group in _groups(others, same):
        is_few = is_choice or not FEW_ANSWERS.isdisjoint(map(same.spelled, (key, group[0].answer)))
        needed = max(rule.min_agreeing, more_than + 1, len(heard) // 2 + 1 if is_few else 0)
        mean = sum(map(_confidence, group)) / len(group)
        if len(group) >= needed and mean >= rule.min_confidence:
            answer = same.spelled(group[0].answer) if is_choice else group[0].answer
            return KeyAlarm(answer, tuple(one.model for one in group), mean)
    return None


class _Same:
    """Whether two answers mean the same: spelled alike once cleaned, or equal by comparison in either direction.

    In either, because an answer that is worked out further rounds to a shorter one, never the other way round. Where the
    key is a measured number, with decimals, answers within 1 % are the same too: models round on the way, and two that err
    apart from each other seldom come so near. This is about agreement and gives no verdict.
    """

    def __init__(self, answer_type: str, key: str, options: Sequence[str], question: str) -> None:
        self.spelling = {"answer_type": answer_type, "options": options}
        self.question = question
        quantity = quantities.read(key) if answer_type != MULTIPLE_CHOICE else None
        self.is_measured = quantity is not None and quantity.form is Form.DECIMAL
        self._known: dict[str, str] = {}
        self._numbers: dict[str, Fraction | None] = {}

    def spelled(self, answer: str) -> str:
        if answer not in self._known:
            self._known[answer] = matching.canonical(answer=answer, **self.spelling)  # type: ignore[arg-type]
        return self._known[answer]

    def __call__(self, one: str, other: str) -> bool:
        if self.spelled(one) == self.spelled(other) or (self.is_measured and self._is_near(one, other)):
            return True
        return not self._is_far(one, other) and (self._reaches(one, other) or self._reaches(other, one))

    def _is_near(self, one: str, other: str) -> bool:
        distance = self._distance(one, other)
        return distance is not None and distance <= NEAR

    def _is_far(self, one: str, other: str) -> bool:
        """Whether two plain numbers are so far apart that no comparison of them is needed."""
        distance = self._distance(one, other)
        return distance is not None and distance > FAR

    def _distance(self, one: str, other: str) -> Fraction | None:
        """How far two numbers without unit or percent sign are apart, as a share of the larger; None for all else."""
        first, second = self._number(one), self._number(other)
        if first is None or second is None:
            return None
        return abs(first - second) / (max(abs(first), abs(second)) or 1)

    def _number(self, answer: str) -> Fraction | None:
        if answer not in self._numbers:
            read = quantities.read(answer)
            self._numbers[answer] = read.value if read and not read.unit and not read.is_percent else None
        return self._numbers[answer]

    def _reaches(self, key: str, answer: str) -> bool:
        found = matching.match(
            key=key,
            answer=answer,
            question=self.question,
            expressions=_NoFormulas(),
            **self.spelling,  # type: ignore[arg-type]
        )
        return found.result is Result.EQUAL


def _groups(given: Sequence[Given], same: _Same) -> list[list[Given]]:
    """For each answer those that mean the same, it first; the largest group first, of one size the surest.

    Being the same is not transitive where answers are rounded, so each group has a middle and is no chain.
    """
    alike = {one.model: [one] for one in given}
    for one, other in combinations(given, 2):
        if same(one.answer, other.answer):
            alike[one.model].append(other)
            alike[other.model].append(one)
    return sorted(alike.values(), key=_rank)


def _rank(group: list[Given]) -> tuple[Any, ...]:
    return -len(group), -sum(map(_confidence, group)), len(group[0].answer), group[0].answer


def _confidence(one: Given) -> int:
    return SURE if one.confidence is None else one.confidence
