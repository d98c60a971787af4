"""Messages of a round, among reviewers or with the contributor."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from hle_site.audit import log
from hle_site.notifications import outbox
from questions.workflow import Refused
from review.enums import (
    OPEN_ASSIGNMENTS,
    Audience,
)
from review.models import (
    Comment,
    Round,
)


@transaction.atomic
def comment(*, round_: Round, by: Any, audience: str, text: str) -> Comment:
    """Add a message to a round's discussion, among reviewers or with the contributor."""
    question = round_.question
    if not text.strip():
        raise Refused([_("Write something first.")])
    if not by.has_perm(f"review.comment_to_{audience}", question):
        raise PermissionDenied(f"review.comment_to_{audience}")
    is_released = Round.objects.released_to_contributor().filter(pk=round_.pk).exists()
    if question.is_owned_by(by):
        allowed = is_released
    else:
        is_readable = Round.objects.visible_to(by).filter(pk=round_.pk).exists()
        allowed = is_readable and (is_released or audience == Audience.REVIEWERS)
    if not allowed:
        raise PermissionDenied("the round is not open to this account")
    message = Comment.objects.create(question=question, round=round_, audience=audience, text=text.strip(), by=by)
    _tell_of_comment(message)
    log.record("comment.create", by=by, on=message, after=audience)
    return message


def _tell_of_comment(message: Comment) -> None:
    question = message.question
    if message.audience == Audience.CONTRIBUTOR and not question.is_owned_by(message.by):
        outbox.notify(
            recipient=question.contributor,
            kind="comment",
            key=str(message.pk),
            subject=_("%(handle)s: a new message about the review") % {"handle": question.handle},
            path=reverse("questions:detail", args=[question.pk]),
        )
    assignments = message.round.assignments.active().exclude(reviewer=message.by).select_related("reviewer")
    for assignment in assignments.exclude(status__in=OPEN_ASSIGNMENTS):
        outbox.notify(
            recipient=assignment.reviewer,
            kind="comment",
            key=str(message.pk),
            subject=_("A new message about a question that you reviewed"),
            path=reverse("review:work", args=[assignment.pk]),
            is_mailed=False,
        )
