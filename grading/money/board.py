"""All numbers of the money page: today against the caps, the last days, each model, a forecast. No content of questions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, DecimalField, F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from grading import spending
from grading.enums import CheckStatus, LedgerState, Verdict
from grading.models import Budget, DifficultyCheck, Ledger, ModelSpec, Prediction, Provider, Spend
from questions.enums import Status
from questions.models import Question

DAYS = 14
LEARNT_FROM_DAYS = 7
MOST_LINES = 50
MONEY = DecimalField(max_digits=16, decimal_places=6)
NOTHING = Decimal(0)


@dataclass(frozen=True)
class Purse:
    """One provider, or the site: what was spent today and what may be."""

    provider: Provider | None
    spent_usd: Decimal
    cap_usd: Decimal | None
    total_usd: Decimal | None
    total_cap_usd: Decimal | None
    is_stopped: bool
    reason: str


@dataclass(frozen=True)
class Bar:
    """One day of the chart, placed in a box of 100 by 40 units."""

    day: date
    usd: Decimal
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class ModelCost:
    """What one model cost lately, and what it was worth."""

    model: ModelSpec
    calls: int
    usd: Decimal
    scored: int
    correct: int

    @property
    def mean_usd(self) -> Decimal:
        """Mean cost of a call."""
        return self.usd / self.calls if self.calls else NOTHING

    @property
    def solve_percent(self) -> int | None:
        """Share of its scored answers that were right, in percent."""
        return round(100 * self.correct / self.scored) if self.scored else None


@dataclass(frozen=True)
class Board:
    """All of the page."""

    site: Purse
    purses: list[Purse]
    is_any_set: bool
    bars: list[Bar]
    most_usd: Decimal
    models: list[ModelCost]
    per_check_usd: Decimal | None
    waiting: int
    forecast_usd: Decimal
    accepted: int
    per_accepted_usd: Decimal | None
    unclear: list[Ledger]


def read() -> Board:
    """Read all numbers; sums are of real providers, the models' table is of all."""
    purse = spending.Purse()
    ever = _ever()
    site = _purse(None, purse, ever)
    models = _models()
    per_check = _per_check_usd()
    waiting = DifficultyCheck.objects.live().filter(is_simulated=False).count()
    accepted = Question.objects.filter(status__in=[Status.APPROVED, Status.RETRACTED]).count()
    bars = _bars()
    return Board(
        site=site,
        purses=[_purse(one, purse, ever) for one in Provider.objects.filter(is_simulated=False)],
        is_any_set=settings.DAILY_BUDGET_USD > 0,
        bars=bars,
        most_usd=max((bar.usd for bar in bars), default=NOTHING),
        models=models,
        per_check_usd=per_check,
        waiting=waiting,
        forecast_usd=site.spent_usd + waiting * (per_check or NOTHING),
        accepted=accepted,
        per_accepted_usd=site.total_usd / accepted if accepted and site.total_usd else None,
        unclear=_unclear(),
    )


def _ever() -> dict[int, Decimal]:
    sums = Spend.objects.values("provider").annotate(usd=Sum(F("reserved_usd") + F("billed_usd"), output_field=MONEY))
    return {row["provider"]: row["usd"] for row in sums}


def _purse(provider: Provider | None, purse: spending.Purse, ever: dict[int, Decimal]) -> Purse:
    budget = purse.budgets.get(provider.pk if provider else None) or Budget()
    pk = provider.pk if provider else None
    return Purse(
        provider=provider,
        spent_usd=purse.today.get(pk, NOTHING) if pk else sum(purse.today.values(), NOTHING),
        cap_usd=budget.daily_usd if pk else purse.daily_cap_usd,
        total_usd=ever.get(pk, NOTHING) if pk else sum(ever.values(), NOTHING),
        total_cap_usd=budget.total_usd,
        is_stopped=budget.is_stopped,
        reason=budget.reason,
    )


def _bars() -> list[Bar]:
    today = spending.today()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    sums = Spend.objects.filter(day__gte=days[0]).values("day")
    usd = {
        row["day"]: row["usd"]
        for row in sums.annotate(usd=Sum(F("reserved_usd") + F("billed_usd"), output_field=MONEY))
    }
    most = max(usd.values(), default=NOTHING) or Decimal(1)
    width = 100 / DAYS
    return [_bar(day, usd.get(day, NOTHING), most, n * width) for n, day in enumerate(days)]


def _bar(day: date, usd: Decimal, most: Decimal, x: float) -> Bar:
    height = round(float(36 * usd / most), 2)
    return Bar(day, usd, round(x + 0.6, 2), round(40 - height, 2), height)


def _models() -> list[ModelCost]:
    since = timezone.now() - timedelta(days=LEARNT_FROM_DAYS)
    paid = Ledger.objects.filter(at__gte=since).exclude(state=LedgerState.RELEASED).values("model")
    costs = {
        row["model"]: row
        for row in paid.annotate(n=Count("pk"), usd=Coalesce(Sum(Coalesce("cost_usd", "reserved_usd")), NOTHING))
    }
    scored = Prediction.objects.filter(answered_at__gte=since).exclude(verdict=Verdict.UNSCORED).values("model")
    verdicts = {
        row["model"]: row
        for row in scored.annotate(n=Count("pk"), right=Count("pk", filter=Q(verdict=Verdict.CORRECT)))
    }
    known = ModelSpec.objects.filter(pk__in=[*costs, *verdicts]).select_related("provider")
    rows = [
        ModelCost(
            model,
            calls=costs.get(model.pk, {}).get("n", 0),
            usd=costs.get(model.pk, {}).get("usd", NOTHING),
            scored=verdicts.get(model.pk, {}).get("n", 0),
            correct=verdicts.get(model.pk, {}).get("right", 0),
        )
        for model in known
    ]
    return sorted(rows, key=lambda row: (-row.usd, -row.calls, row.model.label))


def _per_check_usd() -> Decimal | None:
    """Mean cost of a settled check with real models in the last days; None without any."""
    since = timezone.now() - timedelta(days=LEARNT_FROM_DAYS)
    settled = DifficultyCheck.objects.filter(
        status__in=[CheckStatus.PASSED, CheckStatus.FAILED], settled_at__gte=since, is_simulated=False
    )
    lines = Ledger.objects.filter(prediction__tested_hash__in=settled.values("tested_hash"), state=LedgerState.BILLED)
    n = settled.count()
    return (lines.aggregate(usd=Sum("cost_usd"))["usd"] or NOTHING) / n if n else None


def _unclear() -> list[Ledger]:
    rows = Ledger.objects.filter(state=LedgerState.AMBIGUOUS, model__provider__is_simulated=False)
    return list(rows.select_related("model__provider").order_by("at")[:MOST_LINES])
