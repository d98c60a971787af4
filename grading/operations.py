"""Numbers for the people who run the tests: queue, workers, providers, spending, and what waits for a person. No content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from grading import spending
from grading.engine import providers
from grading.enums import CheckStatus, OutcomeKind, PredictionState
from grading.models import Contest, DifficultyCheck, Prediction, Provider, Worker
from questions.models import Question
from questions.querysets import denied

MOST_ROWS = 50
STUCK_AFTER = timedelta(minutes=10)  # a sweep comes every half minute, so somebody should look


@dataclass(frozen=True)
class ProviderHealth:
    """One provider in the last hour."""

    name: str
    slug: str
    is_simulated: bool
    problem: str
    paused_reason: str
    paused_until: datetime | None
    calls: int
    answers: int
    outcomes: list[tuple[str, int]]

    @property
    def share(self) -> int:
        """Answers in percent of calls."""
        return round(100 * self.answers / self.calls) if self.calls else 0


@dataclass(frozen=True)
class Board:
    """All of the operations page."""

    due: int
    later: int
    asked: int
    oldest_due_at: datetime | None
    live: int
    parked: list[DifficultyCheck]
    stuck: list[DifficultyCheck]
    contests: list[Contest]
    workers: list[Worker]
    providers: list[ProviderHealth]
    spent_usd: Decimal
    budget_usd: float


def board(user: Any) -> Board:
    """Read all numbers for this reader; questions in which the reader has a conflict are left out."""
    now = timezone.now()
    waiting = Q(state=PredictionState.WAITING)
    queue = Prediction.objects.open().aggregate(
        due=Count("pk", filter=waiting & Q(due_at__lte=now)),
        later=Count("pk", filter=waiting & Q(due_at__gt=now)),
        asked=Count("pk", filter=~waiting),
        oldest=Min("due_at", filter=waiting & Q(due_at__lte=now)),
    )
    hidden = Question.objects.filter(denied(user)).values("pk")
    parked = DifficultyCheck.objects.filter(status=CheckStatus.PARKED).exclude(question__in=hidden)
    contests = Contest.objects.filter(resolved_at=None).exclude(question__in=hidden)
    return Board(
        due=queue["due"],
        later=queue["later"],
        asked=queue["asked"],
        oldest_due_at=queue["oldest"],
        live=DifficultyCheck.objects.live().count(),
        parked=list(parked.select_related("question").order_by("created_at")[:MOST_ROWS]),
        stuck=_stuck(hidden),
        contests=list(contests.select_related("question").order_by("contested_at")[:MOST_ROWS]),
        workers=list(Worker.objects.alive().order_by("started_at")),
        providers=_providers(),
        spent_usd=spending.spent_today_usd(),
        budget_usd=settings.DAILY_BUDGET_USD,
    )


def _stuck(hidden: Any) -> list[DifficultyCheck]:
    """Tests under way with an answer that is long due and that nobody fetches."""
    overdue = Prediction.objects.open().filter(
        tested_hash=OuterRef("tested_hash"), panel=OuterRef("panel"), due_at__lte=Now() - STUCK_AFTER
    )
    live = DifficultyCheck.objects.filter(Exists(overdue), status__in=[CheckStatus.QUEUED, CheckStatus.RUNNING])
    return list(live.exclude(question__in=hidden).select_related("question").order_by("created_at")[:MOST_ROWS])


def _providers() -> list[ProviderHealth]:
    recent = Prediction.objects.filter(asked_at__gte=Now() - timedelta(hours=1)).exclude(outcome="")
    counts: dict[int, dict[str, int]] = {}
    for provider, kind, n in recent.values_list("model__provider", "outcome").annotate(n=Count("pk")).order_by():
        counts.setdefault(provider, {})[kind] = n
    return [_health(provider, counts.get(provider.pk, {})) for provider in Provider.objects.all()]


def _health(provider: Provider, counts: dict[str, int]) -> ProviderHealth:
    is_paused = provider.paused_until is not None and provider.paused_until > timezone.now()
    ends = [(OutcomeKind(kind).label, n) for kind, n in sorted(counts.items()) if kind != OutcomeKind.ANSWER]
    return ProviderHealth(
        name=provider.name,
        slug=provider.slug,
        is_simulated=provider.is_simulated,
        problem=_problem(provider),
        paused_reason=provider.paused_reason,
        paused_until=provider.paused_until if is_paused else None,
        calls=sum(counts.values()),
        answers=counts.get(OutcomeKind.ANSWER, 0),
        outcomes=ends,
    )


def _problem(provider: Provider) -> str:
    try:
        providers.spec_of(provider)
    except providers.NotSetUp as error:
        return str(error)
    return ""
