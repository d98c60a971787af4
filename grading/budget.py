"""What calls cost and who may still spend: prices, the day's total, allowances, tries."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from grading.enums import CheckStatus, LedgerState, OutcomeKind, Verdict
from grading.models import DifficultyCheck, ModelSpec, Panel, Prediction
from questions.duplicates import search
from questions.duplicates.family import family_of
from questions.enums import Action, Status
from questions.models import Question, Revision, StatusChange

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from grading.llm import Outcome

CENT_PARTS = Decimal("0.000001")
CHARS_PER_TOKEN = 4
IMAGE_TOKENS = 1_500
# Replies with these ends were produced, so they are billed even when the provider forgets to say how much.
PRODUCED = {
    OutcomeKind.ANSWER,
    OutcomeKind.EMPTY,
    OutcomeKind.TRUNCATED,
    OutcomeKind.MALFORMED,
    OutcomeKind.MISMATCH,
}


class Bill(NamedTuple):
    """What is known about the price of one call."""

    state: str
    cost_usd: Decimal | None
    is_estimated: bool


class Allowance(NamedTuple):
    """How many tests a contributor may still start today, and when the next day begins."""

    total: int
    left: int
    renews_at: datetime


def cost_usd(model: ModelSpec, *, prompt_tokens: int, completion_tokens: int) -> Decimal:
    """Price of one call at the model's prices."""
    cost = prompt_tokens * model.usd_per_million_in + completion_tokens * model.usd_per_million_out
    return (cost / 1_000_000).quantize(CENT_PARTS)


def most_usd(model: ModelSpec, *, prompt_chars: int, max_tokens: int, has_image: bool = False) -> Decimal:
    """The most that a call can cost: what is reserved before it leaves."""
    prompt_tokens = prompt_chars // CHARS_PER_TOKEN + 1 + (IMAGE_TOKENS if has_image else 0)
    return cost_usd(model, prompt_tokens=prompt_tokens, completion_tokens=max_tokens)


def bill(model: ModelSpec, outcome: Outcome, *, prompt_chars: int) -> Bill:
    """Read the price of a call from its outcome; without a usage block it is estimated and flagged."""
    if outcome.kind == OutcomeKind.AMBIGUOUS:
        return Bill(LedgerState.AMBIGUOUS, None, is_estimated=False)
    if outcome.prompt_tokens is not None and outcome.completion_tokens is not None:
        cost = cost_usd(model, prompt_tokens=outcome.prompt_tokens, completion_tokens=outcome.completion_tokens)
        return Bill(LedgerState.BILLED, cost, is_estimated=False)
    if outcome.kind in PRODUCED and outcome.sent:
        tokens = len(outcome.text) // CHARS_PER_TOKEN + 1
        cost = cost_usd(model, prompt_tokens=prompt_chars // CHARS_PER_TOKEN + 1, completion_tokens=tokens)
        return Bill(LedgerState.BILLED, cost, is_estimated=True)
    return Bill(LedgerState.RELEASED, None, is_estimated=False)


def day_start(now: datetime | None = None) -> datetime:
    """Midnight UTC of today."""
    return (now or timezone.now()).replace(hour=0, minute=0, second=0, microsecond=0)


def started_today(contributor: Any) -> QuerySet[StatusChange, int]:
    """One number, to be asked beside other things: the tests that a contributor has started today, if any."""
    started = StatusChange.objects.filter(
        question__contributor=contributor, question__batch=None, action=Action.START_CHECK, at__gte=day_start()
    )
    return started.order_by("action").values("action").annotate(n=Count("pk")).values_list("n", flat=True)


def allowance(contributor: Any, started: int | None = None) -> Allowance:
    """What a contributor may still start today; every start counts from its transaction on, planned or not.

    `started` is what `started_today` has answered, where that is known.
    """
    used = (started_today(contributor).first() or 0) if started is None else started
    return Allowance(
        total=settings.CHECKS_PER_DAY,
        left=max(0, settings.CHECKS_PER_DAY - used),
        renews_at=day_start() + timedelta(days=1),
    )


def hold_allowance(contributor: Any) -> None:
    """Let this contributor's starts follow one another until the end of the transaction, so that each counts the others.

    Outside a transaction somebody only looks, and nothing is held.
    """
    if connection.in_atomic_block:
        # the weaker lock: rows that name the account are written meanwhile, in starts that wait here too
        get_user_model().objects.select_for_update(no_key=True).filter(pk=contributor.pk).first()
        # the family of the next one is found among texts that were frozen a moment ago, too
        search.keep_missing(question__contributor=contributor)


def tries_used(question: Question, *, apart_from: str = "") -> int:
    """How many texts of the question's near-duplicate family were tried, the one with the hash `apart_from` not counted.

    Of its other members those at work count too, or a whole family could be sent in before its first verdict. Of an import
    nothing counts, and its questions are not compared: a thousand of one person would cost a thousand comparisons each.
    """
    family = {question.pk} if question.batch_id else family_of(question)
    tried = set().union(*tried_texts(family).values(), _texts_at_work(family - {question.pk}))
    return len(tried - {apart_from})


def _texts_at_work(question_ids: Collection[UUID]) -> set[str]:
    """The newest texts of those questions that wait for a verdict; one that is parked has no try used."""
    testing = Question.objects.filter(pk__in=question_ids, status=Status.CHECKING, batch=None)
    testing = testing.exclude(checks__status=CheckStatus.PARKED)
    newest = Revision.objects.filter(question__in=testing).order_by("question_id", "-number").distinct("question_id")
    return set(newest.values_list("tested_hash", flat=True))


def tried_texts(question_ids: Collection[UUID]) -> dict[UUID, set[str]]:
    """By question the hashes of the texts that were tried: settled checks, and stopped ones in which an answer was scored.

    A try that ended unscored does not count.
    """
    settled = Q(status__in=[CheckStatus.PASSED, CheckStatus.FAILED])
    scored = Prediction.objects.filter(tested_hash=OuterRef("tested_hash")).exclude(verdict=Verdict.UNSCORED)
    stopped = Q(Exists(scored), status=CheckStatus.CANCELLED)
    rows = DifficultyCheck.objects.filter(settled | stopped, question__in=question_ids, is_exempt=False)
    found: dict[UUID, set[str]] = {pk: set() for pk in question_ids}
    for pk, tested_hash in rows.values_list("question_id", "tested_hash"):
        found[pk].add(tested_hash)
    return found


def is_paid(panel: Panel) -> bool:
    """True when a model or a judge of the panel is more than simulated."""
    return (
        not all(judge.is_simulated for judge in panel.judges)
        or panel.members.filter(model__provider__is_simulated=False).exists()
    )
