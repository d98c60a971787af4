"""Who may read which round, assignment, review and comment. Own words stay readable; a conflict and blinding beat every role."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from questions.enums import Status
from questions.querysets import NOTHING, any_of, denied, for_auditors, for_organisers, own
from review.enums import ACTIVE_ASSIGNMENTS, OPEN_ASSIGNMENTS, AssignmentStatus, Audience

if TYPE_CHECKING:
    from hle_site.accounts.models import User

# where a senior reviewer looks at a question that is not in review
TRIAGED = (Status.TOO_EASY, Status.ELIGIBLE)
# what a contributor is told opens the feedback of the rounds before
TOLD = (Status.CHANGES_REQUESTED, Status.APPROVED, Status.REJECTED, Status.DUPLICATE, Status.RETRACTED)


def _questions() -> Any:
    return apps.get_model("questions", "Question").objects


def _assignments() -> Any:
    return apps.get_model("review", "Assignment").objects


def _rounds() -> Any:
    return apps.get_model("review", "Round").objects


def _staff(user: User) -> Q:
    return any_of([for_organisers(user), for_auditors(user)])


def _reviewer(user: User) -> Q:
    from review.readiness import assigned  # loads after the models

    return assigned(user)


def _open(rule: Q, user: User, question: str) -> Exists:
    """Whether a rule opens the question that a row names, and no conflict closes it."""
    return Exists(_questions().filter(rule & ~denied(user), pk=OuterRef(question)))


def _closed(user: User, question: str) -> Exists:
    """Whether a conflict closes the question that a row names."""
    return Exists(_questions().filter(denied(user), pk=OuterRef(question)))


class RoundQuerySet(models.QuerySet["Any"]):
    """Rounds of review."""

    def open(self) -> RoundQuerySet:
        """Return the rounds that are not settled."""
        return self.filter(settled_at=None)

    def visible_to(self, user: User) -> RoundQuerySet:
        """Return the rounds whose reviews by others the user may read.

        Organisers and auditors: all of the questions open to them. Reviewers: their own round once their review is in, and
        the earlier ones. Last, for everybody: nothing of a question on which an own blind answer is due, and nothing of a
        running round in which an own review is due.
        """
        staff, reviewer = _staff(user), _reviewer(user)
        if staff is NOTHING and reviewer is NOTHING:
            return self.none()
        mine = _assignments().filter(reviewer=user)
        here = mine.filter(round__question=OuterRef("question"), status__in=ACTIVE_ASSIGNMENTS)
        as_reviewer = (
            NOTHING
            if reviewer is NOTHING
            else _open(reviewer, user, "question")
            & Exists(here.filter(round__number__gte=OuterRef("number")))
            & (Q(settled_at__isnull=False) | Exists(mine.filter(round=OuterRef("pk"), status="submitted")))
        )
        as_staff = NOTHING if staff is NOTHING else Q(_open(staff, user, "question"))
        answer_due = Exists(
            here.filter(round__is_blind_solve=True, round__settled_at=None, solve=None, status__in=OPEN_ASSIGNMENTS)
        )
        review_due = Q(settled_at=None) & Exists(mine.filter(round=OuterRef("pk"), status__in=OPEN_ASSIGNMENTS))
        return self.filter(any_of([as_staff, as_reviewer])).exclude(answer_due).exclude(review_due)

    def released_to_contributor(self) -> RoundQuerySet:
        """Return the rounds whose reviews the contributor reads: closed, and changes were requested or a decision fell since they opened."""
        changes = apps.get_model("questions", "StatusChange").objects
        told = changes.filter(question=OuterRef("question"), after__in=TOLD, at__gte=OuterRef("opened_at"))
        return self.filter(Exists(told), settled_at__isnull=False)


class AssignmentQuerySet(models.QuerySet["Any"]):
    """Assignments."""

    def visible_to(self, user: User) -> AssignmentQuerySet:
        """Return the user's own assignments; an organiser or auditor reads all of the questions that are open to them."""
        mine, staff = Q(reviewer=user), _staff(user)
        return self.filter(mine if staff is NOTHING else mine | _open(staff, user, "round__question"))

    def active(self) -> AssignmentQuerySet:
        """Return the assignments that open a question to their reviewer."""
        return self.filter(status__in=ACTIVE_ASSIGNMENTS)

    def due(self) -> AssignmentQuerySet:
        """Return the assignments that still ask something of their reviewer."""
        return self.filter(status__in=OPEN_ASSIGNMENTS, round__settled_at=None)


class TriageQuerySet(models.QuerySet["Any"]):
    """Places at questions outside review."""

    def open(self) -> TriageQuerySet:
        """Return the places whose question still stands as it did when they were given."""
        return self.filter(since=F("question__status_changed_at"), question__status__in=TRIAGED)


class ReviewQuerySet(models.QuerySet["Any"]):
    """Reviews."""

    def visible_to(self, user: User, rounds: Iterable[Any] | None = None) -> ReviewQuerySet:
        """Return the own reviews, and the submitted ones of the rounds that are open to the user; never through a conflict.

        `rounds` are those open ones where they are known already.
        """
        mine = Q(assignment__reviewer=user) & ~_closed(user, "assignment__round__question")
        others = Q(
            submitted_at__isnull=False,
            assignment__status=AssignmentStatus.SUBMITTED,
            assignment__round__in=_rounds().visible_to(user).values("pk") if rounds is None else rounds,
        )
        return self.filter(mine | others)

    def counted(self) -> ReviewQuerySet:
        """Return the reviews that count: submitted, and their assignment stands."""
        return self.filter(submitted_at__isnull=False, assignment__status=AssignmentStatus.SUBMITTED)


class CommentQuerySet(models.QuerySet["Any"]):
    """Messages in a question's discussion."""

    def visible_to(self, user: User, rounds: Iterable[Any] | None = None) -> CommentQuerySet:
        """Return what the user may read: the contributor what is addressed to them, others what their rounds open; own words always.

        `rounds` are those open to the user where they are known already.
        """
        to_owner = Q(
            audience=Audience.CONTRIBUTOR,
            question__in=_questions().filter(own(user)).values("pk"),
            round__in=_rounds().released_to_contributor().values("pk"),
        )
        by_round = Q(round__in=_rounds().visible_to(user).values("pk") if rounds is None else rounds)
        mine = Q(by=user) & ~_closed(user, "question")
        return self.filter(to_owner | by_round | mine)

    def for_list(self) -> CommentQuerySet:
        """Load what a discussion shows in one query."""
        return self.select_related("by", "question").order_by("at", "pk")
