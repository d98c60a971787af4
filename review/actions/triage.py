"""Asking a senior reviewer to look at a question outside review: a verdict in doubt, a duplicate, a proposal to decline."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from hle_site.accounts.enums import Role
from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.notifications import outbox
from questions.models import Question
from questions.workflow import Refused
from review import rounds
from review.models import Assignment, Triage
from review.querysets import TRIAGED


def triage_candidates(question: Question) -> list[Any]:
    """Return the senior reviewers who may look: impartial, and without a place in its review, where they answer blind."""
    seniors = User.objects.filter(is_active=True, grants__role=Role.SENIOR_REVIEWER, grants__revoked_at=None)
    sat = Assignment.objects.filter(round__question=question).values("reviewer")
    asked = Triage.objects.open().filter(question=question).values("senior")
    free = seniors.exclude(pk__in=sat).exclude(pk__in=asked)
    return list(free.filter(rounds.impartial(question)).distinct().order_by("name"))


@transaction.atomic
def ask_senior(*, question: Question, senior: Any, by: Any, reason: str) -> Triage:
    """Open a question outside review to a senior reviewer, until it moves on."""
    locked = rounds.lock_question(question)
    if not by.has_perm("review.assign", locked):
        raise PermissionDenied("review.assign")
    if locked.status not in TRIAGED:
        raise Refused([_("A senior reviewer is asked while the question is neither a draft nor in review.")])
    if not reason.strip():
        raise Refused([_("Say what the senior reviewer should look at.")])
    if senior == by or senior not in triage_candidates(locked):
        raise Refused([_("This person may not look at the question now.")])
    place = Triage.objects.create(
        question=locked, senior=senior, since=locked.status_changed_at, reason=reason.strip()[:300], assigned_by=by
    )
    outbox.notify(
        recipient=senior,
        kind="triage_asked",
        key=str(place.pk),
        subject=_("An organiser asks you to look at a question"),
        body=_("It is not in review. You find the question and what you may do in the list of your reviews."),
        path=reverse("questions:detail", args=[locked.pk]),
    )
    log.record("triage.ask", by=by, on=place, reason=place.reason)
    return place
