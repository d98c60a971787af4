"""What the contributor reads: reviews of a round at once, decisions, no name and no time beyond the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from hle_site import lookups
from questions.models import Question
from review import rubric
from review.enums import AssignmentStatus, Audience, Depth, RoundOutcome
from review.models import Appeal, Assignment, Comment, Review, Round
from review.presenters.rounds import Message, by_round, doubts_of, shuffled, solve_of, solve_words
from review.querysets import TOLD


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
    reviews = by_round((row.review for row in _places(question) if _is_counted(row)), lambda row: row.assignment.round)
    messages = by_round(_messages(question), lambda row: row.round)
    rounds = sorted({*reviews, *messages}, key=lambda round_: round_.number, reverse=True)
    return [_feedback_of(round_, reviews.get(round_, []), messages.get(round_, [])) for round_ in rounds]


def _was_told(question: Question) -> bool:
    return any(change.after in TOLD for change in question.past)


def _places(question: Question) -> list[Assignment]:
    """The places in the rounds of which the contributor is told, with all that they read of them."""
    if not _was_told(question):
        return []
    told = question.rounds.released_to_contributor().values("pk")
    places = Assignment.objects.filter(round__in=told).order_by("pk")
    beside = ("review", "solve", "round__revision", "round__decision", "round__question__appeal")
    return lookups.once(("told", question.pk), lambda: list(places.select_related(*beside)))


def _is_counted(place: Assignment) -> bool:
    review = getattr(place, "review", None)
    return place.status == AssignmentStatus.SUBMITTED and review is not None and review.submitted_at is not None


def _messages(question: Question) -> list[Comment]:
    if not _was_told(question):
        return []
    told = question.rounds.released_to_contributor().values("pk")
    rows = Comment.objects.filter(round__in=told, audience=Audience.CONTRIBUTOR)
    return list(rows.for_list().select_related("by", "question", "round__revision"))


def _feedback_of(round_: Round, reviews: list[Review], messages: list[Comment]) -> RoundFeedback:
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
    rounds = {place.round for place in _places(question)}
    rows = [round_.decision for round_ in rounds if hasattr(round_, "decision")]
    return [
        DecisionNews(
            row.get_outcome_display(),
            row.reason,
            row.get_reason_code_display() if row.reason_code else "",
            row.at.date(),
        )
        for row in sorted(rows, key=lambda row: row.at, reverse=True)
    ]


def appeal_of(question: Question) -> Appeal | None:
    """Return the contributor's appeal, if one was filed; only what they were told can be appealed against."""
    if not _was_told(question):
        return None
    places = _places(question)
    return (
        getattr(places[0].round.question, "appeal", None)
        if places
        else Appeal.objects.filter(question=question).first()
    )
