"""The pages on which organisers keep providers, models, panels and policies; auditors read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading import tasks
from grading.catalogue import actions, presenters
from grading.catalogue.forms import ModelSpecForm, PanelForm, PolicyForm, ProviderForm, TermsForm, UseForm
from grading.engine import providers
from grading.models import ModelSpec, Panel, Policy, Provider
from questions.workflow import Refused


def _ask(request: HttpRequest, permission: str = "grading.manage_panel") -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _saved(form: Any, act: Callable[[], Any]) -> bool:
    """Do what a valid form asks for; what the action refuses is said in the form."""
    if not form.is_valid():
        return False
    try:
        act()
    except Refused as error:
        for sentence in error.sentences:
            form.add_error(None, sentence)
        return False
    return True


def _status(request: HttpRequest, form: Any) -> int:
    return 400 if request.method == "POST" and form.errors else 200


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What each call tests its questions with, all providers, all panels."""
    _ask(request, "grading.view_panels")
    values = presenters.overview() | {"policies": Policy.objects.order_by("-pk"), "presets": actions.presets()}
    return render(request, "grading/catalogue/index.html", values)


@require_http_methods(["GET", "POST"])
def new_provider(request: HttpRequest) -> HttpResponse:
    """Add a provider."""
    _ask(request)
    form = ProviderForm(request.POST or None)
    if _saved(form, lambda: actions.save_provider(provider=form.save(commit=False), by=request.user)):
        messages.success(request, _("The provider was added. Record its terms, and add its models."))
        return redirect("panels:provider", slug=form.instance.slug)
    values = {"form": form, "title": _("Add a provider"), "action": _("Add the provider")}
    return render(request, "grading/catalogue/form.html", values, status=_status(request, form))


@require_GET
def provider(request: HttpRequest, slug: str) -> HttpResponse:
    """One provider: address, key, terms, models, connection."""
    _ask(request, "grading.view_panels")
    found = get_object_or_404(Provider, slug=slug)
    values = {"card": presenters.provider_card(found), "models": presenters.model_rows(found), "terms": TermsForm()}
    template = "grading/catalogue/provider.html"
    return render(request, f"{template}#connection" if request.htmx else template, values)


@require_http_methods(["GET", "POST"])
def edit_provider(request: HttpRequest, slug: str) -> HttpResponse:
    """Change a provider."""
    _ask(request)
    found = get_object_or_404(Provider, slug=slug)
    form = ProviderForm(request.POST or None, instance=found)
    if _saved(form, lambda: actions.save_provider(provider=form.save(commit=False), by=request.user)):
        messages.success(request, _("The provider was changed."))
        return redirect("panels:provider", slug=slug)
    values = {
        "form": form,
        "title": _("Change %(name)s") % {"name": found.name},
        "action": _("Save"),
        "note": _("A new address voids the recorded terms: record them again for whom it reaches."),
    }
    return render(request, "grading/catalogue/form.html", values, status=_status(request, form))


@require_POST
def terms(request: HttpRequest, slug: str) -> HttpResponse:
    """Record the terms."""
    _ask(request)
    found = get_object_or_404(Provider, slug=slug)
    form = TermsForm(request.POST)
    act = lambda: actions.record_terms(provider=found, terms=form.cleaned_data["terms"], by=request.user)  # noqa: E731
    if _saved(form, act):
        messages.success(request, _("The terms were recorded with your name. Calls may leave now."))
        return redirect("panels:provider", slug=slug)
    values = {"card": presenters.provider_card(found), "models": presenters.model_rows(found), "terms": form}
    return render(request, "grading/catalogue/provider.html", values, status=400)


@require_POST
def test(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Test the connection with one of the provider's models."""
    _ask(request)
    model = get_object_or_404(ModelSpec.objects.select_related("provider"), provider__slug=slug, pk=pk)
    if tasks.send(tasks.test_connection, model.pk, str(request.user.pk)):
        actions.request_test(model=model, by=request.user)
        messages.info(request, _("%(model)s is asked for one word. How that ended shows here.") % {"model": model})
    else:
        messages.error(request, _("The workers cannot be reached now. Try again in a minute."))
    return redirect("panels:provider", slug=slug)


@require_POST
def reopen(request: HttpRequest, slug: str) -> HttpResponse:
    """Let calls go to a provider again that the site leaves alone."""
    _ask(request)
    found = get_object_or_404(Provider, slug=slug)
    if providers.reopen(found, by=request.user):
        messages.success(
            request, _("Calls go to %(name)s again. If it still fails, it is left alone again.") % {"name": found.name}
        )
    else:
        messages.info(request, _("%(name)s is not left alone any more.") % {"name": found.name})
    return redirect("panels:provider", slug=slug)


@require_http_methods(["GET", "POST"])
def new_model(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a model to a provider."""
    _ask(request)
    found = get_object_or_404(Provider, slug=slug)
    form = ModelSpecForm(request.POST or None, instance=ModelSpec(provider=found))
    return _model_form(request, form, _("Add a model of %(name)s") % {"name": found.name}, _("Add the model"))


@require_http_methods(["GET", "POST"])
def edit_model(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Change a model."""
    _ask(request)
    model = get_object_or_404(ModelSpec.objects.select_related("provider"), provider__slug=slug, pk=pk)
    form = ModelSpecForm(request.POST or None, instance=model)
    return _model_form(request, form, _("Change %(name)s") % {"name": model.label}, _("Save"))


def _model_form(request: HttpRequest, form: ModelSpecForm, title: str, action: str) -> HttpResponse:
    found = form.instance.provider
    if _saved(form, lambda: actions.save_model(model=form.save(commit=False), by=request.user)):
        messages.success(request, _("%(model)s was saved.") % {"model": form.instance.label})
        return redirect("panels:provider", slug=found.slug)
    values = {"form": form, "title": title, "action": action, "provider": found}
    return render(request, "grading/catalogue/form.html", values, status=_status(request, form))


@require_GET
def panel(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """One panel version: its waves, judges, and which calls use it."""
    _ask(request, "grading.view_panels")
    return _panel_page(request, _panel(slug, version), UseForm())


def _panel(slug: str, version: int) -> Panel:
    return get_object_or_404(
        Panel.objects.select_related("judge__provider", "second_judge__provider", "created_by"),
        slug=slug,
        version=version,
    )


def _panel_page(request: HttpRequest, found: Panel, form: UseForm, status: int = 200) -> HttpResponse:
    values = {"card": presenters.panel_card(found), "form": form}
    return render(request, "grading/catalogue/panel.html", values, status=status)


@require_POST
def use(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """Let a call use a panel."""
    _ask(request)
    found = _panel(slug, version)
    form = UseForm(request.POST)
    if _saved(form, lambda: actions.use_panel(panel=found, by=request.user, **form.cleaned_data)):
        messages.success(
            request,
            _("%(panel)s tests the questions of “%(call)s” from now on. Tests under way keep their panel.")
            % {"panel": found, "call": form.cleaned_data["call"]},
        )
        return redirect("panels:index")
    return _panel_page(request, found, form, status=400)


@require_http_methods(["GET", "POST"])
def new_panel(request: HttpRequest) -> HttpResponse:
    """Compose a panel."""
    _ask(request)
    return _panel_form(request, None)


@require_http_methods(["GET", "POST"])
def edit_panel(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """Change a panel that nothing has used, or make the next version of one that was used."""
    _ask(request)
    return _panel_form(request, _panel(slug, version))


def _panel_form(request: HttpRequest, old: Panel | None) -> HttpResponse:
    form = PanelForm(request.POST or None, panel=old)
    stored: list[Panel] = []

    def act() -> None:
        found = form.cleaned_data
        head = {"slug": old.slug if old else found["slug"], "title": found["title"], "judge": found["judge"]}
        stored.append(
            actions.save_panel(
                **head, second_judge=found["second_judge"], seats=form.seats(), by=request.user, panel=old
            )
        )

    if _saved(form, act):
        messages.success(request, _("%(panel)s was saved. No call uses it before you say so.") % {"panel": stored[0]})
        return redirect("panels:panel", slug=stored[0].slug, version=stored[0].version)
    values = {"form": form, "card": presenters.panel_card(old) if old else None}
    return render(request, "grading/catalogue/panel_form.html", values, status=_status(request, form))


@require_POST
def preset(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a panel that ships with the site."""
    _ask(request)
    try:
        found = actions.add_preset(slug=slug, by=request.user)
    except Refused as error:
        messages.warning(request, " ".join(error.sentences))
        return redirect("panels:index")
    messages.success(
        request, _("%(panel)s was added. Record terms and prices before a call uses it.") % {"panel": found}
    )
    return redirect("panels:panel", slug=found.slug, version=found.version)


@require_http_methods(["GET", "POST"])
def new_policy(request: HttpRequest) -> HttpResponse:
    """Write a new policy version, beginning from the newest."""
    _ask(request)
    newest = Policy.objects.order_by("-pk").first()
    start = {name: getattr(newest, name) for name in PolicyForm.Meta.fields if name != "version"} if newest else None
    form = PolicyForm(request.POST or None, initial=start)
    if _saved(form, lambda: actions.create_policy(policy=form.save(commit=False), by=request.user)):
        messages.success(request, _("The policy was stored. Choose it where a panel is put to use."))
        return redirect("panels:index")
    values = {
        "form": form,
        "title": _("New policy version"),
        "action": _("Store the policy"),
        "note": _("A stored policy never changes, so that each verdict says under which it was reached."),
    }
    return render(request, "grading/catalogue/form.html", values, status=_status(request, form))
