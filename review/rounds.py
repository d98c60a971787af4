"""Rounds of review: open, settle, close. Each step holds the question's row lock first, then the round's."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.accounts import conflicts
from hle_site.accounts.enums import Role
from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.notifications import outbox
from questions import workflow
from questions.enums import Action, Status
from questions.models import Question, Revision, StatusChange
from questions.querysets import denied
from review import policy, rubric, solves
from review.enums import (
    OPEN_ASSIGNMENTS,
    AssignmentStatus,
    DecisionOutcome,
    RoundKind,
    RoundOutcome,
)
from review.models import Assignment, Recommendation, Review, Round

QUORUM = {RoundKind.FIRST: 2, RoundKind.SECOND: 1, RoundKind.ADJUDICATION: 1}
FOLLOWING = {RoundOutcome.NEXT_ROUND: RoundKind.SECOND, RoundOutcome.ADJUDICATION: RoundKind.ADJUDICATION}
RECOMMENDED = {RoundOutcome.APPROVAL: DecisionOutcome.APPROVE, RoundOutcome.REJECTION: DecisionOutcome.REJECT}
WAITING = (*OPEN_ASSIGNMENTS, AssignmentStatus.INVITED)


def lock_question(question: Question) -> Question:
    """Lock the question's row until the transaction ends and return it fresh; the first lock of every writing step here."""
    return Question.objects.select_for_update(no_key=True).get(pk=question.pk)


def lock_round(round_: Round) -> Round:
    """Lock a round after its question and return it fresh."""
    return (
        Round.objects.select_for_update(no_key=True, of=("self",))
        .select_related("question", "revision")
        .get(pk=round_.pk)
    )


@transaction.atomic
def open_next(*, change: StatusChange) -> Round | None:
    """Open the round that follows a status change, once: its own mark and the one open round per question see to it."""
    question = lock_question(change.question)
    if question.status != Status.IN_REVIEW or question.rounds.open().exists():
        return None
    if Round.objects.filter(change=change).exists():
        return None
    opened = _open(question=question, revision=change.revision, kind=_kind_after(change), change=change)
    _invite_back(opened)
    return opened


def _kind_after(change: StatusChange) -> RoundKind:
    rounds = change.question.rounds
    was_judged = rounds.exclude(outcome=RoundOutcome.CANCELLED).exists()
    if change.action == Action.REOPEN and was_judged:
        return RoundKind.ADJUDICATION
    last = rounds.exclude(kind=RoundKind.ADJUDICATION).order_by("-number").first()
    return RoundKind(last.kind) if last else RoundKind.FIRST


def _open(*, question: Question, revision: Revision, kind: RoundKind, change: StatusChange | None = None) -> Round:
    last = question.rounds.order_by("-number").first()
    opened = Round.objects.create(
        question=question,
        revision=revision,
        change=change,
        number=last.number + 1 if last else 1,
        kind=kind,
        rubric_version=rubric.CURRENT,
        quorum=QUORUM[kind],
        is_blind_solve=_asks_for_a_solve(question, revision, kind),
        order_seed=secrets.randbelow(2**31),
    )
    log.record("round.open", by=None, on=opened, after=kind)
    return opened


def _asks_for_a_solve(question: Question, revision: Revision, kind: RoundKind) -> bool:
    # without this a text changed after round 1 would reach the decision with nobody having solved it
    found = solves.count(question, revision)
    return kind == RoundKind.FIRST or (kind == RoundKind.SECOND and not found.matching and found.unsolved < 2)


def _invite_back(opened: Round) -> None:
    before = opened.question.rounds.filter(kind=opened.kind, number__lt=opened.number).order_by("-number").first()
    if before is None:
        return
    for earlier in before.assignments.filter(status=AssignmentStatus.SUBMITTED).select_related("reviewer"):
        if is_conflicted(earlier.reviewer, opened.question) or not may_sit(earlier.reviewer, opened.kind):
            continue
        invitation = Assignment.objects.create(
            round=opened,
            reviewer=earlier.reviewer,
            status=AssignmentStatus.INVITED,
            is_self_assigned=False,
            due_at=due_date(),
        )
        outbox.notify(
            recipient=earlier.reviewer,
            kind="review_returned",
            key=str(invitation.pk),
            subject=_("A question that you reviewed was revised"),
            body=_("You are invited to look at the new revision, because you know the earlier one."),
            path=reverse("review:work", args=[invitation.pk]),
        )


def due_date() -> Any:
    """Return when an assignment that begins now is due."""
    return timezone.now() + timedelta(days=settings.ASSIGNMENT_DAYS)


def is_conflicted(user: Any, question: Question) -> bool:
    """Return whether the user may have no part in the question; its owner may not either."""
    return Question.objects.filter(denied(user), pk=question.pk).exists()


def impartial(question: Question) -> Q:
    """Return the rule for accounts that may have a part in the question; says of many what `is_conflicted` says of one."""
    owners = {question.contributor_id, question.maintainer_id} - {None}
    return ~conflicts.against(owners, question.pk)


def may_sit(user: Any, kind: str) -> bool:
    """Return whether the user's roles fit this kind of round."""
    roles = (Role.REVIEWER, Role.SENIOR_REVIEWER) if kind == RoundKind.FIRST else (Role.SENIOR_REVIEWER,)
    return bool(user.has_role(*roles))


@transaction.atomic
def settle_if_ready(*, round_: Round) -> RoundOutcome | None:
    """Settle a round from exactly the reviews submitted before, when they reach the quorum; return its outcome or None.

    A reviewer with a conflict leaves the quorum first. Called by whoever submits last; a second call finds the round settled.
    """
    lock_question(round_.question)
    locked = lock_round(round_)
    if locked.settled_at:
        return None
    invalidate_conflicted(locked)
    reviews = list(
        Review.objects.counted()
        .filter(assignment__round=locked)
        .select_related("assignment__reviewer")
        .order_by("submitted_at", "pk")
    )
    settlement = policy.settle(kind=locked.kind, scores=[review.score for review in reviews], quorum=locked.quorum)
    if settlement is None:
        return None
    by = reviews[-1].assignment.reviewer if locked.kind == RoundKind.SECOND else None
    finish(round_=locked, outcome=settlement.outcome, reason=settlement.reason, by=by)
    return settlement.outcome


def invalidate_conflicted(round_: Round) -> None:
    """Take the reviewers who have a conflict by now out of an open round; their reviews no longer count."""
    held = round_.assignments.filter(status__in=[*WAITING, AssignmentStatus.SUBMITTED])
    for assignment in held.exclude(reviewer__in=User.objects.filter(impartial(round_.question))):
        end(assignment, AssignmentStatus.INVALIDATED, note=_("A conflict of interest came up."))
        log.record("assignment.invalidate", by=None, on=assignment, reason="conflict")


def finish(*, round_: Round, outcome: RoundOutcome, reason: str, by: Any, note: str = "") -> None:
    """Give a locked round its outcome and set in motion what follows from it. `by` is who recommends, where somebody does."""
    question = round_.question
    _close(round_, outcome, reason)
    if outcome in FOLLOWING:
        _open(question=question, revision=round_.revision, kind=FOLLOWING[outcome])
    elif outcome == RoundOutcome.CHANGES:
        workflow.advance(
            question,
            Action.REQUEST_CHANGES,
            by=None,
            revision=round_.revision,
            reason=reason,
            due_at=timezone.now() + timedelta(days=settings.CHANGES_DAYS),
        )
    else:
        Recommendation.objects.create(round=round_, outcome=RECOMMENDED[outcome], reason=note or reason, by=by)
        workflow.advance(question, Action.RECOMMEND, by=None, revision=round_.revision)
        _tell_organisers(round_)
    log.record("round.settle", by=by, on=round_, after=outcome, reason=reason)


def _close(round_: Round, outcome: RoundOutcome, reason: str) -> None:
    round_.settled_at, round_.outcome, round_.outcome_reason = timezone.now(), outcome, reason
    round_.save(update_fields=["settled_at", "outcome", "outcome_reason"])
    for assignment in round_.assignments.filter(status__in=WAITING).select_related("reviewer"):
        end(assignment, AssignmentStatus.INVALIDATED, note=_("The round ended without your review."))
        outbox.notify(
            recipient=assignment.reviewer,
            kind="review_ended",
            key=str(assignment.pk),
            subject=_("A review is no longer needed"),
            body=_("The round of review ended before yours was in. Thank you; there is nothing left to do."),
            path=reverse("review:dashboard"),
            is_mailed=False,
        )


def end(assignment: Assignment, status: AssignmentStatus, *, note: str = "") -> None:
    """Close an assignment for good."""
    assignment.status, assignment.ended_at, assignment.note = status, timezone.now(), note[:300]
    assignment.save(update_fields=["status", "ended_at", "note"])


def _tell_organisers(round_: Round) -> None:
    organisers = User.objects.filter(grants__role=Role.ORGANISER, grants__revoked_at=None, is_active=True)
    for organiser in organisers.filter(impartial(round_.question)):
        outbox.notify(
            recipient=organiser,
            kind="decision_due",
            key=str(round_.pk),
            subject=_("%(handle)s waits for a decision") % {"handle": round_.question.handle},
            path=reverse("review:question", args=[round_.question_id]),
            is_mailed=False,
        )


@transaction.atomic
def close_open(*, question: Question) -> None:
    """End the open round of a question without outcome; without one, do nothing."""
    lock_question(question)
    for round_ in question.rounds.open().select_for_update(no_key=True):
        _close(round_, RoundOutcome.CANCELLED, _("The question left review."))
        log.record("round.close", by=None, on=round_)
