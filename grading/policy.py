"""When a difficulty check passes or fails, in which waves the panel is asked, and when agreement against the key
alarms.

Pure: one verdict per member of the panel goes in, None for a member that has no result yet. A check passes only when
every member is scored; it fails as soon as enough members were right, whatever else is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from grading.enums import Verdict

POLICY_VERSION = "1"
EXACT_MATCH = "exactMatch"
MULTIPLE_CHOICE = "multipleChoice"


@dataclass(frozen=True)
class PolicyRule:
    """Thresholds of one policy version. HLE states two rules for multiple choice; both are kept, and both must hold."""

    exact_max_correct: int = 0
    choice_max_correct: int = 1
    choice_mean_below_chance: bool = True
    version: str = POLICY_VERSION


class Outcome(StrEnum):
    """State of a check: open while members have no result, parked when all have one but some are unscored."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    OPEN = "open"
    PARKED = "parked"


@dataclass(frozen=True)
class KeyAlarm:
    """An answer that several models gave independently and that is not the key."""

    answer: str
    count: int
    mean_confidence: float


def decide(
    *, answer_type: str, n_options: int = 0, verdicts: Sequence[Verdict | str | None], rule: PolicyRule | None = None
) -> Outcome:
    """Outcome for a whole panel, `verdicts` holding one entry per member in any order.

    Raises ValueError for an empty panel, an unknown answer type, or multiple choice with fewer than two options.
    """
    _check(answer_type, n_options, len(verdicts))
    if _too_many_correct(answer_type, n_options, verdicts, rule or PolicyRule()):
        return Outcome.FAIL
    if None in verdicts:
        return Outcome.OPEN
    if Verdict.UNSCORED in verdicts:
        return Outcome.PARKED
    return Outcome.PASS


def waves(n_members: int, sizes: Sequence[int] = (2, 2)) -> list[range]:
    """Positions of the panel's members wave by wave; what the sizes leave over is the last wave."""
    bounds, start = [], 0
    for size in sizes:
        bounds.append(range(start, min(start + size, n_members)))
        start += size
    bounds.append(range(min(start, n_members), n_members))
    return [wave for wave in bounds if wave]


def needs_wave(
    *,
    wave: int,
    answer_type: str,
    n_options: int = 0,
    verdicts: Sequence[Verdict | str | None],
    rule: PolicyRule | None = None,
    sizes: Sequence[int] = (2, 2),
) -> bool:
    """Whether wave number `wave` (from 0) is due: some of its members have no result, and the question is still alive.

    All earlier members must have a result, but it may be unscored: one provider's outage does not hold up the others.
    `verdicts` is in the order of the panel.
    """
    members = waves(len(verdicts), sizes)
    if wave >= len(members):
        return False
    due = None in [verdicts[position] for position in members[wave]]
    earlier_settled = None not in verdicts[: members[wave].start]
    alive = decide(answer_type=answer_type, n_options=n_options, verdicts=verdicts, rule=rule) is not Outcome.FAIL
    return due and earlier_settled and alive


def key_alarm(
    answers: Sequence[tuple[str, int | None]], key: str, *, min_agreeing: int = 2, min_confidence: float = 0
) -> KeyAlarm | None:
    """The most frequent answer other than the key, if `min_agreeing` models gave it with enough mean confidence.

    `answers` and `key` are in the canonical form of `matching.canonical`; empty answers never agree. A missing
    confidence counts as 100, as in HLE. Wrong answers to multiple choice meet by chance: ask for
    `choice_agreement(panel size)` there.
    """
    given = [(answer, 100 if confidence is None else confidence) for answer, confidence in answers if answer]
    counts = Counter(answer for answer, _ in given if answer != key)
    for answer, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        mean = sum(confidence for other, confidence in given if other == answer) / count
        if count >= min_agreeing and mean >= min_confidence:
            return KeyAlarm(answer=answer, count=count, mean_confidence=mean)
    return None


def choice_agreement(n_members: int) -> int:
    """How many models must meet on one wrong option to alarm: a majority, since six guessers always meet in pairs."""
    return max(2, n_members // 2 + 1)


def _check(answer_type: str, n_options: int, n_members: int) -> None:
    if answer_type not in {EXACT_MATCH, MULTIPLE_CHOICE}:
        raise ValueError(f"unknown answer type {answer_type!r}")
    if answer_type == MULTIPLE_CHOICE and n_options < 2:
        raise ValueError(f"multiple choice with {n_options} options")
    if n_members == 0:
        raise ValueError("a panel without members decides nothing")


def _too_many_correct(
    answer_type: str, n_options: int, verdicts: Sequence[Verdict | str | None], rule: PolicyRule
) -> bool:
    """Whether the correct answers at hand rule out a pass. They only grow, so this never turns back."""
    correct = sum(verdict == Verdict.CORRECT for verdict in verdicts)
    if answer_type == EXACT_MATCH:
        return correct > rule.exact_max_correct
    at_chance = rule.choice_mean_below_chance and correct * n_options >= len(verdicts)
    return correct > rule.choice_max_correct or at_chance
