"""Money: what fits a budget leaves, what does not stays in the queue; the sums of a day agree with the ledger."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from grading import engine, spending
from grading.enums import LedgerState
from grading.models import Budget, Ledger, ModelSpec, Prediction, Provider, Spend
from grading.spending import Reservation
from tests import factories
from tests.grading.conftest import work_until_settled
from tests.grading.simulator.process import Simulator

DOLLAR = Decimal(1)


@pytest.fixture
def paid(db: None, settings: Any) -> Provider:
    """The simulated provider, taken for a real one, under a budget of ten dollars a day."""
    settings.DAILY_BUDGET_USD = 10.0
    Provider.objects.update(is_simulated=False)
    return Provider.objects.get(slug="simulated")


def spend(provider: Provider, *, reserved: int = 0, billed: int = 0, days_ago: int = 0) -> None:
    day = spending.today() - timedelta(days=days_ago)
    Spend.objects.create(provider=provider, day=day, reserved_usd=reserved, billed_usd=billed)


def test_call_is_reserved_until_the_cap_of_the_day(paid: Provider) -> None:
    spend(paid, reserved=3, billed=5)

    fits = spending.admit([Reservation(paid.pk, DOLLAR), Reservation(paid.pk, DOLLAR), Reservation(paid.pk, DOLLAR)])

    assert fits == [True, True, False]
    assert spending.spent_today_usd() == Decimal(10)
    assert spending.payable_providers() == []


def test_yesterday_is_another_budget(paid: Provider) -> None:
    spend(paid, billed=100, days_ago=1)

    assert spending.admit([Reservation(paid.pk, DOLLAR)]) == [True]


CAPS = [
    ({"daily_usd": 2}, False),
    ({"daily_usd": 3}, True),
    ({"daily_usd": 1_000}, True),
    ({"total_usd": 7}, False),
    ({"total_usd": 8}, True),
    ({"is_stopped": True}, False),
    ({}, True),
]


@pytest.mark.parametrize("of_site", [True, False])
@pytest.mark.parametrize(("caps", "fits"), CAPS)
def test_caps_of_site_and_provider_both_bind(paid: Provider, caps: dict[str, Any], fits: bool, of_site: bool) -> None:
    spend(paid, billed=2)
    spend(paid, billed=5, days_ago=3)
    Budget.objects.create(provider=None if of_site else paid, **caps)

    assert spending.admit([Reservation(paid.pk, DOLLAR)]) == [fits]
    assert (Spend.objects.get(day=spending.today()).reserved_usd == DOLLAR) is fits


def test_organisers_cannot_raise_what_the_environment_allows(paid: Provider) -> None:
    Budget.objects.create(provider=None, daily_usd=1_000)

    assert spending.admit([Reservation(paid.pk, Decimal(11))]) == [False]


def test_cap_of_one_provider_does_not_hold_up_another(paid: Provider) -> None:
    other = Provider.objects.create(slug="other", name="Other", base_url="https://o.example", key_env="O_API_KEY")
    Budget.objects.create(provider=paid, is_stopped=True)

    assert spending.admit([Reservation(paid.pk, DOLLAR), Reservation(other.pk, DOLLAR)]) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_of_twenty_calls_at_once_as_many_go_out_as_fit(settings: Any) -> None:
    settings.DAILY_BUDGET_USD = 5.0
    Provider.objects.update(is_simulated=False)
    provider = Provider.objects.get(slug="simulated")
    found: list[bool] = []
    start = threading.Barrier(20)

    def reserve() -> None:
        start.wait()
        try:
            found.extend(spending.admit([Reservation(provider.pk, DOLLAR)]))
        finally:
            connection.close()

    threads = [threading.Thread(target=reserve) for _number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (found.count(True), len(found)) == (5, 20)
    assert spending.spent_today_usd() == Decimal(5)


BOOKINGS = [
    (LedgerState.BILLED, Decimal("0.25"), Decimal(0), Decimal("0.25")),
    (LedgerState.RELEASED, None, Decimal(0), Decimal(0)),
    (LedgerState.AMBIGUOUS, None, Decimal(1), Decimal(0)),
]


@pytest.mark.parametrize(("state", "cost", "reserved", "billed"), BOOKINGS)
def test_bill_replaces_the_reservation(
    paid: Provider, contributor: Any, state: str, cost: Decimal | None, reserved: Decimal, billed: Decimal
) -> None:
    model = paid.models.first()
    spending.admit([Reservation(paid.pk, DOLLAR)])
    line = Ledger.objects.create(
        model=model, attempt=1, contributor=contributor, reserved_usd=DOLLAR, price_version="test"
    )

    spending.book([(line.pk, state, cost)])

    row = Spend.objects.get()
    assert (row.reserved_usd, row.billed_usd) == (reserved, billed)


def paid_check(contributor: Any, price: int) -> Any:
    """A check whose models and judge cost as much per million tokens, sent or received."""
    question = factories.make_checking(by=contributor, answer="4711")
    ModelSpec.objects.update(usd_per_million_in=price, usd_per_million_out=price)
    Provider.objects.update(is_simulated=False)
    return question.checks.get()


def test_sums_of_the_day_agree_with_the_ledger(
    own_engine: engine.Engine, simulate: Callable[..., Simulator], contributor: Any, settings: Any
) -> None:
    settings.DAILY_BUDGET_USD = 100.0
    simulate(delay_s=[0, 0])
    check = paid_check(contributor, price=100)

    work_until_settled(check)

    check.refresh_from_db()
    row, lines = Spend.objects.get(), Ledger.objects.all()
    assert check.status in {"passed", "failed"}
    assert row.billed_usd == lines.aggregate(usd=Sum("cost_usd"))["usd"] > 0
    assert row.reserved_usd == 0
    assert set(lines.values_list("state", flat=True)) == {"billed"}


def test_call_that_does_not_fit_stays_in_the_queue_and_nothing_leaves(
    own_engine: engine.Engine, simulate: Callable[..., Simulator], contributor: Any, settings: Any
) -> None:
    settings.DAILY_BUDGET_USD = 0.01  # the reservation of one answer is about 0.8
    simulator = simulate(delay_s=[0, 0])
    check = paid_check(contributor, price=100)

    engine.current().work()

    check.refresh_from_db()
    rows = Prediction.objects.filter(tested_hash=check.tested_hash)
    assert check.status in {"queued", "running"}
    assert set(rows.values_list("state", "verdict", "tries")) == {("waiting", "unscored", 0)}
    assert rows.filter(due_at__gt=timezone.now()).count() == rows.count()
    assert (Ledger.objects.count(), Spend.objects.get().reserved_usd, simulator.journal()) == (0, 0, [])


def test_stop_switch_lets_nothing_out_and_its_release_lets_the_check_go_on(
    own_engine: engine.Engine, simulate: Callable[..., Simulator], contributor: Any, settings: Any
) -> None:
    settings.DAILY_BUDGET_USD = 100.0
    simulator = simulate(delay_s=[0, 0])
    check = paid_check(contributor, price=1)
    switch = Budget.objects.create(provider=None, is_stopped=True)

    engine.current().work()
    stopped = (Ledger.objects.count(), simulator.journal())
    switch.delete()
    work_until_settled(check)

    check.refresh_from_db()
    assert stopped == (0, [])
    assert check.status in {"passed", "failed"}
