"""Pages about other people, for organisers, auditors and administrators: search, roles proposed and confirmed by two."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from hle_site.accounts import actions
from hle_site.accounts.forms import PeopleFilterForm, RoleProposalForm
from hle_site.accounts.models import RoleGrant, RoleProposal, User

PAGE_SIZE = 30


def _require_reader(request: HttpRequest) -> None:
    if not request.user.has_perm("accounts.view_people"):
        raise PermissionDenied("accounts.view_people")


@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """Search among all accounts by name, address or role, and what waits for a second person."""
    _require_reader(request)
    form = PeopleFilterForm(request.GET)
    found = _found(form.cleaned_data if form.is_valid() else {})
    rows = list(_after(found, request.GET.get("after", ""))[: PAGE_SIZE + 1])
    context = {
        "form": form,
        "people": rows[:PAGE_SIZE],
        "next_mark": rows[PAGE_SIZE - 1].pk if len(rows) > PAGE_SIZE else "",
        "proposals": _open_proposals(),
        "may_confirm": request.user.has_perm("accounts.confirm_role"),
    }
    return render(request, "accounts/people.html", context)


def _found(wanted: dict[str, str]) -> QuerySet[User]:
    live = Prefetch("grants", RoleGrant.objects.filter(revoked_at=None).order_by("role"), to_attr="live_grants")
    found = User.objects.prefetch_related(live).order_by("name", "pk")
    if words := wanted.get("q", "").strip():
        found = found.filter(Q(name__icontains=words) | Q(email__icontains=words))
    if role := wanted.get("role"):
        found = found.filter(grants__role=role, grants__revoked_at=None)
    return found


def _after(found: QuerySet[User], mark: str) -> QuerySet[User]:
    """Go on behind the person whom the address names; a mark that is none means the first page."""
    try:
        last = User.objects.get(pk=mark)
    except (User.DoesNotExist, ValidationError):
        return found
    return found.filter(Q(name__gt=last.name) | Q(name=last.name, pk__gt=last.pk))


def _open_proposals() -> QuerySet[RoleProposal]:
    open_ones = RoleProposal.objects.filter(decided_at=None)
    return open_ones.select_related("user", "proposed_by").order_by("proposed_at")


@require_GET
def person(request: HttpRequest, pk: Any) -> HttpResponse:
    """One account: address, affiliations, roles and how they came about. Nothing here leads to a question."""
    _require_reader(request)
    return _person(request, get_object_or_404(User, pk=pk))


def _person(request: HttpRequest, user: User, *, form: Any = None, status: int = 200) -> HttpResponse:
    context = {
        "person": user,
        "form": form or RoleProposalForm(),
        "may_propose": request.user.has_perm("accounts.propose_role"),
        "may_confirm": request.user.has_perm("accounts.confirm_role"),
        "proposals": _open_proposals().filter(user=user),
        "grants": user.grants.select_related("granted_by", "revoked_by").order_by("-granted_at"),
        "affiliations": user.affiliations.order_by("ended_at", "institution"),
        "is_verified": user.emailaddress_set.filter(verified=True).exists(),
    }
    return render(request, "accounts/person.html", context, status=status)


@require_POST
def propose_role(request: HttpRequest, pk: Any) -> HttpResponse:
    """Propose to give or take a role."""
    _require_reader(request)
    user, form = get_object_or_404(User, pk=pk), RoleProposalForm(request.POST)
    if not form.is_valid():
        return _person(request, user, form=form, status=400)
    try:
        actions.propose_role(user=user, by=request.user, **form.cleaned_data)
    except actions.RoleRefused as error:
        form.add_error(None, str(error))
        return _person(request, user, form=form, status=409)
    messages.success(request, _("The change is proposed. Another person, an administrator, has to confirm it."))
    return redirect("accounts:person", pk=user.pk)


@require_POST
def decide_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm or refuse what somebody else proposed."""
    _require_reader(request)
    proposal = get_object_or_404(RoleProposal, pk=pk)
    is_confirmed = request.POST.get("decision") == "confirm"
    try:
        actions.decide_role(proposal=proposal, by=request.user, is_confirmed=is_confirmed)
    except actions.RoleRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The role is changed.") if is_confirmed else _("The proposal is refused."))
    return redirect("accounts:person", pk=proposal.user_id)
