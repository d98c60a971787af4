"""What the review page shows to its reviewer at each step, without any person in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from review import editor_steps, presenters
from review.actions import CHECK_FIELDS
from review.enums import ACTIVE_ASSIGNMENTS, OPEN_ASSIGNMENTS, RoundKind
from review.forms import AdjudicationForm, MessageForm, ReviewForm, SolveForm
from review.models import Assignment, Review, Round


@dataclass(frozen=True)
class Step:
    """One step of a review."""

    label: Any
    state: str
    note: str = ""


@dataclass(frozen=True)
class Place:
    """The review page without any person in it."""

    assignment_id: Any
    handle: str
    status: str
    history_url: str
    round_label: Any
    round_number: int
    is_adjudication: bool
    due_at: datetime
    is_open: bool
    is_overdue: bool
    minutes: int
    position: str
    steps: list[Step]
    text: presenters.QuestionText
    own_solve: presenters.OwnSolve | None
    asks_for_solve: bool
    reveal: presenters.Reveal | None
    rounds: list[presenters.RoundCard]
    changed_from: str
    version: int
    saved_at: datetime | None
    seconds: int


def context_for(user: Any, mine: Assignment, **forms: Any) -> dict[str, Any]:
    """Return the context of the review page: what this reviewer may see at this step, and the form of the step."""
    round_ = mine.round
    question = round_.question
    solve = presenters.own_solve(mine)
    has_solve = solve is not None
    is_due = mine.status in OPEN_ASSIGNMENTS and round_.settled_at is None
    asks_for_solve = round_.is_blind_solve and not has_solve and is_due
    may_know = user.has_perm("questions.view_key", question) and not asks_for_solve
    reads_history = user.has_perm("questions.view_history", question) and not asks_for_solve
    review = getattr(mine, "review", None)
    is_adjudication = round_.kind == RoundKind.ADJUDICATION
    place = Place(
        assignment_id=mine.pk,
        handle=question.handle,
        status=question.status,
        history_url=reverse("questions:history", args=[question.pk]) if reads_history else "",
        round_label=round_.get_kind_display(),
        round_number=round_.number,
        is_adjudication=is_adjudication,
        due_at=mine.due_at,
        is_open=is_due,
        is_overdue=is_due and mine.due_at < timezone.now(),
        minutes=presenters.MINUTES[RoundKind(round_.kind)],
        position=_position(user, mine) if is_due else "",
        steps=_steps(round_, has_solve=has_solve, is_due=is_due),
        text=presenters.question_text(round_.revision, with_key=may_know),
        own_solve=solve,
        asks_for_solve=asks_for_solve,
        reveal=_reveal(user, mine) if may_know else None,
        rounds=presenters.rounds_for(user, question),
        changed_from=_earlier_prompt(user, mine),
        version=review.version if review else 0,
        saved_at=review.saved_at if review else None,
        seconds=review.seconds if review else 0,
    )
    context = {"place": place, "message_form": MessageForm(), "editor_steps": editor_steps.offered(question, user)}
    return context | _forms(mine, review, place, forms)


def _reveal(user: Any, mine: Assignment) -> presenters.Reveal:
    may_read_note = user.has_perm("questions.view_ai_note", mine.round.question)
    return presenters.reveal(mine.round.revision, with_ai_note=may_read_note)


def _forms(mine: Assignment, review: Review | None, place: Place, given: dict[str, Any]) -> dict[str, Any]:
    if not place.is_open:
        return {}
    if place.asks_for_solve:
        return {"solve_form": given.get("solve_form") or SolveForm(revision=mine.round.revision)}
    if place.is_adjudication:
        return {"adjudication_form": given.get("adjudication_form") or AdjudicationForm(round_=mine.round)}
    return {"review_form": given.get("review_form") or ReviewForm(round_=mine.round, initial=_initial(review))}


def _initial(review: Review | None) -> dict[str, Any]:
    if review is None:
        return {}
    words = {True: "yes", False: "no", None: ""}
    checks = {name: words[getattr(review, name)] for name in CHECK_FIELDS}
    shared = ("score", "depth", "feedback", "private_note")
    return checks | {name: getattr(review, name) for name in shared}


def _position(user: Any, mine: Assignment) -> str:
    due = list(Assignment.objects.filter(reviewer=user).due().order_by("due_at").values_list("pk", flat=True))
    if len(due) < 2:
        return ""
    return _("%(at)d of %(count)d") % {"at": due.index(mine.pk) + 1, "count": len(due)}


def _steps(round_: Round, *, has_solve: bool, is_due: bool) -> list[Step]:
    if round_.kind == RoundKind.ADJUDICATION:
        return [
            Step(_("Read the reviews"), "done" if not is_due else "current"),
            Step(_("Decide where it goes"), "done" if not is_due else "todo"),
        ]
    solved = has_solve or not round_.is_blind_solve
    last = "done" if not is_due else ("current" if solved else "todo")
    steps = [Step(_("Reveal"), "done" if solved else "todo"), Step(_("Score and feedback"), last)]
    if round_.is_blind_solve:
        steps.insert(0, Step(_("Solve"), "done" if solved else ("current" if is_due else "todo")))
    return steps


def _earlier_prompt(user: Any, mine: Assignment) -> str:
    """Return the question's text as this reviewer reviewed it before, when it has changed since."""
    if mine.round.number == 1:
        return ""
    before = (
        Assignment.objects.filter(
            reviewer=user,
            round__question=mine.round.question,
            round__number__lt=mine.round.number,
            status__in=ACTIVE_ASSIGNMENTS,
        )
        .select_related("round__revision")
        .order_by("-round__number")
        .first()
    )
    text = before.round.revision.prompt if before else ""
    return text if text != mine.round.revision.prompt else ""
