"""What review adds to the stages before: who may read in which role, conflicts, and what must hold before decisions."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from hle_site.accounts import conflicts
from questions import guards, querysets
from questions import panels as question_panels
from questions.enums import Action, Status
from questions.querysets import NOTHING
from review.enums import ACTIVE_ASSIGNMENTS

UNDER_REVIEW = (Status.IN_REVIEW, Status.CHANGES_REQUESTED, Status.AWAITING_DECISION)
CLOSED = (Status.APPROVED, Status.REJECTED, Status.DUPLICATE, Status.WITHDRAWN, Status.RETRACTED)
CLOSING = timedelta(days=14)


def assigned(user: Any) -> Q:
    """The questions that an active assignment opens, until 14 days after the decision."""
    if not user.has_role("reviewer", "senior_reviewer"):
        return NOTHING
    in_time = Q(status__in=UNDER_REVIEW) | Q(status__in=CLOSED, status_changed_at__gt=timezone.now() - CLOSING)
    # one filter call inside pk__in, so that reviewer and status are those of the same assignment
    return in_time & Q(
        pk__in=_assignments().filter(reviewer=user, status__in=ACTIVE_ASSIGNMENTS).values("round__question")
    )


def triaged(user: Any) -> Q:
    """The questions outside review at which an organiser asked the user to look, as a senior reviewer."""
    if not user.has_role("senior_reviewer"):
        return NOTHING
    from review.models import Triage  # models load after this module

    return Q(pk__in=Triage.objects.open().filter(senior=user).values("question"))


def _assignments() -> Any:
    from review.models import Assignment  # models load after this module

    return Assignment.objects


def conflicted(user: Any) -> Q:
    """The questions with which the user has a conflict; the own ones are among them."""
    return conflicts.naming(user, "contributor", "maintainer") | Q(pk__in=conflicts.of(user).questions)


def register() -> None:
    """Fill the registries."""
    from review import panels, solves  # models load after this module

    querysets.register_readers(assigned)
    querysets.register_readers(triaged)
    querysets.register_denials(conflicted)
    guards.register(Action.APPROVE)(solves.missing)
    guards.register_evidence(solves.evidence)
    question_panels.register(20, panels.feedback_panel)
    question_panels.register(5, panels.triage_panel)
