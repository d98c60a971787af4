"""A senior reviewer settles what the reviewers of a round could not."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from questions.workflow import Refused
from review import rounds
from review.actions.reviews import MIN_FEEDBACK
from review.assignment import complete, own
from review.enums import (
    OPEN_ASSIGNMENTS,
    Audience,
    RoundKind,
    RoundOutcome,
)
from review.models import (
    Assignment,
    Comment,
    Round,
)


@transaction.atomic
def adjudicate(*, assignment: Assignment, by: Any, outcome: str, reason: str, feedback: str = "") -> Round:
    """Settle an adjudication: a senior reviewer says where the question goes. `feedback` is what the contributor reads."""
    rounds.lock_question(assignment.round.question)
    round_ = rounds.lock_round(assignment.round)
    locked = own(assignment, by, *OPEN_ASSIGNMENTS)
    if round_.kind != RoundKind.ADJUDICATION or not by.has_perm("review.adjudicate", round_.question):
        raise PermissionDenied("review.adjudicate")
    if outcome not in possible_outcomes(round_):
        raise Refused([_("Choose where the question goes.")])
    if not reason.strip():
        raise Refused([_("Give a reason: the organisers read it.")])
    if outcome == RoundOutcome.CHANGES and len(feedback.strip()) < MIN_FEEDBACK:
        raise Refused([_("Tell the contributor what should change, in at least a sentence.")])
    if feedback.strip():
        Comment.objects.create(
            question=round_.question, round=round_, audience=Audience.CONTRIBUTOR, text=feedback.strip(), by=by
        )
    complete(locked)
    rounds.finish(round_=round_, outcome=RoundOutcome(outcome), reason=reason.strip(), by=by)
    return round_


def possible_outcomes(round_: Round) -> list[RoundOutcome]:
    """Return where an adjudication may lead; approval is recommended only once round 2 has judged the question."""
    outcomes = [RoundOutcome.NEXT_ROUND, RoundOutcome.CHANGES, RoundOutcome.REJECTION]
    was_selected = round_.question.rounds.filter(kind=RoundKind.SECOND, settled_at__isnull=False)
    if was_selected.exclude(outcome=RoundOutcome.CANCELLED).exists():
        outcomes.insert(0, RoundOutcome.APPROVAL)
    return outcomes
