"""Due dates: reminders, expired places, organisers told of what was missed. Every notice has a business key, so a second sweep adds none."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.accounts.enums import Role
from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.notifications import outbox
from questions.enums import Status
from questions.models import Question
from review import rounds
from review.enums import OPEN_ASSIGNMENTS, AssignmentStatus
from review.models import Assignment

REMINDERS_DAYS = (7, 2)
BLOCK = 200


def sweep(now: datetime | None = None) -> None:
    """Expire what is overdue and remind of what is nearly so."""
    now = now or timezone.now()
    for assignment in _overdue(now):
        expire(assignment=assignment, now=now)
    _remind_reviewers(now)
    _remind_contributors(now)


def _overdue(now: datetime) -> list[Assignment]:
    waiting = Assignment.objects.filter(
        status__in=[*OPEN_ASSIGNMENTS, AssignmentStatus.INVITED], round__settled_at=None, due_at__lt=now
    )
    return list(waiting.select_related("round__question", "reviewer")[:BLOCK])


@transaction.atomic
def expire(*, assignment: Assignment, now: datetime) -> bool:
    """End one overdue assignment and tell its reviewer and the organisers; False when it was finished in the meantime."""
    round_ = rounds.lock_round(assignment.round)
    locked = Assignment.objects.select_for_update(no_key=True).get(pk=assignment.pk)
    if locked.status not in {*OPEN_ASSIGNMENTS, AssignmentStatus.INVITED} or locked.due_at >= now:
        return False
    was_invited = locked.status == AssignmentStatus.INVITED
    rounds.end(locked, AssignmentStatus.EXPIRED, note=_("The due date passed."))
    log.record("assignment.expire", by=None, on=locked)
    key = f"{locked.pk}:{locked.due_at:%Y%m%d}"
    outbox.notify(
        recipient=assignment.reviewer,
        kind="review_expired",
        key=key,
        subject=_("A review was not finished in time"),
        body=_(
            "Its place is free again. What you wrote is kept; you can take the question again while a place is free."
        ),
        path=reverse("review:dashboard"),
    )
    if not was_invited:
        _tell_organisers(round_.question, key, _("%(handle)s: a review was not finished in time"))
    return True


def _remind_reviewers(now: datetime) -> None:
    soon = Assignment.objects.filter(
        status__in=OPEN_ASSIGNMENTS,
        round__settled_at=None,
        due_at__gte=now,
        due_at__lt=now + timedelta(days=max(REMINDERS_DAYS)),
    )
    for assignment in soon.select_related("reviewer"):
        days = _reminder(assignment.due_at, now)
        outbox.notify(
            recipient=assignment.reviewer,
            kind=f"review_due_{days}",
            key=f"{assignment.pk}:{assignment.due_at:%Y%m%d}",
            subject=_("A review is due on %(date)s") % {"date": f"{assignment.due_at:%Y-%m-%d}"},
            body=_("If you cannot do it, hand it back, so that somebody else can take it."),
            path=reverse("review:work", args=[assignment.pk]),
        )


def _remind_contributors(now: datetime) -> None:
    waiting = Question.objects.filter(
        status=Status.CHANGES_REQUESTED, due_at__lt=now + timedelta(days=max(REMINDERS_DAYS))
    )
    for question in waiting.select_related("contributor"):
        key = f"{question.pk}:{question.due_at:%Y%m%d}"
        if question.due_at < now:
            _tell_organisers(question, key, _("%(handle)s: the requested changes are overdue"))
            continue
        outbox.notify(
            recipient=question.contributor,
            kind=f"changes_due_{_reminder(question.due_at, now)}",
            key=key,
            subject=_("%(handle)s: the changes are due on %(date)s")
            % {"handle": question.handle, "date": f"{question.due_at:%Y-%m-%d}"},
            path=reverse("questions:detail", args=[question.pk]),
        )


def _reminder(due_at: datetime, now: datetime) -> int:
    return min(days for days in REMINDERS_DAYS if due_at < now + timedelta(days=days))


def _tell_organisers(question: Question, key: str, subject: str) -> None:
    for organiser in User.objects.filter(grants__role=Role.ORGANISER, grants__revoked_at=None, is_active=True):
        if _may_know(organiser, question):
            outbox.notify(
                recipient=organiser,
                kind="overdue",
                key=key,
                subject=subject % {"handle": question.handle},
                path=reverse("review:question", args=[question.pk]),
                is_mailed=False,
            )


def _may_know(organiser: Any, question: Question) -> bool:
    return not rounds.is_conflicted(organiser, question)
