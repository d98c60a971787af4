"""What organisers decide over a question: the decision, changes, coming back into review."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.audit import log
from questions import workflow
from questions.enums import Action, ReasonCode, Status
from questions.models import Question, StatusChange
from questions.workflow import Refused
from review import rounds
from review.enums import (
    DecisionOutcome,
)
from review.models import (
    Decision,
    Recommendation,
)

OUTCOME_ACTIONS = {
    DecisionOutcome.APPROVE: Action.APPROVE,
    DecisionOutcome.REJECT: Action.REJECT,
    DecisionOutcome.CHANGES: Action.REQUEST_CHANGES,
}


@transaction.atomic
def decide(*, question: Question, by: Any, outcome: str, reason: str, reason_code: str = "") -> Decision:
    """Decide over a recommended question: an organiser who took no part in its review. Both content hashes are kept."""
    locked = rounds.lock_question(question)
    if not by.has_perm("review.decide", locked):
        raise PermissionDenied("review.decide")
    if outcome not in OUTCOME_ACTIONS:
        raise Refused([_("Choose a decision.")])
    if not reason.strip():
        raise Refused([_("Give a reason: the contributor reads it.")])
    if outcome == DecisionOutcome.REJECT and reason_code not in ReasonCode.values:
        raise Refused([_("Choose the kind of reason for declining.")])
    last = locked.rounds.order_by("-number").first()
    if locked.status != Status.AWAITING_DECISION or last is None:
        raise workflow.InvalidTransition(_("This question does not wait for a decision any more."))
    recommendation = Recommendation.objects.filter(round=last).first()
    revision = locked.newest
    decision = Decision.objects.create(
        question=locked,
        revision=revision,
        round=last,
        outcome=outcome,
        reason=reason.strip(),
        reason_code=reason_code if outcome == DecisionOutcome.REJECT else "",
        tested_hash=revision.tested_hash,
        supporting_hash=revision.supporting_hash,
        recommended_by=recommendation.by if recommendation else None,
        by=by,
    )
    due = {"due_at": timezone.now() + timedelta(days=settings.CHANGES_DAYS)} if outcome == "changes" else {}
    workflow.advance(
        locked,
        OUTCOME_ACTIONS[DecisionOutcome(outcome)],
        by=by,
        reason=decision.reason,
        reason_code=decision.reason_code,
        revision=revision,
        **due,
    )
    log.record("decision.create", by=by, on=decision, after=outcome)
    return decision


@transaction.atomic
def request_changes(*, question: Question, by: Any, reason: str) -> StatusChange:
    """Ask for changes while a round still runs, by a senior reviewer of the question or an organiser."""
    if not reason.strip():
        raise Refused([_("Tell the contributor what should change.")])
    return workflow.advance(
        rounds.lock_question(question),
        Action.REQUEST_CHANGES,
        by=by,
        reason=reason.strip(),
        due_at=timezone.now() + timedelta(days=settings.CHANGES_DAYS),
    )


@transaction.atomic
def reopen(*, question: Question, by: Any, reason: str) -> StatusChange:
    """Bring a closed question back into review."""
    if not reason.strip():
        raise Refused([_("Give a reason: it is logged.")])
    return workflow.advance(rounds.lock_question(question), Action.REOPEN, by=by, reason=reason.strip(), original=None)
