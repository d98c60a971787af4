"""Pages of near-duplicates for organisers, and for auditors to read: the list, one pair, and what is said of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from hle_site.audit import log
from questions import paging
from questions.duplicates import actions, presenters
from questions.duplicates.forms import DismissForm, PairListForm
from questions.enums import PairState
from questions.models import DuplicatePair
from questions.presenters import READ
from questions.views.finding import attempt
from questions.workflow import InvalidTransition


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The pairs that the reader may know of, newest first; open ones unless the address says otherwise."""
    _require_view(request)
    form = PairListForm(request.GET if "state" in request.GET else {"state": PairState.OPEN, **request.GET.dict()})
    form.is_valid()
    visible = DuplicatePair.objects.visible_to(request.user)
    page = paging.page(presenters.for_list(form.narrow(visible)), request.GET)
    context = {
        "form": form,
        "rows": presenters.rows(page.items),
        "page": page,
        "has_any": bool(page.items) or visible.exists(),
        "encoder": presenters.encoder_state(),
    }
    return render(request, "duplicates/index.html", context)


def _require_view(request: HttpRequest) -> None:
    if not request.user.has_perm("questions.view_duplicates"):
        raise PermissionDenied


def _find(request: HttpRequest, pk: Any) -> DuplicatePair:
    """Return a pair of which the reader may read both questions, or say 404."""
    _require_view(request)
    return get_object_or_404(presenters.for_list(DuplicatePair.objects.visible_to(request.user)), pk=pk)


@require_GET
def pair(request: HttpRequest, pk: Any) -> HttpResponse:
    """Both texts side by side, and what may be done."""
    return _pair(request, _find(request, pk), DismissForm())


def _pair(request: HttpRequest, found: DuplicatePair, form: DismissForm, *, status: int = 200) -> HttpResponse:
    user = request.user
    sides = presenters.sides(found, user)
    for side in sides:
        if side.text and presenters.is_logged(side.question, user):
            log.record(READ, by=user, on=side.question)
    context = {
        "pair": found,
        "row": presenters.rows([found])[0],
        "sides": sides,
        "form": form,
        "may_judge": all(user.has_perm(actions.PERMISSION, side.question) for side in sides),
    }
    return render(request, "duplicates/pair.html", context, status=status)


@require_POST
def dismiss(request: HttpRequest, pk: Any) -> HttpResponse:
    """Say that the two are no duplicates."""
    found = _find(request, pk)
    form = DismissForm(request.POST)
    status = attempt(form, lambda **data: actions.dismiss(pair=found, by=request.user, **data))
    if status != 200:
        return _pair(request, _find(request, pk), form, status=status)
    messages.success(request, _("Noted: not duplicates. It stays so until one of the texts changes."))
    return redirect("duplicates:index")


@require_POST
def undo(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take back that the two are no duplicates."""
    found = _find(request, pk)
    try:
        actions.undo(pair=found, by=request.user)
    except InvalidTransition as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The pair is open again."))
    return redirect("duplicates:pair", pk=found.pk)
