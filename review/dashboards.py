"""The reviewer's dashboard: lists with counts, and the one thing to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hle_site.accounts.enums import Role
from questions.models import Question
from review import assignment, presenters
from review.enums import AssignmentStatus, RoundKind
from review.models import Assignment, Comment, Round, Triage
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
class Asked:
    """A question outside review at which an organiser asked the reader to look."""

    subject: str
    handle: str
    category: str
    status: str
    reason: str
    at: datetime
    url: str


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
    asked: list[Asked]


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
    counts = _counts(user, lists, now)
    current = tab if tab in lists else next((key for key in lists if counts[key]), "pool")
    title, body = EMPTY[current]
    return Board(
        tabs=[Tab(key, LABELS[key], counts[key], key == current) for key in lists],
        current=current,
        cards=_cards(current, lists[current], user, now),
        more=max(0, counts[current] - SHOWN),
        following=_next(user, now, counts),
        load=counts["continue"],
        most=assignment.MAX_LOAD,
        overdue=counts["overdue"],
        done=counts["done"],
        empty_title=title,
        empty_body=body,
        subjects=list(user.subjects),
        asked=asked(user),
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


def _counts(user: Any, lists: dict[str, QuerySet[Any]], now: datetime) -> dict[str, int]:
    """Return how long each list is, and how many reviews are overdue: the own places counted in one query."""
    own = {key: rows for key, rows in lists.items() if rows.model is Assignment}
    own["overdue"] = own["continue"].filter(due_at__lt=now)
    ways = {key: Count("pk", filter=Q(pk__in=rows.order_by().values("pk"))) for key, rows in own.items()}
    counted = Assignment.objects.filter(reviewer=user).aggregate(**ways)
    return counted | {key: rows.count() for key, rows in lists.items() if key not in own}


def asked(user: Any) -> list[Asked]:
    """Return the questions outside review at which a senior reviewer was asked to look."""
    if not user.has_role(Role.SENIOR_REVIEWER):
        return []
    places = list(Triage.objects.open().filter(senior=user)[:SHOWN])
    found = Question.objects.visible_to(user).filter(pk__in=[place.question_id for place in places])
    questions = found.for_list().in_bulk() if places else {}
    return [_asked_row(place, questions[place.question_id]) for place in places if place.question_id in questions]


def _asked_row(place: Triage, question: Question) -> Asked:
    newest = question.newest
    return Asked(
        subject=newest.raw_subject or newest.get_category_display(),
        handle=question.handle,
        category=newest.get_category_display(),
        status=question.status,
        reason=place.reason,
        at=place.assigned_at,
        url=reverse("questions:detail", args=[question.pk]),
    )


def _cards(current: str, rows: QuerySet[Any], user: Any, now: datetime) -> list[Card]:
    if current in {"pool", "adjudicate"}:
        return [presenters.pool_card(round_, user) for round_ in rows[:SHOWN]]
    loaded = rows.select_related("review").prefetch_related("round__assignments")[:SHOWN]
    return [presenters.assignment_card(row, now, note=_note(row, current)) for row in loaded]


def _note(row: Assignment, current: str) -> str:
    review = getattr(row, "review", None)
    if current == "continue" and review:
        return _("draft saved %(when)s UTC") % {"when": date_format(review.saved_at, "j M Y, H:i")}
    if current != "done":
        return ""
    outcome = row.round.question.get_status_display()
    return _("your score %(score)s · %(outcome)s") % {
        "score": review.score if review else "–",
        "outcome": outcome,
    }


def _next(user: Any, now: datetime, counts: dict[str, int]) -> Next | None:
    mine = Assignment.objects.filter(reviewer=user).select_related("round__revision")
    begun = mine.due().order_by("due_at").first() if counts["continue"] else None
    if begun:
        return Next(
            label=_("Continue: %(subject)s") % {"subject": _subject(begun.round)},
            note=_("overdue")
            if begun.due_at < now
            else _("due %(date)s") % {"date": date_format(begun.due_at, "j M Y")},
            url=reverse("review:work", args=[begun.pk]),
        )
    is_invited = counts["invitations"] or counts["returned"]
    invited = mine.filter(status=AssignmentStatus.INVITED, round__settled_at=None).first() if is_invited else None
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
