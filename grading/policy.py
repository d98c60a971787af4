"""When a difficulty check passes or fails, whom it asks next, and whether it is confirmed.

Pure: one verdict per member of the panel and draw goes in, None for one that has no result yet. A check passes only
when every member is scored; it fails as soon as enough members were right, whatever else is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from grading.enums import Verdict

POLICY_VERSION = "1"
EXACT_MATCH = "exactMatch"
MULTIPLE_CHOICE = "multipleChoice"


@dataclass(frozen=True)
class PolicyRule:
    """Thresholds of one policy version. HLE states two rules for multiple choice; both are kept, and both must hold.

    `confirmation_rounds` further draws of the whole panel stand before a pass of every multiple-choice item
    (`confirm_choice`) and of each try from number `confirm_from_try` on; 0 rounds: none.
    """

    exact_max_correct: int = 0
    choice_max_correct: int = 1
    choice_mean_below_chance: bool = True
    confirmation_rounds: int = 0
    confirm_choice: bool = True
    confirm_from_try: int = 2
    confirm_max_correct: int = 1
    version: str = POLICY_VERSION


class Outcome(StrEnum):
    """State of a check: open while members have no result, parked when all have one but some are unscored."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    OPEN = "open"
    PARKED = "parked"


def decide(
    *, answer_type: str, n_options: int = 0, verdicts: Sequence[Verdict | str | None], rule: PolicyRule | None = None
) -> Outcome:
    """Outcome for a whole panel, `verdicts` holding one entry per member in any order.

    Raises ValueError for an empty panel, an unknown answer type, or multiple choice with fewer than two options.
    """
    _check(answer_type, n_options, len(verdicts))
    if _too_many_correct(answer_type, n_options, verdicts, rule or PolicyRule()):
        return Outcome.FAIL
    return _unless_failed(verdicts)


def waves(n_members: int, sizes: Sequence[int] = (2, 2)) -> list[range]:
    """Positions of the panel's members wave by wave; what the sizes leave over is the last wave."""
    bounds, start = [], 0
    for size in sizes:
        bounds.append(range(start, min(start + size, n_members)))
        start += size
    bounds.append(range(min(start, n_members), n_members))
    return [wave for wave in bounds if wave]


def rounds_to_confirm(*, answer_type: str, try_number: int, rule: PolicyRule) -> int:
    """How many further draws of the panel stand before a pass of this try, which counts from 1."""
    is_choice = answer_type == MULTIPLE_CHOICE and rule.confirm_choice
    return rule.confirmation_rounds if is_choice or try_number >= rule.confirm_from_try else 0


def decide_confirmation(
    *, answer_type: str, n_options: int = 0, verdicts: Sequence[Verdict | str | None], rule: PolicyRule
) -> Outcome:
    """Outcome of the further draws, `verdicts` holding one entry per member and round in any order.

    It passes with at most `confirm_max_correct` right answers to exact match, and below chance level for multiple
    choice. Raises ValueError as `decide` does.
    """
    _check(answer_type, n_options, len(verdicts))
    correct = _n_correct(verdicts)
    is_choice = answer_type == MULTIPLE_CHOICE
    is_failed = correct * n_options >= len(verdicts) if is_choice else correct > rule.confirm_max_correct
    return Outcome.FAIL if is_failed else _unless_failed(verdicts)


def decide_check(
    *, answer_type: str, n_options: int = 0, draws: Sequence[Sequence[Verdict | str | None]], rule: PolicyRule
) -> Outcome:
    """Outcome of a whole check: of its first draw, and of the further ones if there are any once that passes."""
    first, *further = draws
    outcome = decide(answer_type=answer_type, n_options=n_options, verdicts=first, rule=rule)
    if outcome is not Outcome.PASS or not further:
        return outcome
    verdicts = [verdict for draw in further for verdict in draw]
    return decide_confirmation(answer_type=answer_type, n_options=n_options, verdicts=verdicts, rule=rule)


class Due(NamedTuple):
    """Which members a check asks next, by position in its plan, and in which draw."""

    draw: int
    positions: list[int]


def ask_next(
    *,
    answer_type: str,
    n_options: int = 0,
    waves: Sequence[Sequence[int]],
    draws: Sequence[Sequence[Verdict | str | None]],
    rule: PolicyRule,
) -> Due | None:
    """Whom a check asks once nothing is under way: the next wave, then round by round the further draws.

    None when the check is decided, or when nobody is left to ask (it is parked). An unscored member does not hold up
    the others: one provider's outage costs no time. Rounds are asked one after the other because an item that came
    through by luck mostly fails in the first.
    """
    if decide_check(answer_type=answer_type, n_options=n_options, draws=draws, rule=rule) in {
        Outcome.PASS,
        Outcome.FAIL,
    }:
        return None
    first, *further = draws
    for wave in waves:
        if missing := [position for position in wave if first[position] is None]:
            return Due(0, missing)
    if decide(answer_type=answer_type, n_options=n_options, verdicts=first, rule=rule) is not Outcome.PASS:
        return None
    for number, verdicts in enumerate(further, start=1):
        if missing := [position for position, verdict in enumerate(verdicts) if verdict is None]:
            return Due(number, missing)
    return None


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
    correct = _n_correct(verdicts)
    if answer_type == EXACT_MATCH:
        return correct > rule.exact_max_correct
    at_chance = rule.choice_mean_below_chance and correct * n_options >= len(verdicts)
    return correct > rule.choice_max_correct or at_chance


def _n_correct(verdicts: Sequence[Verdict | str | None]) -> int:
    return sum(verdict == Verdict.CORRECT for verdict in verdicts)


def _unless_failed(verdicts: Sequence[Verdict | str | None]) -> Outcome:
    if None in verdicts:
        return Outcome.OPEN
    return Outcome.PARKED if Verdict.UNSCORED in verdicts else Outcome.PASS
