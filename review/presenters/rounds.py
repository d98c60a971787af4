"""Rounds with their reviews and messages as reviewers, organisers and auditors see them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, prefetch_related_objects
from django.utils.translation import gettext as _

from hle_site import lookups
from questions.models import Question
from review import rubric, solves
from review.enums import AssignmentStatus, Audience, Blinding, Depth, RoundKind, RoundOutcome
from review.models import Assignment, BlindSolve, Comment, Recommendation, Review, Round
from review.presenters.names import pseudonym

OF_DECISION = ("decision__by", "decision__recommended_by", "decision__revision")


@dataclass(frozen=True)
class ReviewCard:
    """One review as its reader may see it."""

    author: str
    is_own: bool
    on: date
    score: int
    level: Any
    level_text: Any
    depth: str
    doubts: list[Any]
    feedback: str
    private_note: str
    solve: str
    solve_answer: str
    unconfirmed_solve: int | None = None


@dataclass(frozen=True)
class Message:
    """One message of a discussion."""

    author: str
    is_own: bool
    on: date
    text: str
    to_contributor: bool
    is_contributor: bool


@dataclass(frozen=True)
class RoundCard:
    """One round with what its reader may see of it."""

    id: Any
    number: int
    kind: str
    label: str
    revision: int
    opened_at: datetime
    settled_at: datetime | None
    outcome: str
    outcome_label: str
    reason: str
    quorum: int
    reviews: list[ReviewCard]
    messages: list[Message]
    recommendation: str = ""
    recommendation_reason: str = ""
    recommended_by: str = ""
    people: list[tuple[str, str, datetime]] = field(default_factory=list)


def solve_words(solve: BlindSolve | None) -> str:
    """Return in words how an own answer compares with the key."""
    if solve is None:
        return ""
    if solve.is_unsolved:
        return _("Could not solve it")
    words = {True: _("Solved it and reached the key"), False: _("Solved it and came to another answer")}
    return words.get(solve.matches_key, _("Solved it; the answer is not compared yet"))


def doubts_of(review: Review) -> list[Any]:
    return [check.question for check in rubric.CHECKLIST if getattr(review, check.field) is False]


def solve_of(review: Review) -> BlindSolve | None:
    return getattr(review.assignment, "solve", None)


def rounds_for(user: Any, question: Question) -> list[RoundCard]:
    """Return the rounds that are open to the user, newest first, with reviews in their stored order."""
    is_staff = user.has_perm("review.view_rounds", question)
    sees_notes = is_staff or user.has_perm("review.adjudicate", question)
    rounds = [round_ for round_ in all_rounds(user, question) if round_.is_visible]
    if not rounds:
        return []
    knows_names = is_staff or _is_in(user, rounds)
    if is_staff:
        prefetch_related_objects(rounds, Prefetch("assignments", Assignment.objects.select_related("reviewer")))
    reviews = by_round(
        Review.objects.visible_to(user, rounds)
        .counted()
        .filter(assignment__round__question=question)
        .select_related("assignment__reviewer", "assignment__round", "assignment__solve"),
        lambda review: review.assignment.round_id,
    )
    messages = by_round(
        Comment.objects.visible_to(user, rounds).filter(question=question).for_list(), lambda message: message.round_id
    )
    return [
        _round_card(
            round_,
            user=user,
            is_staff=is_staff,
            knows_names=knows_names,
            sees_notes=sees_notes,
            reviews=reviews.get(round_.pk, []),
            messages=messages.get(round_.pk, []),
            recommendation=getattr(round_, "recommendation", None) if sees_notes else None,
        )
        for round_ in rounds
    ]


def _is_in(user: Any, rounds: list[Round]) -> bool:
    """Whether the user's own review of the question is in, asked only where names hang on it."""
    if not any(round_.blinding == Blinding.B0 for round_ in rounds):
        return False
    mine = Assignment.objects.filter(reviewer=user, round__question=rounds[0].question_id)
    return not mine.due().exists() and mine.filter(status=AssignmentStatus.SUBMITTED).exists()


def all_rounds(user: Any, question: Question) -> list[Round]:
    """Return every round of a question, newest first, with its recommendation and decision; `is_visible` says which are open to the user."""
    visible = Exists(Round.objects.visible_to(user).filter(pk=OuterRef("pk")))
    rows = Round.objects.filter(question=question).annotate(is_visible=visible).order_by("-number")
    rows = rows.select_related("revision", "question", "recommendation__by", *OF_DECISION)
    return lookups.once(("rounds", user.pk, question.pk), lambda: list(rows))


def by_round(rows: Any, key: Any) -> dict[Any, list[Any]]:
    grouped: dict[Any, list[Any]] = {}
    for row in rows:
        grouped.setdefault(key(row), []).append(row)
    return grouped


def _round_card(
    round_: Round,
    *,
    user: Any,
    is_staff: bool,
    knows_names: bool,
    sees_notes: bool,
    reviews: list[Review],
    messages: list[Comment],
    recommendation: Recommendation | None,
) -> RoundCard:
    question = round_.question
    shows_outcome = sees_notes or round_.outcome not in {RoundOutcome.APPROVAL, RoundOutcome.REJECTION}

    def name(person: Any) -> str:
        if person.pk == user.pk:
            return _("You")
        is_named = is_staff or (knows_names and round_.blinding == Blinding.B0)
        return str(person) if is_named else pseudonym(question, person)

    return RoundCard(
        id=round_.pk,
        number=round_.number,
        kind=round_.kind,
        label=round_.get_kind_display(),
        revision=round_.revision.number,
        opened_at=round_.opened_at,
        settled_at=round_.settled_at,
        outcome=round_.outcome if shows_outcome else "",
        outcome_label=round_.get_outcome_display() if round_.outcome and shows_outcome else "",
        reason=round_.outcome_reason if shows_outcome else "",
        quorum=round_.quorum,
        reviews=[
            _review_card(review, name=name, user=user, sees_notes=sees_notes, is_staff=is_staff)
            for review in shuffled(reviews, round_)
        ],
        messages=[_message(message, user, name) for message in messages],
        recommendation=recommendation.get_outcome_display() if recommendation else "",
        recommendation_reason=recommendation.reason if recommendation else "",
        recommended_by=name(recommendation.by) if recommendation else "",
        people=_people(round_) if is_staff else [],
    )


def _people(round_: Round) -> list[tuple[str, str, datetime]]:
    return [(str(row.reviewer), row.status, row.due_at) for row in round_.assignments.all()]


def shuffled(reviews: list[Review], round_: Round) -> list[Review]:
    ordered = sorted(reviews, key=lambda review: review.pk)
    random.Random(round_.order_seed).shuffle(ordered)  # noqa: S311 - an order, not a secret
    return ordered


def _review_card(review: Review, *, name: Any, user: Any, sees_notes: bool, is_staff: bool) -> ReviewCard:
    round_ = review.assignment.round
    level = rubric.RUBRICS[round_.rubric_version].level(round_.kind, review.score)
    solve = solve_of(review)
    is_own = review.assignment.reviewer_id == user.pk
    is_open = solve is not None and not solve.is_unsolved and solve.matches_key is None
    return ReviewCard(
        author=name(review.assignment.reviewer),
        is_own=is_own,
        on=review.submitted_at.date(),
        score=review.score,
        level=level.label,
        level_text=level.text,
        depth=Depth(review.depth).label,
        doubts=doubts_of(review),
        feedback=review.feedback,
        private_note=review.private_note if sees_notes or is_own else "",
        solve=solve_words(solve),
        solve_answer=solve.answer or solve.reason if solve else "",
        unconfirmed_solve=solve.pk if is_open and not is_own else None,
    )


def _message(message: Comment, user: Any, name: Any) -> Message:
    author = _("Contributor") if message.question.is_owned_by(message.by) else name(message.by)
    is_own = message.by_id == user.pk
    return Message(
        author=_("You") if is_own else author,
        is_own=is_own,
        on=message.at.date(),
        text=message.text,
        to_contributor=message.audience == Audience.CONTRIBUTOR,
        is_contributor=message.question.is_owned_by(message.by),
    )


@dataclass(frozen=True)
class Evidence:
    """What the decision rests on, in numbers, and what still stands against approval."""

    solves: solves.Solves
    missing: list[str]
    mean_scores: list[tuple[str, float, int]]


def evidence(question: Question, refusals: list[str]) -> Evidence:
    """Return the evidence of the newest revision for the people who decide."""
    revision = question.newest
    means = solves.mean_scores([revision])[question.pk, revision.tested_hash]
    return Evidence(
        solves=solves.count(question, revision),
        missing=refusals,
        mean_scores=[(RoundKind(row["kind"]).label, row["mean_score"], row["reviews"]) for row in means],
    )
