"""What the contributor reads: reviews of a round at once, decisions, no name and no time beyond the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from questions.models import Question
from review import rubric
from review.enums import Audience, Depth, RoundOutcome
from review.models import Comment, Review, Round
from review.presenters.rounds import Message, doubts_of, shuffled, solve_of, solve_words


@dataclass(frozen=True)
class FeedbackItem:
    """One review as the contributor reads it: no author, no private note, no time beyond the day."""

    on: date
    score: int
    level: Any
    level_text: Any
    depth: str
    doubts: list[Any]
    feedback: str
    solve: str


@dataclass(frozen=True)
class RoundFeedback:
    """The feedback of one closed round, all at once, in a stored random order."""

    id: Any
    number: int
    label: str
    revision: int
    on: date
    outcome_label: str
    items: list[FeedbackItem]
    messages: list[Message]


def feedback(question: Question) -> list[RoundFeedback]:
    """Return what the contributor reads of the reviews, newest round first; empty until changes are requested or a decision falls."""
    rounds = question.rounds.released_to_contributor().select_related("revision", "question").order_by("-number")
    return [card for round_ in rounds if (card := _feedback_of(round_))]


def _feedback_of(round_: Round) -> RoundFeedback | None:
    reviews = list(
        Review.objects.counted()
        .filter(assignment__round=round_)
        .select_related("assignment__round", "assignment__solve")
    )
    messages = list(round_.comments.filter(audience=Audience.CONTRIBUTOR).for_list())
    if not reviews and not messages:
        return None
    return RoundFeedback(
        id=round_.pk,
        number=round_.number,
        label=round_.get_kind_display(),
        revision=round_.revision.number,
        on=round_.settled_at.date(),
        outcome_label=_public_outcome(round_),
        items=[_feedback_item(review) for review in shuffled(reviews, round_)],
        messages=[_public_message(message) for message in messages],
    )


def _public_outcome(round_: Round) -> str:
    # a recommendation is not for the contributor; that changes are asked for is
    return round_.get_outcome_display() if round_.outcome == RoundOutcome.CHANGES else ""


def _feedback_item(review: Review) -> FeedbackItem:
    round_ = review.assignment.round
    level = rubric.RUBRICS[round_.rubric_version].level(round_.kind, review.score)
    return FeedbackItem(
        on=review.submitted_at.date(),
        score=review.score,
        level=level.label,
        level_text=level.text,
        depth=Depth(review.depth).label,
        doubts=doubts_of(review),
        feedback=review.feedback,
        solve=solve_words(solve_of(review)),
    )


def _public_message(message: Comment) -> Message:
    is_own = message.question.is_owned_by(message.by)
    return Message(
        author=_("You") if is_own else _("Reviewers and organisers"),
        is_own=is_own,
        on=message.at.date(),
        text=message.text,
        to_contributor=False,
        is_contributor=is_own,
    )


@dataclass(frozen=True)
class DecisionNews:
    """What the contributor reads of a decision: no name, the day only."""

    label: str
    reason: str
    code: str
    on: date


def decision_news(question: Question) -> list[DecisionNews]:
    """Return the decisions over a question as its contributor reads them, newest first."""
    return [
        DecisionNews(
            row.get_outcome_display(),
            row.reason,
            row.get_reason_code_display() if row.reason_code else "",
            row.at.date(),
        )
        for row in question.decisions.all()
    ]
