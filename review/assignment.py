"""Who reviews what: the pool, taking and giving back places, invitations, load."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.accounts import actions as account_actions
from hle_site.accounts.enums import Role
from hle_site.accounts.models import RoleGrant, User
from hle_site.audit import log
from hle_site.notifications import outbox
from questions.enums import Status
from questions.models import Question
from questions.querysets import denied
from questions.workflow import Refused
from review import rounds
from review.enums import ACTIVE_ASSIGNMENTS, OPEN_ASSIGNMENTS, AssignmentStatus, RoundKind
from review.models import Assignment, Round, Triage

MAX_LOAD = 5
MAX_PLACES = 3
RETAKABLE = (AssignmentStatus.EXPIRED,)


def pool(user: Any) -> QuerySet[Round]:
    """Return the open rounds in which the user may take a place: own subjects first, then fewest reviews, then the oldest.

    Own and conflicted questions, rounds already taken or handed back and full rounds are not in it.
    """
    kinds = [kind for kind in RoundKind if rounds.may_sit(user, kind)]
    taken = Assignment.objects.filter(reviewer=user, round=OuterRef("pk")).exclude(status__in=RETAKABLE)
    active = Q(assignments__status__in=ACTIVE_ASSIGNMENTS)
    return (
        Round.objects.open()
        .filter(kind__in=kinds, question__status=Status.IN_REVIEW)
        .exclude(question__in=Question.objects.filter(denied(user)).values("pk"))
        .exclude(Exists(taken))
        .exclude(_judged_before(user))
        .exclude(_saw_the_key(user))
        .annotate(
            places_taken=Count("assignments", filter=active),
            reviews_in=Count("assignments", filter=Q(assignments__status=AssignmentStatus.SUBMITTED)),
            is_other_subject=Case(
                When(revision__category__in=user.subjects, then=Value(0)),
                default=Value(1),
                output_field=IntegerField(),
            ),
        )
        .filter(places_taken__lt=F("quorum"))
        .select_related("revision", "question")
        .order_by("is_other_subject", "reviews_in", "opened_at", "pk")
    )


def _judged_before(user: Any) -> Q:
    # who took part in a disagreement does not decide it
    sat = Assignment.objects.filter(
        reviewer=user,
        status=AssignmentStatus.SUBMITTED,
        round__question=OuterRef("question"),
        round__kind=RoundKind.FIRST,
        round__number=OuterRef("number") - 1,
    )
    return Q(kind=RoundKind.ADJUDICATION) & Exists(sat)


def _saw_the_key(user: Any) -> Q:
    # an own answer is worth nothing from somebody who was asked to look at the question before
    return Q(is_blind_solve=True) & Exists(Triage.objects.filter(senior=user, question=OuterRef("question")))


def load(user: Any) -> int:
    """Return how many open assignments the user has accepted."""
    return Assignment.objects.filter(reviewer=user).due().count()


def next_for(user: Any) -> Round | None:
    """Return the round that the user would best review next, or None when the pool is empty for them."""
    return pool(user).first()


@transaction.atomic
def take(*, round_: Round, by: Any) -> Assignment:
    """Take a free place in an open round. Raises Refused when it is full, was held before, or the own load is reached."""
    locked = rounds.lock_round(round_)
    existing = locked.assignments.filter(reviewer=by).first()
    if existing and existing.status not in RETAKABLE:
        raise Refused([_("You had this question already; you find it in your lists.")])
    if not by.has_perm("review.take_round", locked) or Round.objects.filter(_judged_before(by), pk=locked.pk).exists():
        raise PermissionDenied("review.take_round")
    _require_place(locked, locked.quorum)
    _require_load(by)
    assignment = existing or Assignment(round=locked, reviewer=by)
    assignment.status, assignment.is_self_assigned = AssignmentStatus.ACCEPTED, True
    assignment.due_at, assignment.ended_at, assignment.note = rounds.due_date(), None, ""
    assignment.save()
    log.record("assignment.take", by=by, on=assignment)
    return assignment


def _require_place(round_: Round, places: int) -> None:
    if round_.settled_at:
        raise Refused([_("This round of review is over. Please choose another question.")])
    if round_.assignments.filter(status__in=ACTIVE_ASSIGNMENTS).count() >= places:
        raise Refused([_("Somebody took the last place in the meantime. Please choose another question.")])


def _require_load(user: Any) -> None:
    if load(user) >= MAX_LOAD:
        raise Refused(
            [
                _("You have %(most)d open reviews, which is the most at one time. Finish or hand one back first.")
                % {"most": MAX_LOAD}
            ]
        )


@transaction.atomic
def invite(*, round_: Round, reviewer: Any, by: Any) -> Assignment:
    """Invite a reviewer to an open round, by an organiser of the question."""
    if not by.has_perm("review.assign", round_.question):
        raise PermissionDenied("review.assign")
    locked = rounds.lock_round(round_)
    _require_place(locked, MAX_PLACES)
    if locked.assignments.filter(reviewer=reviewer).exists():
        raise Refused([_("This person has or had a place in the round already.")])
    if not reviewer.has_perm("review.take_round", locked):
        raise Refused(
            [_("This person may not review the question: the role is missing, or there is a conflict of interest.")]
        )
    assignment = Assignment.objects.create(
        round=locked,
        reviewer=reviewer,
        status=AssignmentStatus.INVITED,
        is_self_assigned=False,
        assigned_by=by,
        due_at=rounds.due_date(),
    )
    outbox.notify(
        recipient=reviewer,
        kind="review_invitation",
        key=str(assignment.pk),
        subject=_("You are invited to review a question"),
        body=_("Subject: %(subject)s. Please accept or decline; you see the text once you have accepted.")
        % {"subject": locked.revision.get_category_display()},
        path=reverse("review:work", args=[assignment.pk]),
    )
    log.record("assignment.invite", by=by, on=assignment)
    return assignment


@transaction.atomic
def accept(*, assignment: Assignment, by: Any) -> Assignment:
    """Accept an invitation. An organiser's invitation may add a review beyond the quorum, up to three."""
    round_ = rounds.lock_round(assignment.round)
    locked = own(assignment, by, AssignmentStatus.INVITED)
    places = round_.quorum if locked.assigned_by_id is None else max(MAX_PLACES, round_.quorum)
    _require_place(round_, places if round_.kind == RoundKind.FIRST else round_.quorum)
    _require_load(by)
    locked.status, locked.due_at = AssignmentStatus.ACCEPTED, rounds.due_date()
    locked.save(update_fields=["status", "due_at"])
    active = round_.assignments.filter(status__in=ACTIVE_ASSIGNMENTS).count()
    if active > round_.quorum:
        round_.quorum = active  # the round waits for everybody who was asked to join it
        round_.save(update_fields=["quorum"])
    log.record("assignment.accept", by=by, on=locked)
    return locked


@transaction.atomic
def decline(*, assignment: Assignment, by: Any, reason: str = "") -> Assignment:
    """Decline an invitation."""
    rounds.lock_round(assignment.round)
    locked = own(assignment, by, AssignmentStatus.INVITED)
    rounds.end(locked, AssignmentStatus.DECLINED, note=reason)
    log.record("assignment.decline", by=by, on=locked, reason=reason)
    return locked


@transaction.atomic
def hand_back(*, assignment: Assignment, by: Any, reason: str = "") -> Assignment:
    """Give an accepted place back to the pool; what was written stays with the reviewer's own data."""
    rounds.lock_round(assignment.round)
    locked = own(assignment, by, *OPEN_ASSIGNMENTS)
    rounds.end(locked, AssignmentStatus.HANDED_BACK, note=reason)
    log.record("assignment.hand_back", by=by, on=locked, reason=reason)
    return locked


@transaction.atomic
def declare_conflict(*, assignment: Assignment, by: Any, reason: str) -> Assignment:
    """Declare a conflict with the question: the place is lost from this commit on, and a review already in no longer counts."""
    round_ = rounds.lock_round(assignment.round)
    states = [AssignmentStatus.INVITED, *OPEN_ASSIGNMENTS]
    locked = own(assignment, by, *states, *([] if round_.settled_at else [AssignmentStatus.SUBMITTED]))
    account_actions.declare_conflict(user=by, by=by, question_id=round_.question_id, reason=reason[:300])
    rounds.end(locked, AssignmentStatus.INVALIDATED, note=_("You declared a conflict of interest."))
    log.record("assignment.invalidate", by=by, on=locked, reason=reason)
    return locked


def own(assignment: Assignment, by: Any, *statuses: str) -> Assignment:
    """Lock the user's own assignment in one of the statuses and return it fresh.

    Raises PermissionDenied for another's or with a conflict, Refused when it is past that point.
    """
    locked = (
        Assignment.objects.select_for_update(of=("self",), no_key=True)
        .select_related("round__question", "round__revision")
        .get(pk=assignment.pk)
    )
    if not by.has_perm("review.work_on_assignment", locked):
        raise PermissionDenied("review.work_on_assignment")
    if locked.status not in statuses:
        raise Refused(
            [
                _("This is not possible any more: the assignment is “%(status)s”.")
                % {"status": locked.get_status_display()}
            ]
        )
    return locked


def begin(assignment: Assignment) -> None:
    """Mark an assignment as worked on."""
    assignment.status = AssignmentStatus.IN_PROGRESS
    assignment.save(update_fields=["status"])


def complete(assignment: Assignment) -> None:
    """End an assignment because its work is in."""
    assignment.status, assignment.ended_at = AssignmentStatus.SUBMITTED, timezone.now()
    assignment.save(update_fields=["status", "ended_at"])


def candidates(round_: Round) -> list[Any]:
    """Return the people whom an organiser may invite to a round, those of its subject first, the least busy first."""
    roles = [Role.REVIEWER, Role.SENIOR_REVIEWER] if round_.kind == RoundKind.FIRST else [Role.SENIOR_REVIEWER]
    open_here = Q(assignments__status__in=OPEN_ASSIGNMENTS, assignments__round__settled_at=None)
    people = (
        User.objects.filter(is_active=True)
        .filter(pk__in=RoleGrant.objects.filter(role__in=roles, revoked_at=None).values("user"))
        .filter(rounds.impartial(round_.question))
        .exclude(pk__in=round_.assignments.values("reviewer"))
        .annotate(load=Count("assignments", filter=open_here))
    )
    return sorted(
        people, key=lambda person: (round_.revision.category not in person.subjects, person.load, person.name)
    )
