"""What the dashboards and the review page show, put together from querysets as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hle_site.accounts.enums import Role
from questions.enums import Status
from questions.models import Question
from questions.querysets import denied
from review import assignment, editor_steps, presenters
from review.actions import CHECK_FIELDS
from review.enums import ACTIVE_ASSIGNMENTS, OPEN_ASSIGNMENTS, AppealStatus, AssignmentStatus, RoundKind
from review.forms import AdjudicationForm, MessageForm, ReviewForm, SolveForm
from review.models import Appeal, Assignment, BlindSolve, Comment, Recommendation, Retraction, Review, Round
from review.presenters import Card

SHOWN = 30


@dataclass(frozen=True)
class Tab:
    """One list of the dashboard."""

    key: str
    label: Any
    count: int
    is_current: bool


@dataclass(frozen=True)
class Next:
    """The one thing to do next."""

    label: str
    note: str
    url: str = ""
    take_id: Any = None


@dataclass(frozen=True)
class Board:
    """A reviewer's dashboard."""

    tabs: list[Tab]
    current: str
    cards: list[Card]
    more: int
    following: Next | None
    load: int
    most: int
    overdue: int
    done: int
    empty_title: Any
    empty_body: Any
    subjects: list[str]


LABELS: dict[str, Promise] = {
    "continue": gettext_lazy("Continue"),
    "invitations": gettext_lazy("Invitations"),
    "returned": gettext_lazy("Returned to me"),
    "pool": gettext_lazy("Pool"),
    "adjudicate": gettext_lazy("Adjudicate"),
    "discussion": gettext_lazy("Discussion"),
    "done": gettext_lazy("Done"),
}
EMPTY: dict[str, tuple[Promise, Promise]] = {
    "continue": (
        gettext_lazy("Nothing in progress"),
        gettext_lazy("Take a question from the pool; it waits here until your review is in."),
    ),
    "invitations": (
        gettext_lazy("No invitations"),
        gettext_lazy(
            "Organisers invite you when a question needs your knowledge. You need not wait: look into the pool."
        ),
    ),
    "returned": (
        gettext_lazy("Nothing has come back"),
        gettext_lazy("When a contributor revises a question that you reviewed, it appears here."),
    ),
    "pool": (
        gettext_lazy("The pool is empty for you"),
        gettext_lazy(
            "Every open question has its reviewers, or is one that you may not review. Add subjects in your profile, or come back later."
        ),
    ),
    "adjudicate": (
        gettext_lazy("No disagreement waits"),
        gettext_lazy("When reviewers differ widely or doubt a key, the question appears here."),
    ),
    "discussion": (
        gettext_lazy("No open discussion"),
        gettext_lazy("Messages about questions that you reviewed appear here."),
    ),
    "done": (
        gettext_lazy("No finished review yet"),
        gettext_lazy("Your finished reviews stay here with their outcome."),
    ),
}


def reviewer(user: Any, *, tab: str, now: datetime) -> Board:
    """Return the dashboard of a reviewer with one list opened."""
    lists = _lists(user)
    counts = {key: rows.count() for key, rows in lists.items()}
    current = tab if tab in lists else next((key for key in lists if counts[key]), "pool")
    title, body = EMPTY[current]
    mine = Assignment.objects.filter(reviewer=user)
    return Board(
        tabs=[Tab(key, LABELS[key], counts[key], key == current) for key in lists],
        current=current,
        cards=_cards(current, lists[current], user, now),
        more=max(0, counts[current] - SHOWN),
        following=_next(user, now),
        load=assignment.load(user),
        most=assignment.MAX_LOAD,
        overdue=mine.due().filter(due_at__lt=now).count(),
        done=mine.filter(status=AssignmentStatus.SUBMITTED).count(),
        empty_title=title,
        empty_body=body,
        subjects=list(user.subjects),
    )


def _lists(user: Any) -> dict[str, QuerySet[Any]]:
    mine = Assignment.objects.filter(reviewer=user).select_related("round__question", "round__revision")
    invited = mine.filter(status=AssignmentStatus.INVITED, round__settled_at=None)
    submitted = mine.filter(status=AssignmentStatus.SUBMITTED)
    pool = assignment.pool(user)
    messages = Comment.objects.visible_to(user).exclude(by=user).filter(round=OuterRef("round"))
    lists = {
        "continue": mine.due().order_by("due_at"),
        "invitations": invited.filter(assigned_by__isnull=False).order_by("due_at"),
        "returned": invited.filter(assigned_by=None).order_by("due_at"),
        "pool": pool.exclude(kind=RoundKind.ADJUDICATION),
    }
    if user.has_role(Role.SENIOR_REVIEWER):
        lists["adjudicate"] = pool.filter(kind=RoundKind.ADJUDICATION)
    lists["discussion"] = submitted.filter(Exists(messages)).order_by("-ended_at")
    lists["done"] = submitted.order_by("-ended_at")
    return lists


def _cards(current: str, rows: QuerySet[Any], user: Any, now: datetime) -> list[Card]:
    if current in {"pool", "adjudicate"}:
        return [presenters.pool_card(round_, user) for round_ in rows[:SHOWN]]
    loaded = rows.select_related("review").prefetch_related("round__assignments")[:SHOWN]
    return [presenters.assignment_card(row, now, note=_note(row, current)) for row in loaded]


def _note(row: Assignment, current: str) -> str:
    review = getattr(row, "review", None)
    if current == "continue" and review:
        return _("draft saved %(when)s UTC") % {"when": f"{review.saved_at:%Y-%m-%d %H:%M}"}
    if current != "done":
        return ""
    outcome = row.round.question.get_status_display()
    return _("your score %(score)s · %(outcome)s") % {
        "score": review.score if review else "–",
        "outcome": outcome,
    }


def _next(user: Any, now: datetime) -> Next | None:
    mine = Assignment.objects.filter(reviewer=user).select_related("round__revision")
    begun = mine.due().order_by("due_at").first()
    if begun:
        return Next(
            label=_("Continue: %(subject)s") % {"subject": _subject(begun.round)},
            note=_("overdue") if begun.due_at < now else _("due %(date)s") % {"date": f"{begun.due_at:%Y-%m-%d}"},
            url=reverse("review:work", args=[begun.pk]),
        )
    invited = mine.filter(status=AssignmentStatus.INVITED, round__settled_at=None).first()
    if invited:
        return Next(
            label=_("Answer an invitation: %(subject)s") % {"subject": _subject(invited.round)},
            note="",
            url=reverse("review:work", args=[invited.pk]),
        )
    waiting = assignment.next_for(user)
    if waiting is None:
        return None
    reviews = ngettext("%(count)d review so far", "%(count)d reviews so far", waiting.reviews_in)
    minutes = presenters.MINUTES[RoundKind(waiting.kind)]
    return Next(
        label=_("Review next: %(subject)s") % {"subject": _subject(waiting)},
        note=_("%(reviews)s, about %(minutes)d min")
        % {"reviews": reviews % {"count": waiting.reviews_in}, "minutes": minutes},
        take_id=waiting.pk,
    )


def _subject(round_: Round) -> str:
    return round_.revision.raw_subject or str(round_.revision.get_category_display())


def next_address(user: Any) -> str:
    """Return where "save and next" leads: the next own open review, or the dashboard."""
    begun = Assignment.objects.filter(reviewer=user).due().order_by("due_at").first()
    return reverse("review:work", args=[begun.pk]) if begun else reverse("review:dashboard")


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


def workplace(user: Any, mine: Assignment, **forms: Any) -> dict[str, Any]:
    """Return the context of the review page: what this reviewer may see at this step, and the form of the step."""
    round_ = mine.round
    question = round_.question
    has_solve = BlindSolve.objects.filter(assignment=mine).exists()
    is_due = mine.status in OPEN_ASSIGNMENTS and round_.settled_at is None
    asks_for_solve = round_.is_blind_solve and not has_solve and is_due
    may_know = user.has_perm("questions.view_key", question) and not asks_for_solve
    review = Review.objects.filter(assignment=mine).first()
    is_adjudication = round_.kind == RoundKind.ADJUDICATION
    place = Place(
        assignment_id=mine.pk,
        handle=question.handle,
        round_label=round_.get_kind_display(),
        round_number=round_.number,
        is_adjudication=is_adjudication,
        due_at=mine.due_at,
        is_open=is_due,
        is_overdue=is_due and mine.due_at < timezone.now(),
        minutes=presenters.MINUTES[RoundKind(round_.kind)],
        position=_position(user, mine),
        steps=_steps(round_, has_solve=has_solve, is_due=is_due),
        text=presenters.question_text(round_.revision, with_key=may_know),
        own_solve=presenters.own_solve(mine),
        asks_for_solve=asks_for_solve,
        reveal=presenters.reveal(round_.revision) if may_know else None,
        rounds=presenters.rounds_for(user, question),
        changed_from=_earlier_prompt(user, mine),
        version=review.version if review else 0,
        saved_at=review.saved_at if review else None,
        seconds=review.seconds if review else 0,
    )
    context = {"place": place, "message_form": MessageForm(), "editor_steps": editor_steps.offered(question, user)}
    return context | _forms(mine, review, place, forms)


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
    if mine.pk not in due or len(due) < 2:
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


@dataclass(frozen=True)
class DeskRow:
    """One question on the organisers' desk."""

    handle: str
    url: str
    category: str
    subject: str
    since: datetime
    what: str
    recommendation: str = ""
    hue: str = ""


@dataclass(frozen=True)
class DeskList:
    """One list of the desk."""

    title: Any
    empty: Any
    rows: list[DeskRow]


def desk(user: Any) -> list[DeskList]:
    """Return what waits for organisers, oldest first, over the questions that the reader may see."""
    readable = _not_denied(user)
    return [
        DeskList(_("Awaiting a decision"), _("No question waits for a decision."), _decisions(readable)),
        DeskList(_("Appeals"), _("No appeal is open."), _appeals(readable)),
        DeskList(_("Retractions to confirm"), _("No retraction is proposed."), _retractions(readable)),
        DeskList(_("Answers to compare"), _("Every recorded answer is compared with its key."), _uncompared(readable)),
        DeskList(
            _("Rounds without enough reviewers"), _("Every open round has its reviewers."), _understaffed(readable)
        ),
    ]


def _not_denied(user: Any) -> QuerySet[Question]:
    return Question.objects.visible_to(user).exclude(pk__in=Question.objects.filter(denied(user)).values("pk"))


def _row(question: Question, since: datetime, what: str, **more: str) -> DeskRow:
    revision = question.newest
    return DeskRow(
        handle=question.handle,
        url=reverse("review:question", args=[question.pk]),
        category=revision.get_category_display(),
        subject=revision.raw_subject,
        since=since,
        what=what,
        **more,
    )


def _decisions(readable: QuerySet[Question]) -> list[DeskRow]:
    waiting = readable.filter(status=Status.AWAITING_DECISION).for_list().order_by("status_changed_at")[:SHOWN]
    recommendations = {
        row.round.question_id: row
        for row in Recommendation.objects.filter(round__question__in=[question.pk for question in waiting])
        .select_related("round")
        .order_by("round__number")
    }
    hues = {"approve": "good", "reject": "bad"}
    rows = []
    for question in waiting:
        found = recommendations.get(question.pk)
        rows.append(
            _row(
                question,
                question.status_changed_at,
                _("Decide"),
                recommendation=found.get_outcome_display() if found else "",
                hue=hues.get(found.outcome, "neutral") if found else "",
            )
        )
    return rows


def _appeals(readable: QuerySet[Question]) -> list[DeskRow]:
    rows = Appeal.objects.filter(status=AppealStatus.OPEN, question__in=readable.values("pk"))
    return [_row(row.question, row.filed_at, _("Answer the appeal")) for row in rows.select_related("question")[:SHOWN]]


def _retractions(readable: QuerySet[Question]) -> list[DeskRow]:
    rows = Retraction.objects.filter(confirmed_at=None, question__in=readable.values("pk"))
    return [_row(row.question, row.proposed_at, _("Confirm")) for row in rows.select_related("question")[:SHOWN]]


def _uncompared(readable: QuerySet[Question]) -> list[DeskRow]:
    rows = BlindSolve.objects.filter(
        matches_key=None,
        is_unsolved=False,
        assignment__status=AssignmentStatus.SUBMITTED,
        assignment__round__question__in=readable.filter(status__in=[Status.IN_REVIEW, Status.AWAITING_DECISION]).values(
            "pk"
        ),
    ).select_related("assignment__round__question")
    return [_row(row.assignment.round.question, row.recorded_at, _("Compare by hand")) for row in rows[:SHOWN]]


def _understaffed(readable: QuerySet[Question]) -> list[DeskRow]:
    rounds = (
        Round.objects.open()
        .filter(question__in=readable.filter(status=Status.IN_REVIEW).values("pk"))
        .annotate(active=Count("assignments", filter=Q(assignments__status__in=ACTIVE_ASSIGNMENTS)))
        .select_related("question")
        .order_by("opened_at")[: SHOWN * 2]
    )
    return [
        _row(
            round_.question,
            round_.opened_at,
            _("%(round)s: %(active)d of %(quorum)d places taken")
            % {"round": round_.get_kind_display(), "active": round_.active, "quorum": round_.quorum},
        )
        for round_ in rounds
        if round_.active < round_.quorum
    ][:SHOWN]
