"""What pages show, as plain values: no model reaches a template, so no name can slip through one."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from grading import evidence as grading_evidence
from grading.enums import PredictionState, Verdict
from grading.matching import canonical
from grading.models import Prediction
from questions.models import Question, Revision
from review import rubric, solves
from review.enums import ACTIVE_ASSIGNMENTS, AssignmentStatus, Audience, Blinding, Depth, RoundKind, RoundOutcome
from review.models import Assignment, BlindSolve, Comment, Recommendation, Review, Round

MINUTES = {RoundKind.FIRST: 15, RoundKind.SECOND: 10, RoundKind.ADJUDICATION: 10}


def pseudonym(question: Question, user: Any) -> str:
    """Return the name under which a reviewer appears to colleagues: the same through one question, another in the next."""
    message = f"{question.pk}:{user.pk}".encode()
    digest = hmac.new(settings.PSEUDONYM_KEY.encode(), message, hashlib.sha256).digest()
    return _("Reviewer %(number)d") % {"number": 100 + int.from_bytes(digest[:4]) % 9900}


def pool_handle(round_: Round, user: Any) -> str:
    """Return the short name of a pool card, another one for each reader."""
    message = f"pool:{round_.pk}:{user.pk}".encode()
    return "P-" + hmac.new(settings.PSEUDONYM_KEY.encode(), message, hashlib.sha256).hexdigest()[:6].upper()


@dataclass(frozen=True)
class QuestionText:
    """A question as it is read, with the key only where the reader may know it."""

    prompt: str
    options: list[str]
    correct: str
    language: str
    image_url: str
    image_alt: str
    image_width: int
    image_height: int
    category: str
    subject: str
    answer_type: str
    revision: int


@dataclass(frozen=True)
class ModelAnswer:
    """What one model said."""

    name: str
    simulated: bool
    state: str
    verdict: str
    answer: str
    reason: str
    latency_s: float | None


@dataclass(frozen=True)
class Reveal:
    """What a reviewer learns after the own answer."""

    key: str
    rationale: str
    sources: str
    ai_use_note: str
    models: list[ModelAnswer]
    summary: str
    alarm: str


@dataclass(frozen=True)
class OwnSolve:
    """The reader's own recorded answer."""

    answer: str
    is_unsolved: bool
    reason: str
    confidence: int | None
    matches_key: bool | None
    recorded_at: datetime


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


@dataclass(frozen=True)
class Card:
    """One row of the dashboard: what may be known before, during and after a review, without text and without names."""

    handle: str
    category: str
    subject: str
    round: str
    revision: int
    format: str
    language: str
    age_at: datetime
    due_at: datetime | None
    reviews_in: int
    quorum: int
    minutes: int
    status: str = ""
    url: str = ""
    take_id: Any = None
    is_own_subject: bool = False
    is_overdue: bool = False
    note: str = ""


def picture_url(attachment: Any, question: Question) -> str:
    """Return where a picture of a question is read, or nothing."""
    return reverse("questions:picture", args=[question.pk, attachment.pk]) if attachment else ""


def question_text(revision: Revision, *, with_key: bool) -> QuestionText:
    """Return a revision as it is read."""
    image = revision.image
    return QuestionText(
        prompt=revision.prompt,
        options=list(revision.options) if revision.is_choice else [],
        correct=revision.answer if with_key and revision.is_choice else "",
        language=revision.language,
        image_url=picture_url(image, revision.question),
        image_alt=revision.image_alt,
        image_width=image.width if image else 0,
        image_height=image.height if image else 0,
        category=revision.get_category_display(),
        subject=revision.raw_subject,
        answer_type=revision.get_answer_type_display(),
        revision=revision.number,
    )


def reveal(revision: Revision) -> Reveal:
    """Return key, rationale and what the models said about a revision."""
    answers = list(Prediction.objects.of(revision))
    return Reveal(
        key=revision.answer,
        rationale=revision.rationale,
        sources=revision.sources,
        ai_use_note=revision.ai_use_note,
        models=[_model_answer(answer) for answer in answers],
        summary=_summary(answers, revision),
        alarm=_alarm(revision),
    )


def _model_answer(prediction: Prediction) -> ModelAnswer:
    is_final = prediction.state in {PredictionState.SETTLED, PredictionState.UNSCORED}
    return ModelAnswer(
        name=prediction.model.label,
        simulated=prediction.model.is_simulated,
        state=prediction.state,
        verdict=prediction.verdict if is_final else "",
        answer=prediction.answer,
        reason=prediction.verdict_reason,
        latency_s=prediction.latency_ms / 1000 if prediction.latency_ms else None,
    )


def _wrong_answers(answers: list[Prediction], revision: Revision) -> Counter[str]:
    wrong = (answer.answer for answer in answers if answer.verdict == Verdict.INCORRECT)
    spelled = (canonical(answer_type=revision.answer_type, answer=answer, options=revision.options) for answer in wrong)
    return Counter(answer for answer in spelled if answer)


def _summary(answers: list[Prediction], revision: Revision) -> str:
    verdicts = Counter(answer.verdict for answer in answers if answer.state != PredictionState.SKIPPED)
    right, wrong = verdicts[Verdict.CORRECT], verdicts[Verdict.INCORRECT]
    if not right + wrong:
        return _("No model has a scored answer to this text.")
    words = ngettext(
        "%(right)d of %(count)d model reached the key.", "%(right)d of %(count)d models reached the key.", right + wrong
    ) % {"right": right, "count": right + wrong}
    same = _wrong_answers(answers, revision).most_common(1)
    if same and same[0][1] > 1:
        words += " " + _("%(count)d of them gave the same other answer.") % {"count": same[0][1]}
    return words


def _alarm(revision: Revision) -> str:
    if not grading_evidence.has_key_alarm(revision.question):
        return ""
    return _(
        "Models agree on an answer that is not the key. The question may be hard, or the key may be wrong: please check the key with care."
    )


def own_solve(assignment: Assignment) -> OwnSolve | None:
    """Return the reviewer's own recorded answer, if there is one."""
    solve = BlindSolve.objects.filter(assignment=assignment).first()
    if solve is None:
        return None
    return OwnSolve(
        solve.answer, solve.is_unsolved, solve.reason, solve.confidence, solve.matches_key, solve.recorded_at
    )


def solve_words(solve: BlindSolve | None) -> str:
    """Return in words how an own answer compares with the key."""
    if solve is None:
        return ""
    if solve.is_unsolved:
        return _("Could not solve it")
    words = {True: _("Solved it and reached the key"), False: _("Solved it and came to another answer")}
    return words.get(solve.matches_key, _("Solved it; the answer is not compared yet"))


def _doubts(review: Review) -> list[Any]:
    return [check.question for check in rubric.CHECKLIST if getattr(review, check.field) is False]


def _solve_of(review: Review) -> BlindSolve | None:
    return getattr(review.assignment, "solve", None)


def rounds_for(user: Any, question: Question) -> list[RoundCard]:
    """Return the rounds that are open to the user, newest first, with reviews in their stored order."""
    is_staff = user.has_perm("review.view_rounds", question)
    sees_notes = is_staff or user.has_perm("review.adjudicate", question)
    rounds = Round.objects.visible_to(user).filter(question=question).select_related("revision").order_by("-number")
    reviews = _by_round(
        Review.objects.visible_to(user)
        .counted()
        .filter(assignment__round__question=question)
        .select_related("assignment__reviewer", "assignment__round", "assignment__solve"),
        lambda review: review.assignment.round_id,
    )
    messages = _by_round(
        Comment.objects.visible_to(user).filter(question=question).for_list(), lambda message: message.round_id
    )
    recommendations = {
        row.round_id: row for row in Recommendation.objects.filter(round__in=rounds).select_related("by")
    }
    return [
        _round_card(
            round_,
            user=user,
            is_staff=is_staff,
            sees_notes=sees_notes,
            reviews=reviews.get(round_.pk, []),
            messages=messages.get(round_.pk, []),
            recommendation=recommendations.get(round_.pk) if sees_notes else None,
        )
        for round_ in rounds
    ]


def _by_round(rows: Any, key: Any) -> dict[Any, list[Any]]:
    grouped: dict[Any, list[Any]] = {}
    for row in rows:
        grouped.setdefault(key(row), []).append(row)
    return grouped


def _round_card(
    round_: Round,
    *,
    user: Any,
    is_staff: bool,
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
        return str(person) if is_staff or round_.blinding == Blinding.B0 else pseudonym(question, person)

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
            for review in _shuffled(reviews, round_)
        ],
        messages=[_message(message, user, name) for message in messages],
        recommendation=recommendation.get_outcome_display() if recommendation else "",
        recommendation_reason=recommendation.reason if recommendation else "",
        recommended_by=name(recommendation.by) if recommendation else "",
        people=_people(round_) if is_staff else [],
    )


def _people(round_: Round) -> list[tuple[str, str, datetime]]:
    return [(str(row.reviewer), row.status, row.due_at) for row in round_.assignments.select_related("reviewer")]


def _shuffled(reviews: list[Review], round_: Round) -> list[Review]:
    ordered = sorted(reviews, key=lambda review: review.pk)
    random.Random(round_.order_seed).shuffle(ordered)  # noqa: S311 - an order, not a secret
    return ordered


def _review_card(review: Review, *, name: Any, user: Any, sees_notes: bool, is_staff: bool) -> ReviewCard:
    round_ = review.assignment.round
    level = rubric.RUBRICS[round_.rubric_version].level(round_.kind, review.score)
    solve = _solve_of(review)
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
        doubts=_doubts(review),
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
        items=[_feedback_item(review) for review in _shuffled(reviews, round_)],
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
        doubts=_doubts(review),
        feedback=review.feedback,
        solve=solve_words(_solve_of(review)),
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


def pool_card(round_: Round, user: Any) -> Card:
    """Return the card of an open round, as everybody who may take it sees it; `round_` comes from `assignment.pool`."""
    return _card(
        round_,
        handle=pool_handle(round_, user),
        reviews_in=round_.reviews_in,
        take_id=round_.pk,
        is_own_subject=round_.revision.category in user.subjects,
    )


def assignment_card(assignment: Assignment, now: datetime, *, note: str = "") -> Card:
    """Return the row of an own assignment; an invitation is named like a pool card."""
    round_ = assignment.round
    is_known = assignment.status in ACTIVE_ASSIGNMENTS
    is_due = assignment.ended_at is None
    return _card(
        round_,
        handle=round_.question.handle if is_known else pool_handle(round_, assignment.reviewer),
        reviews_in=sum(row.status == AssignmentStatus.SUBMITTED for row in round_.assignments.all()),
        due_at=assignment.due_at if is_due else None,
        status=assignment.status,
        url=reverse("review:work", args=[assignment.pk]),
        is_overdue=is_due and assignment.due_at < now,
        note=note,
    )


def _card(round_: Round, *, handle: str, reviews_in: int, **more: Any) -> Card:
    revision = round_.revision
    kind = RoundKind(round_.kind)
    return Card(
        handle=handle,
        category=revision.get_category_display(),
        subject=revision.raw_subject,
        round=kind.label,
        revision=revision.number,
        format=_("With picture") if revision.image_id else _("Text"),
        language=revision.language,
        age_at=round_.opened_at,
        reviews_in=reviews_in,
        quorum=round_.quorum,
        minutes=MINUTES[kind],
        **({"due_at": None} | more),
    )


@dataclass(frozen=True)
class Evidence:
    """What the decision rests on, in numbers, and what still stands against approval."""

    solves: solves.Solves
    missing: list[str]
    mean_scores: list[tuple[str, float, int]]


def evidence(question: Question, refusals: list[str]) -> Evidence:
    """Return the evidence of the newest revision for the people who decide."""
    facts = solves.evidence(question, question.newest)
    return Evidence(
        solves=solves.count(question, question.newest),
        missing=refusals,
        mean_scores=[
            (RoundKind(row["kind"]).label, row["mean_score"], row["reviews"]) for row in facts["review_rounds"]
        ],
    )
