"""The reviewer's own answer, and a person's word where the matcher has none."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from grading import matching
from hle_site.audit import log
from questions.workflow import Refused
from review import rounds
from review.assignment import begin, own
from review.enums import (
    OPEN_ASSIGNMENTS,
)
from review.models import (
    Assignment,
    BlindSolve,
)

MATCHED = {matching.Result.EQUAL: True, matching.Result.DIFFERENT: False}


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
        begin(locked)
        log.record("solve.record", by=by, on=solve)
    return solve


def _compare(revision: Any, answer: str) -> matching.Match:
    return matching.match(
        answer_type=revision.answer_type, key=revision.answer, answer=answer, options=revision.options
    )


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
