"""Forms of the catalogue. They check shape; what may be stored is decided by the actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from grading.catalogue import rules
from grading.catalogue.actions import Seat
from grading.models import ModelSpec, Panel, PanelMember, Policy, Provider
from questions.models import Call

MOST_WAVES = 6
TOKEN_PARAMETERS = [("max_completion_tokens", "max_completion_tokens"), ("max_tokens", "max_tokens")]
EFFORTS = [("", _("as the provider sets it")), *[(word, word) for word in ("minimal", "low", "medium", "high")]]


class ProviderForm(forms.ModelForm):
    """Where a provider is, how it is spoken to, and its limits."""

    base_url = forms.URLField(
        label=_("Address"),
        help_text=_("Its host must be in PROVIDER_HOSTS, which only who runs the site can set."),
        required=False,
        assume_scheme="https",
    )

    class Meta:
        model = Provider
        fields = [
            "name",
            "slug",
            "dialect",
            "base_url",
            "base_url_env",
            "key_env",
            "max_connections",
            "requests_per_minute",
            "tokens_per_minute",
            "is_active",
        ]
        labels = {
            "name": _("Name"),
            "slug": _("Short name"),
            "dialect": _("Protocol"),
            "base_url_env": _("or: variable that holds the address"),
            "key_env": _("Variable that holds the key"),
            "max_connections": _("Calls at the same time, at most"),
            "requests_per_minute": _("Requests per minute and model"),
            "tokens_per_minute": _("Tokens per minute and model"),
            "is_active": _("Calls may be sent"),
        }
        help_texts = {
            "slug": _("Lower-case letters, digits and hyphens; files of panels name it."),
            "key_env": _("Such as ACME_API_KEY. The key itself is never stored or shown."),
            "requests_per_minute": _("As your contract says. Leave empty for no limit."),
            "tokens_per_minute": _("Questions and answers together. Leave empty for no limit."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["slug"]

    def clean_key_env(self) -> str:
        """Refuse variables that hold anything but a provider's key."""
        return _checked(self.cleaned_data["key_env"], rules.key_name_problem)

    def clean_base_url(self) -> str:
        """Refuse hosts that nobody has allowed."""
        return _checked(self.cleaned_data["base_url"], rules.address_problem)

    def clean_base_url_env(self) -> str:
        """Refuse variables that hold anything but an address."""
        return _checked(self.cleaned_data["base_url_env"], rules.address_name_problem)

    def clean(self) -> dict[str, Any]:
        """Want one address, not two and not none."""
        found = super().clean() or {}
        places = {"base_url", "base_url_env"}
        if not places & self.errors.keys() and bool(found.get("base_url")) == bool(found.get("base_url_env")):
            self.add_error("base_url", _("Give either an address or the variable that holds it."))
        return found


def _checked(value: str, problem: Any) -> str:
    sentence = problem(value) if value else ""
    if sentence:
        raise ValidationError(sentence)
    return value


class TermsForm(forms.Form):
    """By which agreement the provider does not train on what it is sent."""

    terms = forms.CharField(
        label=_("Agreement"),
        help_text=_(
            "Title, date and paragraph by which the provider does not train on questions. Your name is recorded."
        ),
        min_length=10,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ModelSpecForm(forms.ModelForm):
    """One model: how it is asked, and its price."""

    token_parameter = forms.ChoiceField(label=_("Limit is sent as"), choices=TOKEN_PARAMETERS)
    reasoning_effort = forms.ChoiceField(label=_("Reasoning effort"), choices=EFFORTS, required=False)

    class Meta:
        model = ModelSpec
        fields = [
            "label",
            "name",
            "takes_images",
            "takes_system_prompt",
            "takes_temperature",
            "takes_schema",
            "token_parameter",
            "max_tokens",
            "reasoning_effort",
            "timeout_s",
            "usd_per_million_in",
            "usd_per_million_out",
            "price_version",
            "is_retired",
        ]
        labels = {
            "label": _("Label on this site"),
            "name": _("The provider's name for it"),
            "takes_images": _("Takes pictures"),
            "takes_system_prompt": _("Takes a system prompt"),
            "takes_temperature": _("Takes a temperature"),
            "takes_schema": _("Keeps to a strict schema (wanted of judges)"),
            "max_tokens": _("Tokens of an answer, at most"),
            "timeout_s": _("Seconds for a whole call, at most"),
            "usd_per_million_in": _("USD per million tokens sent"),
            "usd_per_million_out": _("USD per million tokens received"),
            "price_version": _("Version of the price list"),
            "is_retired": _("Retired: not offered for new panels"),
        }
        help_texts = {"price_version": _("Such as its date, 2026-11-24. It is stored with each cost.")}

    def clean(self) -> dict[str, Any]:
        """Refuse numbers that cannot be meant."""
        found = super().clean() or {}
        for name in ("max_tokens", "timeout_s"):
            if found.get(name) == 0:
                self.add_error(name, _("Give at least 1."))
        for name in rules.PRICE_FIELDS:
            if (found.get(name) or 0) < 0:
                self.add_error(name, _("A price is not below 0."))
        return found


class PolicyForm(forms.ModelForm):
    """A new policy version."""

    class Meta:
        model = Policy
        fields = [
            "version",
            "exact_max_correct",
            "choice_max_correct",
            "choice_mean_below_chance",
            "confirmation_rounds",
            "confirm_choice",
            "confirm_from_try",
            "confirm_max_correct",
            "run_all_percent",
            "orders_waves",
        ]
        labels = {
            "version": _("Name of the version"),
            "exact_max_correct": _("Exact answer: models that may be right"),
            "choice_max_correct": _("Multiple choice: models that may be right"),
            "choice_mean_below_chance": _("Multiple choice: and the mean accuracy is below one over the options"),
            "confirmation_rounds": _("Further hidden rounds before a pass"),
            "confirm_choice": _("… for every multiple-choice question"),
            "confirm_from_try": _("… for exact answers from this try on"),
            "confirm_max_correct": _("… in which so many answers may be right (exact answer)"),
            "run_all_percent": _("Per cent of tests that ask every model"),
            "orders_waves": _("Order the waves by cost and solve rate"),
        }
        help_texts = {
            "exact_max_correct": _("The paper on Humanity's Last Exam asks for 0."),
            "run_all_percent": _("They show how often each model is right; 2 to 5 are enough."),
            "orders_waves": _("Once enough tests have asked every model; until then the panel's order stands."),
        }

    def clean_run_all_percent(self) -> int:
        """Keep a share a share."""
        share: int = self.cleaned_data["run_all_percent"]
        if share > 100:
            raise ValidationError(_("Give a number from 0 to 100."))
        return share


class UseForm(forms.Form):
    """Which call uses a panel from now on, under which policy."""

    call = forms.ModelChoiceField(label=_("Call for questions"), queryset=Call.objects.order_by("-is_default", "title"))
    policy = forms.ModelChoiceField(label=_("Policy"), queryset=Policy.objects.order_by("-pk"))


class Row(NamedTuple):
    """One model in the panel's form, with its bound fields."""

    model: ModelSpec
    wave: Any
    text: Any
    images: Any
    substitute: Any


class PanelForm(forms.Form):
    """A panel: who judges, and for each model of the catalogue in which wave it answers what."""

    slug = forms.SlugField(label=_("Short name"), max_length=50)
    title = forms.CharField(label=_("Title"), max_length=120)
    judge = forms.ModelChoiceField(label=_("Judge"), queryset=ModelSpec.objects.none())
    second_judge = forms.ModelChoiceField(
        label=_("Second judge"),
        queryset=ModelSpec.objects.none(),
        required=False,
        help_text=_("Of another provider. Where the two disagree a person decides."),
    )

    def __init__(self, *args: Any, panel: Panel | None = None, **kwargs: Any) -> None:
        places = {member.model_id: member for member in panel.members.all()} if panel else {}
        super().__init__(*args, initial=_initial(panel, places) if panel else None, **kwargs)
        offered = ModelSpec.objects.filter(is_retired=False) | ModelSpec.objects.filter(pk__in=places)
        found = offered.distinct().select_related("provider").order_by("provider__name", "label")
        self.models = sorted(found, key=lambda model: places[model.pk].wave if model.pk in places else MOST_WAVES + 1)
        for name in ("judge", "second_judge"):
            self.fields[name].queryset = ModelSpec.objects.filter(pk__in=[model.pk for model in self.models])
        if panel:
            del self.fields["slug"]
        for model in self.models:
            self._add(model)

    def _add(self, model: ModelSpec) -> None:
        waves = [("", _("not asked")), *[(n, _("Wave %(n)d") % {"n": n}) for n in range(1, MOST_WAVES + 1)]]
        others = [("", _("none")), *[(other.pk, str(other)) for other in self.models if other != model]]
        self.fields[f"wave_{model.pk}"] = forms.TypedChoiceField(
            choices=waves, coerce=int, empty_value=None, required=False, label=_("Wave of %(m)s") % {"m": model}
        )
        self.fields[f"text_{model.pk}"] = forms.BooleanField(
            required=False, label=_("%(m)s answers text questions") % {"m": model}
        )
        self.fields[f"images_{model.pk}"] = forms.BooleanField(
            required=False, label=_("%(m)s answers picture questions") % {"m": model}
        )
        self.fields[f"substitute_{model.pk}"] = forms.TypedChoiceField(
            choices=others, coerce=int, empty_value=None, required=False, label=_("Stands in for %(m)s") % {"m": model}
        )

    def rows(self) -> Iterator[Row]:
        """Yield the fields model by model, as the page shows them."""
        for model in self.models:
            yield Row(model, *(self[f"{name}_{model.pk}"] for name in ("wave", "text", "images", "substitute")))

    def seats(self) -> Sequence[Seat]:
        """Return the places that were given, wave by wave in the order of the page."""
        by_pk = {model.pk: model for model in self.models}
        found = self.cleaned_data
        seats = [
            Seat(
                model,
                found[f"wave_{model.pk}"],
                for_text=found[f"text_{model.pk}"],
                for_images=found[f"images_{model.pk}"],
                substitute=by_pk.get(found[f"substitute_{model.pk}"]),
            )
            for model in self.models
            if found[f"wave_{model.pk}"]
        ]
        return sorted(seats, key=lambda seat: seat.wave)


def _initial(panel: Panel, places: dict[int, PanelMember]) -> dict[str, Any]:
    found: dict[str, Any] = {"title": panel.title, "judge": panel.judge_id, "second_judge": panel.second_judge_id}
    for pk, member in places.items():
        found |= {
            f"wave_{pk}": member.wave,
            f"text_{pk}": member.for_text,
            f"images_{pk}": member.for_images,
            f"substitute_{pk}": member.substitute_id,
        }
    return found
