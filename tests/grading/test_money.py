"""The money page: what it adds up, what organisers set there, and who may not."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from grading import spending
from grading.models import Budget, Ledger, Provider, Spend
from grading.money import actions, board
from hle_site.audit.models import AuditEvent
from questions.models import Question
from questions.workflow import Refused
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def without_factor(settings: Any) -> None:
    settings.REQUIRE_STAFF_FACTOR = False
    settings.DAILY_BUDGET_USD = 10.0


@pytest.fixture
def paid() -> Provider:
    """The simulated provider, taken for a real one."""
    Provider.objects.update(is_simulated=False)
    return Provider.objects.get(slug="simulated")


def line(provider: Provider, by: Any, state: str, *, reserved: int = 1, cost: str | None = None) -> Ledger:
    model = provider.models.get(name="simulated-small")
    fields = {"attempt": 1, "contributor": by, "price_version": "test", "state": state}
    return Ledger.objects.create(model=model, reserved_usd=reserved, cost_usd=cost, **fields)


def test_board_adds_up_days_providers_and_approved_questions(paid: Provider, contributor: Any) -> None:
    question = factories.make_eligible(by=contributor)
    Question.objects.filter(pk=question.pk).update(status="approved")
    Spend.objects.create(provider=paid, day=spending.today(), reserved_usd=1, billed_usd=3)
    Spend.objects.create(provider=paid, day=spending.today() - timedelta(days=2), billed_usd=6)

    found = board.read()

    assert (found.site.spent_usd, found.site.total_usd, found.site.cap_usd) == (4, 10, 10)
    assert [bar.usd for bar in found.bars[-3:]] == [6, 0, 4]
    assert (found.most_usd, found.accepted, found.per_accepted_usd) == (6, 1, 10)


def test_models_are_listed_with_cost_and_solve_rate(paid: Provider, contributor: Any) -> None:
    factories.make_too_easy(by=contributor)
    line(paid, contributor, "billed", cost="0.5")
    line(paid, contributor, "billed", cost="0.25")
    line(paid, contributor, "released")

    first = board.read().models[0]

    assert (first.model.name, first.calls, first.mean_usd) == ("simulated-small", 2, Decimal("0.375"))
    assert (first.scored, first.correct, first.solve_percent) == (1, 1, 100)


def test_caps_are_set_on_the_page_and_bind(paid: Provider, organiser: Any, client_of: Callable[[Any], Any]) -> None:
    form = {"provider": paid.pk, "daily_usd": "2.50", "total_usd": "", "reason": "A trial week"}

    answer = client_of(organiser).post(reverse("money:set_budget"), form)

    budget = Budget.objects.get()
    assert answer.status_code == 302
    assert (budget.provider, budget.daily_usd, budget.total_usd, budget.changed_by) == (
        paid,
        Decimal("2.50"),
        None,
        organiser,
    )
    assert spending.admit([spending.Reservation(paid.pk, Decimal(3))]) == [False]
    assert AuditEvent.objects.filter(action="budget.set", actor_id=organiser.pk).count() == 1


def test_cap_below_zero_is_refused_with_a_sentence(organiser: Any, client_of: Callable[[Any], Any]) -> None:
    answer = client_of(organiser).post(reverse("money:set_budget"), {"daily_usd": "-1", "reason": "x"})

    assert answer.status_code == 400
    assert "greater than or equal to 0" in answer.content.decode()
    assert not Budget.objects.exists()


def test_switch_stops_and_lets_go_on(paid: Provider, organiser: Any, client_of: Callable[[Any], Any]) -> None:
    client, address = client_of(organiser), reverse("money:switch")
    before = spending.payable_providers()

    client.post(address, {"is_stopped": "stop", "reason": "The prices look wrong"})
    stopped, page = spending.payable_providers(), client.get(reverse("money:index")).content.decode()
    client.post(address, {"is_stopped": "go_on", "reason": "They are right"})

    assert (before, stopped, spending.payable_providers()) == ([paid.pk], [], [paid.pk])
    assert "Every paid call is stopped" in page
    assert "The prices look wrong" in page


@pytest.mark.parametrize(
    ("cost", "state", "reserved", "billed"), [("0.25", "billed", 0, "0.25"), (None, "released", 0, "0")]
)
def test_unclear_call_is_reconciled_once(
    paid: Provider, organiser: Any, contributor: Any, cost: str | None, state: str, reserved: int, billed: str
) -> None:
    Spend.objects.create(provider=paid, day=spending.today(), reserved_usd=1)
    unclear = line(paid, contributor, "ambiguous")
    values = {"line": unclear, "cost_usd": cost and Decimal(cost), "by": organiser}

    actions.reconcile(**values, reason="Bill of this week")

    unclear.refresh_from_db()
    row = Spend.objects.get()
    assert (unclear.state, row.reserved_usd, row.billed_usd) == (state, reserved, Decimal(billed))
    with pytest.raises(Refused, match="already"):
        actions.reconcile(**values, reason="Bill of this week")


def test_page_lists_what_is_unclear_and_leads_to_it(
    paid: Provider, organiser: Any, contributor: Any, client_of: Callable[[Any], Any]
) -> None:
    unclear, client = line(paid, contributor, "ambiguous"), client_of(organiser)
    address = reverse("money:reconcile", args=[unclear.pk])

    page = client.get(reverse("money:index")).content.decode()
    refused = client.post(address, {"cost_usd": "much", "reason": "Bill"})
    answer = client.post(address, {"cost_usd": "0.5", "reason": "Bill of this week"})

    assert address in page
    assert (refused.status_code, answer.status_code, client.get(address).status_code) == (400, 302, 404)


ACTS = {
    "set_budget": lambda by: actions.set_budget(provider=None, daily_usd=None, total_usd=None, reason="x", by=by),
    "switch": lambda by: actions.switch(provider=None, is_stopped=True, reason="x", by=by),
    "reconcile": lambda by: actions.reconcile(line=Ledger(), cost_usd=None, reason="x", by=by),
}


@pytest.mark.parametrize("act", ACTS)
def test_only_organisers_decide_about_money(contributor: Any, senior: Any, act: str) -> None:
    for person in (contributor, senior):
        with pytest.raises(PermissionDenied):
            ACTS[act](person)

    assert not Budget.objects.exists()


def test_auditor_reads_and_contributor_does_not(contributor: Any, client_of: Callable[[Any], Any]) -> None:
    auditor = factories.make_user("auditor", "auditor")

    page = client_of(auditor).get(reverse("money:index"))

    assert page.status_code == 200
    assert "Set caps" not in page.content.decode()
    assert client_of(contributor).get(reverse("money:index")).status_code == 403
