"""What organisers do about money; every act is logged with its reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from grading import spending
from grading.enums import LedgerState
from grading.models import Budget, Ledger, Provider
from hle_site.audit import log
from questions.workflow import Refused

PERMISSION = "grading.manage_panel"


def _ask_permission(by: Any) -> None:
    if not by.has_perm(PERMISSION):
        raise PermissionDenied("change a budget")


@transaction.atomic
def set_budget(
    *, provider: Provider | None, daily_usd: Decimal | None, total_usd: Decimal | None, reason: str, by: Any
) -> Budget:
    """Set the caps of a provider, or of the site without one; None is no cap of its own."""
    _ask_permission(by)
    budget = Budget.objects.select_for_update().filter(provider=provider).first() or Budget(provider=provider)
    before = _in_words(budget)
    budget.daily_usd, budget.total_usd, budget.reason = daily_usd, total_usd, reason
    _save(budget, by)
    log.record("budget.set", by=by, on=budget, before=before, after=_in_words(budget), reason=reason)
    return budget


@transaction.atomic
def switch(*, provider: Provider | None, is_stopped: bool, reason: str, by: Any) -> Budget:
    """Stop every paid call to a provider, or to all of them, or let them go on. Calls under way end by themselves."""
    _ask_permission(by)
    if not reason.strip():
        raise Refused([_("Give a reason: your colleagues read it.")])
    budget = Budget.objects.select_for_update().filter(provider=provider).first() or Budget(provider=provider)
    budget.is_stopped, budget.reason = is_stopped, reason
    _save(budget, by)
    log.record("budget.stop" if is_stopped else "budget.go_on", by=by, on=budget, reason=reason)
    return budget


def _save(budget: Budget, by: Any) -> None:
    budget.changed_at, budget.changed_by = timezone.now(), by
    budget.save()


def _in_words(budget: Budget) -> str:
    return f"day {budget.daily_usd} total {budget.total_usd}"[:60]


@transaction.atomic
def reconcile(*, line: Ledger, cost_usd: Decimal | None, reason: str, by: Any) -> None:
    """Say what a call cost of which nobody knew whether it was billed; None: the provider's bill does not hold it."""
    _ask_permission(by)
    if not reason.strip():
        raise Refused([_("Say where this is written, such as the provider's bill of that day.")])
    found = Ledger.objects.select_for_update().filter(pk=line.pk, state=LedgerState.AMBIGUOUS).first()
    if found is None:
        raise Refused([_("This call has been reconciled already.")])
    state = LedgerState.RELEASED if cost_usd is None else LedgerState.BILLED
    spending.book([(found.pk, state, cost_usd)])
    found.state, found.cost_usd = state, cost_usd
    found.save(update_fields=["state", "cost_usd"])
    log.record("ledger.reconcile", by=by, on=found, before=LedgerState.AMBIGUOUS, after=state, reason=reason)
