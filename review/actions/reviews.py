"""Reviews: saved as drafts by several windows, handed in once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.audit import log
from questions.workflow import Refused
from review import rounds, rubric
from review.assignment import begin, complete, own
from review.enums import (
    OPEN_ASSIGNMENTS,
    AssignmentStatus,
    Depth,
    RoundKind,
)
from review.models import (
    Assignment,
    BlindSolve,
    Review,
    Round,
)

CHECK_FIELDS = tuple(check.field for check in rubric.CHECKLIST)
CONTENT = ("score", "depth", *CHECK_FIELDS, "feedback", "private_note")
MIN_FEEDBACK = 20
LONGEST_PAUSE = timedelta(minutes=5)


class EditConflict(Exception):
    """The review was saved in another window since it was read; nothing was overwritten."""

    def __init__(self, review: Review) -> None:
        super().__init__(
            _(
                "This review was saved in another window since you opened it. Your text was kept here; compare before saving again."
            )
        )
        self.review = review


@transaction.atomic
def save_review(*, assignment: Assignment, by: Any, content: Mapping[str, Any], version: int | None = None) -> Review:
    """Save the draft of a review; `version` is the counter that the form was read with.

    Raises EditConflict when another window has saved since, Refused before the own answer is in.
    """
    round_ = rounds.lock_round(assignment.round)
    locked = own(assignment, by, *OPEN_ASSIGNMENTS)
    _require_scorable(locked, round_)
    return _keep(locked, content, version)


def _keep(locked: Assignment, content: Mapping[str, Any], version: int | None) -> Review:
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
        begin(locked)
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
    locked = own(assignment, by, *OPEN_ASSIGNMENTS)
    _require_scorable(locked, round_)
    if content is not None:
        review = _keep(locked, content, version)
    else:
        review = Review.objects.filter(assignment=locked).first() or Review(assignment=locked)
    missing = missing_in(review, round_)
    if missing:
        raise Refused(missing)
    review.submitted_at = timezone.now()
    review.save(update_fields=["submitted_at"])
    complete(locked)
    rounds.settle_if_ready(round_=round_)
    log.record("review.submit", by=by, on=review)
    return review


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
