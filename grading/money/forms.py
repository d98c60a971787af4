"""Forms of the money page."""

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.models import Provider

LONGEST = 300


class ReasonForm(forms.Form):
    """A reason in a line."""

    reason = forms.CharField(label=_("Reason"), max_length=LONGEST)


class OfProviderForm(ReasonForm):
    """A reason, and to which provider it applies."""

    provider = forms.ModelChoiceField(
        label=_("Applies to"),
        queryset=Provider.objects.filter(is_simulated=False),
        required=False,
        empty_label=_("all paid calls"),
    )


class BudgetForm(OfProviderForm):
    """Caps; empty is none."""

    daily_usd = forms.DecimalField(
        label=_("USD a day, at most"), min_value=0, max_digits=12, decimal_places=2, required=False
    )
    total_usd = forms.DecimalField(
        label=_("USD in all, at most"), min_value=0, max_digits=12, decimal_places=2, required=False
    )
    field_order = ["provider", "daily_usd", "total_usd", "reason"]


class SwitchForm(OfProviderForm):
    """Stop, or go on."""

    is_stopped = forms.TypedChoiceField(
        choices=[("stop", "stop"), ("go_on", "go on")], coerce=lambda word: word == "stop", widget=forms.HiddenInput
    )


class ReconcileForm(ReasonForm):
    """What a call cost, or that it was not billed."""

    cost_usd = forms.DecimalField(
        label=_("USD on the bill"),
        help_text=_("Leave empty when the bill does not hold the call."),
        min_value=0,
        max_digits=12,
        decimal_places=6,
        required=False,
    )
    field_order = ["cost_usd", "reason"]
