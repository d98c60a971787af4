"""The default review policy, pure: submitted scores in, outcome and reason out. Source: product.md's table of rules."""

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _

from review.enums import RoundKind, RoundOutcome

PASSING_MEAN = 3
UNACCEPTABLE = 1  # a score at or below it stops a question in round 1
DOUBTFUL = 0  # a score at or below it calls a senior reviewer
WIDE_SPREAD = 3
ALLOWED = {RoundKind.FIRST: range(-1, 6), RoundKind.SECOND: range(7)}
BANDS = {
    **dict.fromkeys((5, 6), RoundOutcome.APPROVAL),
    **dict.fromkeys((3, 4), RoundOutcome.CHANGES),
    **dict.fromkeys((0, 1, 2), RoundOutcome.REJECTION),
}


class Settlement(NamedTuple):
    """Where a round leads, and why, in a sentence for the people who read it."""

    outcome: RoundOutcome
    reason: str


def settle(*, kind: str, scores: Sequence[int], quorum: int) -> Settlement | None:
    """Return where the submitted scores lead, or None while the quorum is not reached.

    The order of the scores does not matter. An adjudication has no scores: it is settled by its senior reviewer, so it is
    always None here. Raises ValueError for a score that the scale of the round does not have, or a quorum below 1.
    """
    if quorum < 1:
        raise ValueError(f"quorum {quorum} is below 1")
    if kind == RoundKind.ADJUDICATION:
        return None
    outside = [score for score in scores if score not in ALLOWED[RoundKind(kind)]]
    if outside:
        raise ValueError(f"scores {outside} are not on the scale of {kind}")
    if len(scores) < quorum:
        return None
    return _first(scores) if kind == RoundKind.FIRST else _second(scores)


def _first(scores: Sequence[int]) -> Settlement:
    lowest, highest = min(scores), max(scores)
    if lowest <= DOUBTFUL:
        return Settlement(RoundOutcome.ADJUDICATION, _("A reviewer was unsure or would discard the question."))
    if highest - lowest >= WIDE_SPREAD:
        return Settlement(
            RoundOutcome.ADJUDICATION, _("The scores lie %(spread)d apart.") % {"spread": highest - lowest}
        )
    mean = sum(scores) / len(scores)
    # compared without division, so that a mean of exactly three is one
    if sum(scores) >= PASSING_MEAN * len(scores) and lowest > UNACCEPTABLE:
        return Settlement(RoundOutcome.NEXT_ROUND, _("The mean score is %(mean).1f.") % {"mean": mean})
    return Settlement(
        RoundOutcome.CHANGES,
        _("The mean score is %(mean).1f, the lowest %(lowest)d.") % {"mean": mean, "lowest": lowest},
    )


def _second(scores: Sequence[int]) -> Settlement:
    outcomes = {BANDS[score] for score in scores}
    if len(outcomes) > 1:
        return Settlement(RoundOutcome.ADJUDICATION, _("The senior reviewers came to different recommendations."))
    return Settlement(outcomes.pop(), _("Scored %(scores)s.") % {"scores": ", ".join(map(str, sorted(scores)))})
