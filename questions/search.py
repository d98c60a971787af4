"""Search over the texts that a reader may read: prompt, options, description of the picture, subject, and handle; key and supporting part never.

Who owns a question searches its newest text; others search the newest text that was handed to reviewers, or the one that was released. A question
without such a text is found by its handle alone, as its text is read on its own page, where reading it is logged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import (
    Case,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    UUIDField,
    Value,
    When,
)
from django.db.models.fields import BooleanField
from django.db.models.functions import Concat, Left
from django.urls import reverse
from django.utils.translation import gettext as _

from questions import presenters, querysets
from questions.enums import AnswerType, Status
from questions.models import Question, ReleaseItem, Revision, StatusChange
from questions.paging import Page
from questions.releases.selection import EVER_PUBLISHED

COUNTED = 1_001  # one more than the number from which a count reads "1,000+"
COMPARED = 50_000  # characters of a text; PostgreSQL refuses a vector of more than a megabyte
AROUND = 70
NEGATIONS = re.compile(r"-[\s-]*-")  # PostgreSQL nests each one, and no deeper than 32
LATEX = re.compile(r"[\\{}$^]")
HANDLE = re.compile(r"\s*q-?([0-9a-f]{6})\s*", re.IGNORECASE)


def found(text: str, user: Any) -> QuerySet[Question]:
    """Return the questions that hold the text where the user may read it, each with the id of that revision as `shown`."""
    questions = Question.objects.visible_to(user).annotate(**_reading(user))
    if handle := HANDLE.fullmatch(text):
        first, last = (UUID(handle[1] + digit * 26) for digit in "0f")
        return questions.filter(is_at_work=True, pk__range=(first, last))
    return questions.filter(Exists(_holding(text).filter(pk=OuterRef("shown"))))


def count(questions: QuerySet[Question], page: Page) -> int:
    """Return how many questions were found, counted no further than people read, and not at all where the page holds them all."""
    if not page.newer and not page.older:
        return len(page.items)
    return questions.order_by()[:COUNTED].count()


def _reading(user: Any) -> dict[str, Any]:
    """Whether each question is at work for the user, and the revision that they read of it."""
    at_work = querysets.at_work(user)
    handed = Exists(StatusChange.objects.filter(revision=OuterRef("pk"), after=Status.IN_REVIEW))
    mine = Q(question__contributor=user) | Q(question__maintainer=user)
    newest = Revision.objects.filter(mine | handed, question=OuterRef("pk")).order_by("-number").values("pk")
    return {
        "is_at_work": ExpressionWrapper(at_work, BooleanField()),
        "shown": Case(
            When(at_work, then=Subquery(newest[:1])),
            default=Subquery(_released().filter(question=OuterRef("pk")).values("revision")[:1]),
            output_field=UUIDField(),
        ),
    }


def _released() -> QuerySet[ReleaseItem]:
    items = ReleaseItem.objects.in_public().filter(release__status__in=EVER_PUBLISHED)
    return items.order_by("-release__published_at", "-release")


def _holding(text: str) -> QuerySet[Revision]:
    """Return the revisions that hold the whole text as a piece, or, unless it is LaTeX, its words."""
    line, nothing = Value("\n", TextField()), Value("", TextField())
    options = Func(F("options"), line, function="array_to_string", output_field=TextField())
    choices = Case(When(answer_type=AnswerType.MULTIPLE_CHOICE, then=options), default=nothing)
    described = Case(When(image__isnull=False, then=F("image_alt")), default=nothing)
    joined = Concat("prompt", line, choices, line, described, line, "raw_subject", output_field=TextField())
    vector = SearchVector(Left(joined, COMPARED), config="simple")
    words = SearchQuery(NEGATIONS.sub("-", text), config="simple", search_type="websearch")
    revisions = Revision.objects.order_by().annotate(whole=joined, words=vector)
    piece = Q(whole__icontains=text)
    return revisions.filter(piece if LATEX.search(text) else piece | Q(words=words))


class Piece(NamedTuple):
    """A piece of a text and the hit in it, which is empty where there is none."""

    before: str
    hit: str = ""
    after: str = ""


@dataclass(frozen=True)
class Row:
    """One question that was found, without title where its text is not searched; `excerpt` is its source where the title holds no hit."""

    url: str
    name: str
    title: Piece
    status: str
    notes: list[Any]
    excerpt: Piece | None


def rows(questions: Iterable[Question], text: str) -> list[Row]:
    """Return the rows of a page of `found`, in three queries."""
    listed = list(questions)
    texts = Revision.objects.in_bulk([question.shown for question in listed if question.shown])
    elsewhere = [question.pk for question in listed if not question.is_at_work]
    released = _released().filter(question__in=elsewhere).reverse().select_related("release")
    items = {item.question_id: item for item in released}
    return [_row(question, texts.get(question.shown), items.get(question.pk), text) for question in listed]


def _row(question: Question, revision: Revision | None, item: ReleaseItem | None, text: str) -> Row:
    title = presenters.first_words(revision.prompt) if revision else ""
    notes = presenters.flags(revision) if revision else []
    if item:
        notes = [_("Released in version %(version)s") % {"version": item.release.version}, *notes]
    marked = piece(title, text)
    return Row(
        url=_address(question, item),
        name=item.public_id if item else question.handle,
        title=marked or Piece(title),
        status="" if item else question.status,
        notes=notes,
        excerpt=piece(_source(revision), text, around=AROUND) if revision and not marked else None,
    )


def _address(question: Question, item: ReleaseItem | None) -> str:
    if item:
        return reverse("releases:item", args=[item.release.version, item.public_id])
    return reverse("questions:detail", args=[question.pk])


def _source(revision: Revision) -> str:
    """Return on one line what is searched of a revision."""
    options = revision.options if revision.is_choice else []
    described = revision.image_alt if revision.image_id else ""
    return " ".join("\n".join([revision.prompt, *options, described, revision.raw_subject]).split())


def piece(source: str, text: str, *, around: int = 0) -> Piece | None:
    """Return the source cut before and after the first hit: the whole text or else its longest word; nothing without a hit."""
    wanted = [" ".join(text.split()), *sorted(re.findall(r"\w+", text), key=len, reverse=True)]
    hits = (re.search(re.escape(words), source, re.IGNORECASE) for words in wanted)
    hit = next((found for found in hits if found), None)
    if hit is None:
        return None
    before, after = source[: hit.start()], source[hit.end() :]
    if around and len(before) > around:
        before = "… " + before[-around:].partition(" ")[2]
    if around and len(after) > around:
        after = after[:around].rpartition(" ")[0] + " …"
    return Piece(before, hit[0], after)
