"""The page of money, and what organisers do on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.enums import LedgerState
from grading.models import Ledger
from grading.money import actions, board
from grading.money.forms import BudgetForm, ReconcileForm, SwitchForm
from questions.workflow import Refused


def _ask(request: HttpRequest, permission: str = "grading.manage_panel") -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _attempt(form: Any, act: Callable[..., Any]) -> bool:
    if not form.is_valid():
        return False
    try:
        act(**form.cleaned_data)
    except Refused as error:
        for sentence in error.sentences:
            form.add_error(None, sentence)
        return False
    return True


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Spending, caps, forecast."""
    _ask(request, "grading.view_money")
    return _page(request)


def _page(request: HttpRequest, status: int = 200, **forms: Any) -> HttpResponse:
    values = {"board": board.read(), "budget_form": BudgetForm(), "switch_form": SwitchForm()} | forms
    return render(request, "grading/money/index.html", values, status=status)


@require_POST
def set_budget(request: HttpRequest) -> HttpResponse:
    """Set caps."""
    _ask(request)
    form = BudgetForm(request.POST)
    if _attempt(form, lambda **found: actions.set_budget(by=request.user, **found)):
        messages.success(request, _("The caps were set. They bind from the next call on."))
        return redirect("money:index")
    return _page(request, 400, budget_form=form)


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Stop paid calls, or let them go on."""
    _ask(request)
    form = SwitchForm(request.POST)
    if _attempt(form, lambda **found: actions.switch(by=request.user, **found)):
        is_stopped = form.cleaned_data["is_stopped"]
        messages.success(
            request,
            _("No paid call leaves from now on. Calls under way end.") if is_stopped else _("Paid calls go on."),
        )
        return redirect("money:index")
    return _page(request, 400, switch_form=form)


@require_http_methods(["GET", "POST"])
def reconcile(request: HttpRequest, pk: Any) -> HttpResponse:
    """Say what an unclear call cost."""
    _ask(request)
    line = get_object_or_404(
        Ledger.objects.filter(state=LedgerState.AMBIGUOUS, model__provider__is_simulated=False), pk=pk
    )
    form = ReconcileForm(request.POST or None)
    if request.method == "POST" and _attempt(
        form, lambda **found: actions.reconcile(line=line, by=request.user, **found)
    ):
        messages.success(request, _("The call was reconciled."))
        return redirect("money:index")
    values = {
        "title": _("Reconcile a call"),
        "body": _("%(model)s, %(when)s UTC: the connection was lost after the request was out. Look it up in the bill.")
        % {"model": line.model.label, "when": f"{line.at:%Y-%m-%d %H:%M:%S}"},
        "form": form,
        "confirm_label": _("Record"),
        "cancel_url": reverse("money:index"),
    }
    return render(request, "confirm.html", values, status=400 if form.errors else 200)
