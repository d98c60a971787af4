"""What people do in review: solve, review, comment, adjudicate, decide, appeal, retract. Pages, API and seed all call these.

Locks are taken in one order: question, round, assignment; the audit chain last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from grading import matching
from hle_site.accounts.enums import Role
from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.notifications import outbox
from questions import workflow
from questions.enums import Action, ReasonCode, Status
from questions.models import Question, StatusChange
from questions.workflow import Refused
from review import rounds, rubric
from review.assignment import own
from review.enums import (
    OPEN_ASSIGNMENTS,
    AppealStatus,
    AssignmentStatus,
    Audience,
    DecisionOutcome,
    Depth,
    RoundKind,
    RoundOutcome,
)
from review.models import (
    Appeal,
    Assignment,
    BlindSolve,
    Comment,
    Decision,
    Recommendation,
    Retraction,
    Review,
    Round,
)

CHECK_FIELDS = tuple(check.field for check in rubric.CHECKLIST)
CONTENT = ("score", "depth", *CHECK_FIELDS, "feedback", "private_note")
MIN_FEEDBACK = 20
LONGEST_PAUSE = timedelta(minutes=5)
MATCHED = {matching.Result.EQUAL: True, matching.Result.DIFFERENT: False}


class EditConflict(Exception):
    """The review was saved in another window since it was read; nothing was overwritten."""

    def __init__(self, review: Review) -> None:
        super().__init__(
            _(
                "This review was saved in another window since you opened it. Your text was kept here; compare before saving again."
            )
        )
        self.review = review


def record_solve(
    *,
    assignment: Assignment,
    by: Any,
    answer: str = "",
    is_unsolved: bool = False,
    reason: str = "",
    confidence: int | None = None,
) -> BlindSolve:
    """Record the reviewer's own answer, or that they cannot solve it and why; it never changes afterwards.

    The answer is compared with the key at once; what the matcher cannot decide stays open for a person to confirm.
    """
    answer, reason = ("" if is_unsolved else answer.strip()), (reason.strip() if is_unsolved else "")
    if is_unsolved and not reason:
        raise Refused([_("Say in a few words what stopped you: it helps the contributor and the organisers.")])
    if not is_unsolved and not answer:
        raise Refused([_("Write your own answer, or say that you cannot solve it and why.")])
    revision = assignment.round.revision
    found = None if is_unsolved else _compare(revision, answer)
    with transaction.atomic():
        rounds.lock_round(assignment.round)
        locked = own(assignment, by, *OPEN_ASSIGNMENTS)
        if BlindSolve.objects.filter(assignment=locked).exists():
            raise Refused([_("Your answer is recorded already and cannot change.")])
        solve = BlindSolve.objects.create(
            assignment=locked,
            revision=revision,
            answer=answer,
            is_unsolved=is_unsolved,
            reason=reason,
            confidence=None if is_unsolved else confidence,
            matches_key=MATCHED.get(found.result) if found else None,
            match_rule=found.rule[:60] if found else "",
        )
        _set_status(locked, AssignmentStatus.IN_PROGRESS)
        log.record("solve.record", by=by, on=solve)
    return solve


def _compare(revision: Any, answer: str) -> matching.Match:
    return matching.match(
        answer_type=revision.answer_type, key=revision.answer, answer=answer, options=revision.options
    )


def _set_status(assignment: Assignment, status: AssignmentStatus) -> None:
    assignment.status = status
    assignment.save(update_fields=["status"])


@transaction.atomic
def confirm_match(*, solve: BlindSolve, by: Any, is_match: bool, reason: str) -> BlindSolve:
    """Decide by hand whether an answer reaches the key, where the matcher could not."""
    question = solve.assignment.round.question
    if not by.has_perm("review.confirm_match", question) or solve.assignment.reviewer_id == by.pk:
        raise PermissionDenied("review.confirm_match")
    if not reason.strip():
        raise Refused([_("Give a reason: it is logged.")])
    locked = BlindSolve.objects.select_for_update(no_key=True).get(pk=solve.pk)
    if locked.is_unsolved or locked.matches_key is not None:
        raise Refused([_("This answer is compared already.")])
    locked.matches_key, locked.match_rule, locked.confirmed_by = is_match, "person", by
    locked.save(update_fields=["matches_key", "match_rule", "confirmed_by"])
    log.record("solve.confirm", by=by, on=locked, after="match" if is_match else "no match", reason=reason)
    return locked


@transaction.atomic
def save_review(*, assignment: Assignment, by: Any, content: Mapping[str, Any], version: int | None = None) -> Review:
    """Save the draft of a review; `version` is the counter that the form was read with.

    Raises EditConflict when another window has saved since, Refused before the own answer is in.
    """
    round_ = rounds.lock_round(assignment.round)
    locked = own(assignment, by, *OPEN_ASSIGNMENTS)
    _require_scorable(locked, round_)
    review, is_new = Review.objects.get_or_create(assignment=locked)
    if version is not None and version != (0 if is_new else review.version):
        raise EditConflict(review)
    for name in CONTENT:
        if name in content:
            setattr(review, name, content[name])
    if not is_new:
        review.version += 1
        # a soft measure: the time between two saves counts up to a short pause
        review.seconds += int(min(timezone.now() - review.saved_at, LONGEST_PAUSE).total_seconds())
    review.saved_at = timezone.now()
    review.save(update_fields=[*CONTENT, "version", "seconds", "saved_at"])
    if locked.status == AssignmentStatus.ACCEPTED:
        _set_status(locked, AssignmentStatus.IN_PROGRESS)
    return review


def _require_scorable(assignment: Assignment, round_: Round) -> None:
    if round_.kind == RoundKind.ADJUDICATION:
        raise Refused([_("An adjudication has no score: choose where the question goes, and why.")])
    if round_.is_blind_solve and not BlindSolve.objects.filter(assignment=assignment).exists():
        raise Refused([_("Record your own answer first.")])


@transaction.atomic
def submit_review(
    *, assignment: Assignment, by: Any, content: Mapping[str, Any] | None = None, version: int | None = None
) -> Review:
    """Hand in a review for good, and settle the round when it was the last one wanted.

    Raises Refused with everything that is missing; what was typed is saved by `save_review` before.
    """
    rounds.lock_question(assignment.round.question)
    round_ = rounds.lock_round(assignment.round)
    if content is not None:
        save_review(assignment=assignment, by=by, content=content, version=version)
    locked = own(assignment, by, *OPEN_ASSIGNMENTS)
    _require_scorable(locked, round_)
    review = Review.objects.filter(assignment=locked).first() or Review(assignment=locked)
    missing = missing_in(review, round_)
    if missing:
        raise Refused(missing)
    review.submitted_at = timezone.now()
    review.save(update_fields=["submitted_at"])
    _submitted(locked)
    rounds.settle_if_ready(round_=round_)
    log.record("review.submit", by=by, on=review)
    return review


def _submitted(assignment: Assignment) -> None:
    assignment.status, assignment.ended_at = AssignmentStatus.SUBMITTED, timezone.now()
    assignment.save(update_fields=["status", "ended_at"])


def missing_in(review: Review, round_: Round) -> list[str]:
    """Return what a review lacks before it can be submitted."""
    scale = rubric.RUBRICS[round_.rubric_version].values(round_.kind)
    rules = (
        (review.score not in scale, _("Choose a score.")),
        (review.depth not in Depth.values, _("Say how far you verified the answer.")),
        (any(getattr(review, field) is None for field in CHECK_FIELDS), _("Answer every point of the checklist.")),
        (
            len(review.feedback.strip()) < MIN_FEEDBACK,
            _("Write at least a sentence of feedback (%(least)d characters): the contributor reads it.")
            % {"least": MIN_FEEDBACK},
        ),
    )
    return [sentence for is_missing, sentence in rules if is_missing]


@transaction.atomic
def adjudicate(*, assignment: Assignment, by: Any, outcome: str, reason: str, feedback: str = "") -> Round:
    """Settle an adjudication: a senior reviewer says where the question goes. `feedback` is what the contributor reads."""
    rounds.lock_question(assignment.round.question)
    round_ = rounds.lock_round(assignment.round)
    locked = own(assignment, by, *OPEN_ASSIGNMENTS)
    if round_.kind != RoundKind.ADJUDICATION or not by.has_perm("review.adjudicate", round_.question):
        raise PermissionDenied("review.adjudicate")
    if outcome not in possible_outcomes(round_):
        raise Refused([_("Choose where the question goes.")])
    if not reason.strip():
        raise Refused([_("Give a reason: the organisers read it.")])
    if outcome == RoundOutcome.CHANGES and len(feedback.strip()) < MIN_FEEDBACK:
        raise Refused([_("Tell the contributor what should change, in at least a sentence.")])
    if feedback.strip():
        Comment.objects.create(
            question=round_.question, round=round_, audience=Audience.CONTRIBUTOR, text=feedback.strip(), by=by
        )
    _submitted(locked)
    rounds.finish(round_=round_, outcome=RoundOutcome(outcome), reason=reason.strip(), by=by)
    return round_


def possible_outcomes(round_: Round) -> list[RoundOutcome]:
    """Return where an adjudication may lead; approval is recommended only once round 2 has judged the question."""
    outcomes = [RoundOutcome.NEXT_ROUND, RoundOutcome.CHANGES, RoundOutcome.REJECTION]
    was_selected = round_.question.rounds.filter(kind=RoundKind.SECOND, settled_at__isnull=False)
    if was_selected.exclude(outcome=RoundOutcome.CANCELLED).exists():
        outcomes.insert(0, RoundOutcome.APPROVAL)
    return outcomes


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


OUTCOME_ACTIONS = {
    DecisionOutcome.APPROVE: Action.APPROVE,
    DecisionOutcome.REJECT: Action.REJECT,
    DecisionOutcome.CHANGES: Action.REQUEST_CHANGES,
}


@transaction.atomic
def decide(*, question: Question, by: Any, outcome: str, reason: str, reason_code: str = "") -> Decision:
    """Decide over a recommended question: an organiser who took no part in its review. Both content hashes are kept."""
    locked = rounds.lock_question(question)
    if not by.has_perm("review.decide", locked):
        raise PermissionDenied("review.decide")
    if outcome not in OUTCOME_ACTIONS:
        raise Refused([_("Choose a decision.")])
    if not reason.strip():
        raise Refused([_("Give a reason: the contributor reads it.")])
    if outcome == DecisionOutcome.REJECT and reason_code not in ReasonCode.values:
        raise Refused([_("Choose the kind of reason for declining.")])
    last = locked.rounds.order_by("-number").first()
    if locked.status != Status.AWAITING_DECISION or last is None:
        raise workflow.InvalidTransition(_("This question does not wait for a decision any more."))
    recommendation = Recommendation.objects.filter(round=last).first()
    revision = locked.newest
    decision = Decision.objects.create(
        question=locked,
        revision=revision,
        round=last,
        outcome=outcome,
        reason=reason.strip(),
        reason_code=reason_code if outcome == DecisionOutcome.REJECT else "",
        tested_hash=revision.tested_hash,
        supporting_hash=revision.supporting_hash,
        recommended_by=recommendation.by if recommendation else None,
        by=by,
    )
    due = {"due_at": timezone.now() + timedelta(days=settings.CHANGES_DAYS)} if outcome == "changes" else {}
    workflow.advance(
        locked,
        OUTCOME_ACTIONS[DecisionOutcome(outcome)],
        by=by,
        reason=decision.reason,
        reason_code=decision.reason_code,
        revision=revision,
        **due,
    )
    log.record("decision.create", by=by, on=decision, after=outcome)
    return decision


@transaction.atomic
def request_changes(*, question: Question, by: Any, reason: str) -> StatusChange:
    """Ask for changes while a round still runs, by a senior reviewer of the question or an organiser."""
    if not reason.strip():
        raise Refused([_("Tell the contributor what should change.")])
    return workflow.advance(
        rounds.lock_question(question),
        Action.REQUEST_CHANGES,
        by=by,
        reason=reason.strip(),
        due_at=timezone.now() + timedelta(days=settings.CHANGES_DAYS),
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


@transaction.atomic
def reopen(*, question: Question, by: Any, reason: str) -> StatusChange:
    """Bring a closed question back into review."""
    if not reason.strip():
        raise Refused([_("Give a reason: it is logged.")])
    return workflow.advance(rounds.lock_question(question), Action.REOPEN, by=by, reason=reason.strip(), original=None)


@transaction.atomic
def propose_retraction(*, question: Question, by: Any, reason: str, public_reason: str) -> Retraction:
    """Propose to take an approved question back; a second organiser confirms."""
    locked = rounds.lock_question(question)
    if not by.has_perm("questions.retract_question", locked):
        raise PermissionDenied("questions.retract_question")
    if locked.status != Status.APPROVED:
        raise workflow.InvalidTransition(_("Only an approved question can be retracted."))
    if not reason.strip() or not public_reason.strip():
        raise Refused([_("Give both reasons: one for the log, and a short one that everybody reads.")])
    if Retraction.objects.filter(question=locked).exists():
        raise Refused([_("A retraction is proposed already and waits for a second organiser.")])
    retraction = Retraction.objects.create(
        question=locked, reason=reason.strip(), public_reason=public_reason.strip()[:300], proposed_by=by
    )
    log.record("retraction.propose", by=by, on=retraction, reason=retraction.reason)
    return retraction


@transaction.atomic
def confirm_retraction(*, retraction: Retraction, by: Any) -> StatusChange:
    """Retract the question, by another organiser than the one who proposed it."""
    question = rounds.lock_question(retraction.question)
    locked = Retraction.objects.select_for_update(no_key=True).get(pk=retraction.pk)
    if locked.proposed_by_id == by.pk:
        raise Refused([_("A retraction needs two people: another organiser confirms your proposal.")])
    change = workflow.advance(question, Action.RETRACT, by=by, reason=locked.public_reason)
    locked.confirmed_at, locked.confirmed_by = timezone.now(), by
    locked.save(update_fields=["confirmed_at", "confirmed_by"])
    log.record("retraction.confirm", by=by, on=locked)
    return change
