"""Pages about the own account: profile, conflicts of interest, API tokens."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from hle_site.accounts import actions
from hle_site.accounts import tokens as token_actions
from hle_site.accounts.enums import Role
from hle_site.accounts.forms import ConflictForm, ProfileForm, TokenForm
from hle_site.accounts.models import ApiToken

CONFLICT_IDS = "conflict_%s"  # the profile on the same page has an institution too


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """The own profile, with what was declared and accepted."""
    user = request.user
    form = ProfileForm(request.POST or None, instance=user, initial={"institution": _institution(user)})
    if request.method == "POST" and form.is_valid():
        actions.save_profile(user=user, form=form)
        messages.success(request, _("Your profile is saved."))
        return redirect("accounts:profile")
    if form.errors:
        user.refresh_from_db()  # the form has written what was typed into it
    return _profile(request, form=form, status=400 if form.errors else 200)


def _profile(request: HttpRequest, *, form: Any, conflict_form: Any = None, status: int = 200) -> HttpResponse:
    user = request.user
    context = {
        "form": form,
        "conflict_form": conflict_form or ConflictForm(auto_id=CONFLICT_IDS),
        "conflicts": user.conflicts.select_related("other").order_by("-declared_at"),
        "affiliations": user.affiliations.order_by("ended_at", "institution"),
        "acceptances": user.acceptances.order_by("-accepted_at"),
        "roles": [Role(role).label for role in sorted(user.roles)],
    }
    return render(request, "accounts/profile.html", context, status=status)


def _institution(user: Any) -> str:
    current = user.affiliations.filter(ended_at=None).first()
    return current.institution if current else ""


@require_POST
def declare_conflict(request: HttpRequest) -> HttpResponse:
    """Declare a conflict with an institution; it holds from now on and cannot be taken back here."""
    form = ConflictForm(request.POST, auto_id=CONFLICT_IDS)
    if not form.is_valid():
        profile_form = ProfileForm(instance=request.user, initial={"institution": _institution(request.user)})
        return _profile(request, form=profile_form, conflict_form=form, status=400)
    actions.declare_conflict(user=request.user, by=request.user, **form.cleaned_data)
    messages.success(request, _("The conflict is recorded. You are not offered questions from there any more."))
    return redirect("accounts:profile")


@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The own API tokens; a new one is shown once, in the answer to the form."""
    form, key, status = TokenForm(request.POST or None), "", 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                key, status = _create_token(request.user, form), 200
                form = TokenForm()
            except token_actions.TokenRefused as error:
                form.add_error(None, str(error))
    now = timezone.now()
    context = {"form": form, "key": key, "now": now, "tokens": request.user.tokens.all()}
    return render(request, "accounts/tokens.html", context, status=status)


def _create_token(user: Any, form: TokenForm) -> str:
    data = form.cleaned_data
    return token_actions.create(by=user, name=data["name"], scopes=data["scopes"], expires_at=form.expires_at)[1]


@require_POST
def revoke_token(request: HttpRequest, pk: Any) -> HttpResponse:
    """End one of the own tokens."""
    token = get_object_or_404(ApiToken, user=request.user, pk=pk)
    token_actions.revoke(token=token, by=request.user)
    messages.success(request, _("The token “%(name)s” no longer works.") % {"name": token.name})
    return redirect("accounts:tokens")
