"""Forms of releases and errata."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from questions.enums import ErratumStatus
from questions.models import Call, Erratum
from questions.releases import errata


class ReleaseForm(forms.Form):
    """What an organiser says of a release before it is filled."""

    version = forms.CharField(
        label=_("Version"), max_length=20, help_text=_("Numbers with dots, such as 1.1.0. Each is used once.")
    )
    title = forms.CharField(label=_("Title"), max_length=200, help_text=_("The name of the dataset on its page."))
    calls = forms.ModelMultipleChoiceField(
        label=_("Calls"),
        queryset=Call.objects.order_by("-opens_at"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The release is made of their approved questions."),
    )
    is_demonstration = forms.BooleanField(
        label=_("Mark as a demonstration"),
        required=False,
        help_text=_("Needed as long as questions were tested by simulated models only. Its page and files say so."),
    )
    notes = forms.CharField(
        label=_("Public notes"), max_length=5_000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )


class FreezeForm(forms.Form):
    """What an organiser accepts when a release is frozen."""

    accepts_duplicates = forms.BooleanField(
        label=_("I have looked at the open pairs of near-duplicates, and both questions of each may go in.")
    )


class ReasonForm(forms.Form):
    """A reason for an act that is logged."""

    reason = forms.CharField(label=_("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 3}))


class LicenceForm(forms.Form):
    """The consent without which no question is shown or downloaded."""

    is_accepted = forms.BooleanField(
        label=_(
            "I have read the licence, and I will not train models on these questions or spread them where they can be collected."
        ),
        error_messages={"required": _("Tick the box to accept the licence.")},
    )


class ErratumForm(forms.Form):
    """A report that a released question is wrong."""

    text = forms.CharField(
        label=_("What is wrong?"),
        min_length=20,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("Name the place, say what is right, and how you know: a source, a derivation, a counterexample."),
    )


class AnswerForm(forms.Form):
    """An organiser's answer to a report; only the next steps that its status allows."""

    status = forms.ChoiceField(label=_("Next step"))
    resolution = forms.CharField(
        label=_("Answer to the person who reported it"),
        max_length=2_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, erratum: Erratum, **kwargs: Any) -> None:
        super().__init__(*args, auto_id=f"id_{erratum.pk.hex[:8]}_%s", **kwargs)
        choices = [(status.value, status.label) for status in errata.NEXT[ErratumStatus(erratum.status)]]
        self.fields["status"].choices = choices  # type: ignore[attr-defined]
