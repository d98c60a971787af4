"""Objecting to a decision, once, and the answer by somebody else."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.accounts.enums import Role
from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.notifications import outbox
from questions import workflow
from questions.enums import Action
from questions.models import Question
from questions.workflow import Refused
from review import rounds
from review.actions.reviews import MIN_FEEDBACK
from review.enums import (
    AppealStatus,
)
from review.models import (
    Appeal,
)


@transaction.atomic
def file_appeal(*, question: Question, by: Any, text: str) -> Appeal:
    """Object to a decision, once per question."""
    locked = rounds.lock_question(question)
    if not by.has_perm("review.file_appeal", locked):
        raise PermissionDenied("review.file_appeal")
    if len(text.strip()) < MIN_FEEDBACK:
        raise Refused([_("Explain in a few sentences why the decision should be looked at again.")])
    if Appeal.objects.filter(question=locked).exists():
        raise Refused([_("You have appealed already; a question has one appeal.")])
    appeal = Appeal.objects.create(question=locked, text=text.strip(), filed_by=by)
    log.record("appeal.file", by=by, on=appeal)
    for organiser in User.objects.filter(grants__role=Role.ORGANISER, grants__revoked_at=None, is_active=True):
        if organiser.has_perm("review.decide_appeal", locked):
            outbox.notify(
                recipient=organiser,
                kind="appeal_filed",
                key=str(appeal.pk),
                subject=_("%(handle)s: an appeal waits for an answer") % {"handle": locked.handle},
                path=reverse("review:question", args=[locked.pk]),
                is_mailed=False,
            )
    return appeal


@transaction.atomic
def decide_appeal(*, appeal: Appeal, by: Any, is_upheld: bool, answer: str) -> Appeal:
    """Answer an appeal, by an organiser who had no part in the decision; an upheld one reopens the question."""
    question = rounds.lock_question(appeal.question)
    if not by.has_perm("review.decide_appeal", question):
        raise PermissionDenied("review.decide_appeal")
    locked = Appeal.objects.select_for_update(no_key=True).get(pk=appeal.pk)
    if locked.status != AppealStatus.OPEN:
        raise Refused([_("Somebody has answered this appeal in the meantime.")])
    if not answer.strip():
        raise Refused([_("Give an answer: the contributor reads it.")])
    locked.status = AppealStatus.UPHELD if is_upheld else AppealStatus.DISMISSED
    locked.answer, locked.decided_at, locked.decided_by = answer.strip(), timezone.now(), by
    locked.save(update_fields=["status", "answer", "decided_at", "decided_by"])
    if is_upheld:
        workflow.advance(question, Action.REOPEN, by=by, reason=locked.answer, original=None)
    outbox.notify(
        recipient=question.contributor,
        kind="appeal_decided",
        key=str(locked.pk),
        subject=_("%(handle)s: your appeal was answered") % {"handle": question.handle},
        path=reverse("questions:detail", args=[question.pk]),
    )
    log.record("appeal.decide", by=by, on=locked, after=locked.status, reason=locked.answer)
    return locked
