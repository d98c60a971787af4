"""What paid calls may still cost: caps per day and in total, per provider and for the site, and the switch that stops all.

A call reserves the most that it can cost in the transaction of its write-ahead, so what is spent never passes a cap. The sums of
a day stand in `Spend` beside the ledger; what is perhaps billed counts as reserved until a person reconciles it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import DecimalField, F, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from grading.enums import LedgerState
from grading.models import Budget, Ledger, Provider, Spend

NOTHING = Decimal(0)
OPEN_STATES = (LedgerState.RESERVED, LedgerState.AMBIGUOUS)


class Reservation(NamedTuple):
    """What one call may cost at most, and who would be paid."""

    provider_id: int
    usd: Decimal


class Purse:
    """What is left today and in total; reading it with `is_locked` makes others wait until the transaction ends."""

    def __init__(self, *, is_locked: bool = False) -> None:
        self.day = today()
        rows = Spend.objects.filter(day=self.day).order_by("pk")
        self.today = {row.provider_id: spent(row) for row in (rows.select_for_update() if is_locked else rows)}
        self.budgets = {row.provider_id: row for row in Budget.objects.all()}
        self.ever = _spent_ever() if any(row.total_usd is not None for row in self.budgets.values()) else {}

    @property
    def daily_cap_usd(self) -> Decimal:
        """The most that the site may spend today: what the environment allows, or less when organisers say so."""
        ceiling = Decimal(str(settings.DAILY_BUDGET_USD))
        own = self.budgets[None].daily_usd if None in self.budgets else None
        return ceiling if own is None else min(ceiling, own)

    @property
    def is_stopped(self) -> bool:
        """True while organisers have stopped every paid call."""
        return None in self.budgets and self.budgets[None].is_stopped

    def left_usd(self, provider_id: int) -> Decimal:
        """What the next call to this provider may cost at most, 0 when it may not go out."""
        own = self.budgets.get(provider_id)
        if self.is_stopped or (own is not None and own.is_stopped):
            return NOTHING
        left = [self.daily_cap_usd - sum(self.today.values(), NOTHING)]
        if None in self.budgets and self.budgets[None].total_usd is not None:
            left.append(self.budgets[None].total_usd - sum(self.ever.values(), NOTHING))
        if own is not None and own.daily_usd is not None:
            left.append(own.daily_usd - self.today.get(provider_id, NOTHING))
        if own is not None and own.total_usd is not None:
            left.append(own.total_usd - self.ever.get(provider_id, NOTHING))
        return max(NOTHING, min(left))

    def take(self, wanted: Reservation) -> bool:
        """Reserve if it fits; a call that is said to cost nothing still needs a budget."""
        left = self.left_usd(wanted.provider_id)
        if left <= 0 or wanted.usd > left:
            return False
        for sums in (self.today, self.ever):
            sums[wanted.provider_id] = sums.get(wanted.provider_id, NOTHING) + wanted.usd
        return True


def today() -> date:
    """The day of the budget, which begins at midnight UTC."""
    return timezone.now().date()


def spent(row: Spend) -> Decimal:
    """What a day cost so far: billed, or still reserved."""
    return row.reserved_usd + row.billed_usd


def _spent_ever() -> dict[int, Decimal]:
    money = DecimalField(max_digits=16, decimal_places=6)
    sums = Spend.objects.values("provider").annotate(usd=Sum(F("reserved_usd") + F("billed_usd"), output_field=money))
    return {row["provider"]: row["usd"] for row in sums}


@transaction.atomic
def admit(wanted: Sequence[Reservation]) -> list[bool]:
    """Reserve each call in turn and say which ones fit; the caller writes their ledger lines in the same transaction."""
    providers = {one.provider_id for one in wanted}
    Spend.objects.bulk_create([Spend(provider_id=pk, day=today()) for pk in providers], ignore_conflicts=True)
    purse = Purse(is_locked=True)
    fits = [purse.take(one) for one in wanted]
    for pk in providers:
        usd = sum((one.usd for one, fit in zip(wanted, fits, strict=True) if fit and one.provider_id == pk), NOTHING)
        Spend.objects.filter(provider=pk, day=purse.day).update(reserved_usd=F("reserved_usd") + usd)
    return fits


def give_back(reservations: Iterable[Reservation]) -> None:
    """Free what was reserved today for calls that never left."""
    for one in reservations:
        Spend.objects.filter(provider=one.provider_id, day=today()).update(reserved_usd=F("reserved_usd") - one.usd)


@transaction.atomic
def book(bills: Iterable[tuple[UUID, str, Decimal | None]]) -> None:
    """Move what calls had reserved to what they cost, by ledger line; called before the lines change, in their transaction."""
    known = {pk: (state, cost or NOTHING) for pk, state, cost in bills if state not in OPEN_STATES}
    lines = Ledger.objects.filter(pk__in=known, state__in=OPEN_STATES, model__provider__is_simulated=False)
    moved: dict[tuple[int, date], tuple[Decimal, Decimal]] = {}
    for pk, provider, at, reserved in lines.values_list("pk", "model__provider", "at", "reserved_usd"):
        state, cost = known[pk]
        freed, billed = moved.get((provider, at.date()), (NOTHING, NOTHING))
        moved[provider, at.date()] = (freed + reserved, billed + (cost if state == LedgerState.BILLED else NOTHING))
    for (provider, day), (freed, billed) in sorted(moved.items()):
        Spend.objects.filter(provider=provider, day=day).update(
            reserved_usd=F("reserved_usd") - freed, billed_usd=F("billed_usd") + billed
        )


def spent_today_usd() -> Decimal:
    """What real providers cost since midnight UTC, reserved and perhaps billed calls included."""
    money = DecimalField(max_digits=16, decimal_places=6)
    total: Decimal = Spend.objects.filter(day=today()).aggregate(
        usd=Coalesce(Sum(F("reserved_usd") + F("billed_usd")), NOTHING, output_field=money)
    )["usd"]
    return total


def payable_providers() -> list[int]:
    """The real providers to whom a call may go out now; none while no budget is set or it is used up."""
    known = list(
        Provider.objects.filter(is_simulated=False, models__isnull=False).distinct().values_list("pk", flat=True)
    )
    if not known:
        return []
    purse = Purse()
    return [pk for pk in known if purse.left_usd(pk) > 0]
