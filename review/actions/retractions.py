"""Taking an approved question back, by two people."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.audit import log
from questions import workflow
from questions.enums import Action, Status
from questions.models import Question, StatusChange
from questions.workflow import Refused
from review import rounds
from review.models import (
    Retraction,
)


@transaction.atomic
def propose_retraction(*, question: Question, by: Any, reason: str, public_reason: str) -> Retraction:
    """Propose to take an approved question back; a second organiser confirms."""
    locked = rounds.lock_question(question)
    if not by.has_perm("questions.retract_question", locked):
        raise PermissionDenied("questions.retract_question")
    if locked.status != Status.APPROVED:
        raise workflow.InvalidTransition(_("Only an approved question can be retracted."))
    if not reason.strip() or not public_reason.strip():
        raise Refused([_("Give both reasons: one for the log, and a short one that everybody reads.")])
    if Retraction.objects.filter(question=locked).exists():
        raise Refused([_("A retraction is proposed already and waits for a second organiser.")])
    retraction = Retraction.objects.create(
        question=locked, reason=reason.strip(), public_reason=public_reason.strip()[:300], proposed_by=by
    )
    log.record("retraction.propose", by=by, on=retraction, reason=retraction.reason)
    return retraction


@transaction.atomic
def confirm_retraction(*, retraction: Retraction, by: Any) -> StatusChange:
    """Retract the question, by another organiser than the one who proposed it."""
    question = rounds.lock_question(retraction.question)
    locked = Retraction.objects.select_for_update(no_key=True).get(pk=retraction.pk)
    if locked.proposed_by_id == by.pk:
        raise Refused([_("A retraction needs two people: another organiser confirms your proposal.")])
    change = workflow.advance(question, Action.RETRACT, by=by, reason=locked.public_reason)
    locked.confirmed_at, locked.confirmed_by = timezone.now(), by
    locked.save(update_fields=["confirmed_at", "confirmed_by"])
    log.record("retraction.confirm", by=by, on=locked)
    return change
