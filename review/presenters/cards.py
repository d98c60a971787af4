"""Rows of the lists: what may be known of a question without its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from review.enums import ACTIVE_ASSIGNMENTS, AssignmentStatus, RoundKind
from review.models import Assignment, Round
from review.presenters.names import pool_handle

MINUTES = {RoundKind.FIRST: 15, RoundKind.SECOND: 10, RoundKind.ADJUDICATION: 10}


@dataclass(frozen=True)
class Card:
    """One row of the dashboard: what may be known before, during and after a review, without text and without names."""

    handle: str
    category: str
    subject: str
    round: str
    revision: int
    format: str
    language: str
    age_at: datetime
    due_at: datetime | None
    reviews_in: int
    quorum: int
    minutes: int
    status: str = ""
    url: str = ""
    take_id: Any = None
    is_own_subject: bool = False
    is_overdue: bool = False
    note: str = ""


def pool_card(round_: Round, user: Any) -> Card:
    """Return the card of an open round, as everybody who may take it sees it; `round_` comes from `assignment.pool`."""
    return _card(
        round_,
        handle=pool_handle(round_, user),
        reviews_in=round_.reviews_in,
        take_id=round_.pk,
        is_own_subject=round_.revision.category in user.subjects,
    )


def assignment_card(assignment: Assignment, now: datetime, *, note: str = "") -> Card:
    """Return the row of an own assignment; an invitation is named like a pool card."""
    round_ = assignment.round
    is_known = assignment.status in ACTIVE_ASSIGNMENTS
    is_due = assignment.ended_at is None
    return _card(
        round_,
        handle=round_.question.handle if is_known else pool_handle(round_, assignment.reviewer),
        reviews_in=sum(row.status == AssignmentStatus.SUBMITTED for row in round_.assignments.all()),
        due_at=assignment.due_at if is_due else None,
        status=assignment.status,
        url=reverse("review:work", args=[assignment.pk]),
        is_overdue=is_due and assignment.due_at < now,
        note=note,
    )


def _card(round_: Round, *, handle: str, reviews_in: int, **more: Any) -> Card:
    revision = round_.revision
    kind = RoundKind(round_.kind)
    return Card(
        handle=handle,
        category=revision.get_category_display(),
        subject=revision.raw_subject,
        round=kind.label,
        revision=revision.number,
        format=_("With picture") if revision.image_id else _("Text"),
        language=revision.language,
        age_at=round_.opened_at,
        reviews_in=reviews_in,
        quorum=round_.quorum,
        minutes=MINUTES[kind],
        **({"due_at": None} | more),
    )
