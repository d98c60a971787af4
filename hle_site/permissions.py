"""THE permission table: name -> predicate. Lists and look-ups start from `visible_to`; these names decide the rest."""

from __future__ import annotations

from typing import Any

import rules

from hle_site import lookups
from hle_site.accounts.enums import Role
from questions.enums import Action, Status
from questions.models import Question, Release
from questions.querysets import denied, own, released
from review.enums import ACTIVE_ASSIGNMENTS, OPEN_ASSIGNMENTS, AssignmentStatus, RoundKind
from review.models import Assignment, Round, Triage
from review.querysets import TRIAGED
from review.readiness import UNDER_REVIEW

NO_PART = (AssignmentStatus.DECLINED, AssignmentStatus.INVALIDATED)


def _is_conflicted(user: Any, question: Question) -> bool:
    # everybody has a conflict with the own question
    return question.is_owned_by(user) or question.standing(user)[1]


def _assignments(user: Any, question: Question) -> list[Assignment]:
    """The user's assignments in a question, that of the newest round first."""
    rows = Assignment.objects.filter(reviewer=user, round__question=question).select_related("round", "solve")
    key = ("assignments", user.pk, question.pk)
    return lookups.once(key, lambda: list(rows.order_by("-round__number")))


def _newest_assignment(user: Any, question: Question) -> Assignment | None:
    active = (row for row in _assignments(user, question) if row.status in ACTIVE_ASSIGNMENTS)
    return next(active, None)


@rules.predicate
def is_active(user: Any) -> bool:
    """A signed-in, verified account."""
    return bool(user.is_active)


@rules.predicate
def may_read(user: Any, question: Question) -> bool:
    """The text is among what the account may read."""
    return question.is_owned_by(user) or question.standing(user)[0]


@rules.predicate
def is_owner(user: Any, question: Question) -> bool:
    """Wrote the question or maintains it."""
    return question.is_owned_by(user)


def has_role(*roles: Role) -> Any:
    """A predicate: one of the roles is held."""
    return rules.predicate(lambda user: user.has_role(*roles), name="has_role_" + "_".join(roles))


def in_status(*statuses: Status) -> Any:
    """A predicate: the question stands in one of the statuses."""
    return rules.predicate(lambda _user, question: question.status in statuses, name="in_" + "_".join(statuses))


@rules.predicate
def is_impartial(user: Any, question: Question) -> bool:
    """No conflict of interest, the own question included."""
    return not _is_conflicted(user, question)


@rules.predicate
def was_submitted(_user: Any, question: Question) -> bool:
    """The question was once handed to reviewers."""
    return question.submitted_at is not None


@rules.predicate
def has_own_answer(user: Any, question: Question) -> bool:
    """Has an assignment here, and the own answer is in where the round asks for a blind solve."""
    assignment = _newest_assignment(user, question)
    if assignment is None:
        return False
    return not assignment.round.is_blind_solve or hasattr(assignment, "solve")


@rules.predicate
def owes_an_answer(user: Any, question: Question) -> bool:
    """Holds a place that asks for an own answer first; until it is in, no other role shows more."""
    return any(
        row.round.is_blind_solve
        and row.round.settled_at is None
        and row.status in OPEN_ASSIGNMENTS
        and not hasattr(row, "solve")
        for row in _assignments(user, question)
    )


@rules.predicate
def is_senior_here(user: Any, question: Question) -> bool:
    """A senior reviewer who holds a place in the last round or an adjudication of this question."""
    if not user.has_role(Role.SENIOR_REVIEWER):
        return False
    assignment = _newest_assignment(user, question)
    return assignment is not None and assignment.round.kind != RoundKind.FIRST


@rules.predicate
def is_triaging(user: Any, question: Question) -> bool:
    """A senior reviewer whom an organiser asked to look at this question, which stands as it did then."""
    if not user.has_role(Role.SENIOR_REVIEWER) or question.status not in TRIAGED or _is_conflicted(user, question):
        return False
    places = Triage.objects.open().filter(senior=user, question=question)
    return lookups.once(("triage", user.pk, question.pk), places.exists)


@rules.predicate
def took_part(user: Any, question: Question) -> bool:
    """Reviewed the question, recommended it, or held an assignment in it that was not declined."""
    if any(row.status not in NO_PART for row in _assignments(user, question)):
        return True
    recommended = Round.objects.filter(recommendation__by=user, question=question)
    return lookups.once(("recommended", user.pk, question.pk), recommended.exists)


@rules.predicate
def took_decision(user: Any, question: Question) -> bool:
    """Closed the question by a decision, as a duplicate, or without review."""
    return question.changes.filter(by=user, after__in=[Status.REJECTED, Status.DUPLICATE, Status.APPROVED]).exists()


@rules.predicate
def is_released(_user: Any, question: Question) -> bool:
    """The text is in the public split of a published release."""
    return Question.objects.filter(released(), pk=question.pk).exists()


@rules.predicate
def accepted_licence(user: Any) -> bool:
    """Accepted the licence of released data."""
    return bool(user.is_researcher)


@rules.predicate
def is_impartial_in(user: Any, release: Release) -> bool:
    """No conflict of interest with a question of the release; the own ones are no secret to the user."""
    closed = Question.objects.filter(denied(user) & ~own(user))
    return not release.items.filter(question__in=closed.values("pk")).exists()


@rules.predicate
def may_hold_round(user: Any, round_: Round) -> bool:
    """May take a place in this round: right role, round open, no conflict, not taken before, key not seen before."""
    role = Role.REVIEWER if round_.kind == RoundKind.FIRST else Role.SENIOR_REVIEWER
    roles = (role, Role.SENIOR_REVIEWER)
    if not user.has_role(*roles) or round_.settled_at or _is_conflicted(user, round_.question):
        return False
    if round_.is_blind_solve and Triage.objects.filter(senior=user, question=round_.question_id).exists():
        return False
    return not Assignment.objects.filter(round=round_, reviewer=user).exclude(status=AssignmentStatus.EXPIRED).exists()


@rules.predicate
def is_own_assignment(user: Any, assignment: Assignment) -> bool:
    """The assignment is the user's, and no conflict has come up since."""
    return assignment.reviewer_id == user.pk and not _is_conflicted(user, assignment.round.question)


is_organiser = has_role(Role.ORGANISER)
is_organiser_here = is_organiser & is_impartial & may_read
is_auditor_here = has_role(Role.AUDITOR) & is_impartial & may_read & was_submitted
is_reviewer_here = is_impartial & has_own_answer & may_read
is_senior_editor_here = is_senior_here & may_read & is_impartial
is_editor_here = is_organiser_here | is_senior_editor_here
reads_released = accepted_licence & is_released
# what reviewers learn of key and models ends with the review; organisers and auditors read on
reads_key_of_others = (
    (is_organiser_here & ~owes_an_answer & ~in_status(Status.DRAFT, Status.CHECKING))
    | (is_auditor_here & ~owes_an_answer)
    | (is_reviewer_here & in_status(*UNDER_REVIEW))
    | is_triaging
)
reads_key = is_owner | reads_key_of_others
reads_as_staff = (is_organiser_here | is_auditor_here) & ~owes_an_answer
is_decided = in_status(Status.APPROVED, Status.REJECTED, Status.DUPLICATE, Status.RETRACTED)

PERMISSIONS: dict[str, Any] = {
    # questions
    "questions.create_question": is_active,
    "questions.view_question": may_read,
    "questions.view_key": reads_key | reads_released,
    "questions.view_ai_note": is_owner | (reads_key_of_others & in_status(*UNDER_REVIEW)),
    "questions.view_conflict_note": is_owner | reads_as_staff,
    "questions.view_unsubmitted": is_owner | is_organiser_here | is_triaging,
    "questions.view_history": is_owner | reads_as_staff | is_reviewer_here,
    "questions.edit_question": is_owner & in_status(Status.DRAFT, Status.ELIGIBLE),
    "questions.start_check_question": is_owner,
    "questions.cancel_check_question": is_owner,
    "questions.revise_question": is_owner,
    "questions.keep_check_question": is_owner | is_editor_here,
    "questions.submit_for_review_question": is_owner,
    "questions.withdraw_question": is_owner,
    "questions.request_changes_question": is_senior_editor_here
    | (is_organiser_here & in_status(Status.AWAITING_DECISION)),
    "questions.recommend_question": is_senior_here & is_impartial,
    "questions.approve_question": is_organiser_here & ~took_part,
    "questions.reject_question": is_organiser_here & ~took_part,
    "questions.desk_reject_question": is_editor_here | is_triaging,
    "questions.mark_duplicate_question": is_editor_here | is_triaging,
    "questions.override_check_question": is_organiser_here | is_triaging,
    "questions.reopen_question": is_organiser_here,
    "questions.retract_question": is_organiser_here,
    "questions.import_questions": is_organiser,
    "questions.manage_call": is_organiser,
    # near-duplicates; the list itself starts from the pairs that the reader may know of
    "questions.view_duplicates": has_role(Role.ORGANISER, Role.AUDITOR),
    "questions.judge_duplicates": is_organiser_here,
    # releases
    "questions.manage_release": is_organiser,
    "questions.view_release_build": is_organiser | has_role(Role.AUDITOR),
    "questions.download_release": accepted_licence | ((is_organiser | has_role(Role.AUDITOR)) & is_impartial_in),
    "questions.download_unpublished": (is_organiser | has_role(Role.AUDITOR)) & is_impartial_in,
    "questions.report_erratum": accepted_licence,
    # grading
    "grading.view_check": is_owner
    | is_organiser_here
    | is_auditor_here
    | (is_reviewer_here & in_status(*UNDER_REVIEW))
    | is_triaging,
    "grading.view_answers": reads_key,
    "grading.view_confirmation": reads_key_of_others | (is_owner & is_decided),
    "grading.contest_verdict": is_owner & in_status(Status.TOO_EASY),
    "grading.resolve_contest": is_organiser_here | is_triaging,
    "grading.mend_check": is_organiser_here,  # ask again, put a substitute in, clear a key alarm
    "grading.judge_answer": (is_organiser_here & ~owes_an_answer) | is_triaging,
    "grading.view_disagreements": has_role(Role.ORGANISER, Role.SENIOR_REVIEWER),
    "grading.view_operations": has_role(Role.ORGANISER, Role.AUDITOR, Role.ADMINISTRATOR),
    "grading.manage_panel": is_organiser,
    "grading.view_money": has_role(Role.ORGANISER, Role.AUDITOR),
    "grading.view_panels": has_role(Role.ORGANISER, Role.AUDITOR, Role.ADMINISTRATOR),
    # review
    "review.view_pool": has_role(Role.REVIEWER, Role.SENIOR_REVIEWER),
    "review.take_round": may_hold_round,
    "review.work_on_assignment": is_own_assignment,
    "review.assign": is_organiser_here & ~owes_an_answer,
    "review.view_rounds": reads_as_staff,
    "review.view_reviews": reads_as_staff | is_reviewer_here,
    "review.confirm_match": is_editor_here & reads_key_of_others,
    "review.view_feedback": is_owner,
    "review.adjudicate": is_senior_here & is_impartial,
    "review.decide": is_organiser_here & ~took_part,
    "review.view_desk": is_organiser | has_role(Role.AUDITOR),
    "review.comment_to_contributor": is_owner | is_organiser_here | is_reviewer_here,
    "review.comment_to_reviewers": is_organiser_here | is_reviewer_here,
    "review.file_appeal": is_owner & in_status(Status.REJECTED, Status.DUPLICATE),
    "review.decide_appeal": is_organiser_here & ~took_part & ~took_decision,
    # the site
    "accounts.propose_role": has_role(Role.ORGANISER, Role.ADMINISTRATOR),
    "accounts.confirm_role": has_role(Role.ADMINISTRATOR),
    "accounts.view_people": has_role(Role.ORGANISER, Role.ADMINISTRATOR, Role.AUDITOR),
    "audit.view_log": has_role(Role.AUDITOR, Role.ORGANISER, Role.ADMINISTRATOR),
}


def register() -> None:
    """Hand the table to `rules`; every transition has its name in it."""
    missing = {f"questions.{action}_question" for action in Action.values} - PERMISSIONS.keys() - AUTOMATIC
    assert not missing, missing
    for name, predicate in PERMISSIONS.items():
        if not rules.perm_exists(name):
            rules.add_perm(name, predicate)


AUTOMATIC = {"questions.pass_check_question", "questions.fail_check_question"}
