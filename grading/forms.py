"""Forms of grading. They check shape; what may happen is decided by the actions."""

from django import forms
from django.utils.translation import gettext_lazy as _

from grading.enums import Verdict
from grading.models import ModelSpec

LONGEST = 2_000


class ReasonForm(forms.Form):
    """A reason in words."""

    reason = forms.CharField(
        label=_("Reason"), min_length=10, max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 4})
    )


class ContestForm(ReasonForm):
    """Why a verdict is wrong."""

    reason = forms.CharField(
        label=_("Why is this answer not the key?"),
        help_text=_("An organiser reads this together with the model's answer and decides."),
        min_length=10,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class ResolveForm(ReasonForm):
    """What an organiser decides about a contest."""

    decision = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            ("uphold", _("Uphold: the model's answer is not the key")),
            ("dismiss", _("Dismiss: the model's answer is right")),
        ],
        widget=forms.RadioSelect,
    )
    field_order = ["decision", "reason"]


class SubstituteForm(ReasonForm):
    """Which model is replaced in a parked check, and why."""

    model = forms.ModelChoiceField(label=_("Model without an answer"), queryset=ModelSpec.objects.none())
    field_order = ["model", "reason"]


class KeyForm(ReasonForm):
    """What a contributor says of a key that models agree against."""

    reason = forms.CharField(
        label=_("How did you check the key?"),
        help_text=_("Reviewers read this once they have solved the question themselves."),
        min_length=10,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class JudgeForm(ReasonForm):
    """A person's verdict on a complete answer."""

    verdict = forms.ChoiceField(
        label=_("Verdict"),
        choices=[
            (Verdict.INCORRECT, _("Incorrect: the answer is not the key")),
            (Verdict.CORRECT, _("Correct: the answer means the same as the key")),
        ],
        widget=forms.RadioSelect,
    )
    field_order = ["verdict", "reason"]
