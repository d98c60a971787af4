"""Forms of accounts: sign-up, profile, affiliations, tokens."""

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hle_site.accounts.conflicts import institution_key
from hle_site.accounts.enums import Field, Role, Scope
from hle_site.accounts.models import User

JOINERS = "\u200c\u200d"  # invisible, and part of many scripts


def readable_name(text: str) -> str:
    """Return a name on one line; refuse one that nobody could read or that would turn the text around it."""
    name = " ".join(text.split())
    if not any(char.isalpha() for char in name) or not all(char.isprintable() or char in JOINERS for char in name):
        raise ValidationError(_("Please write the name with letters and without invisible characters."))
    return name


class SignupForm(forms.Form):
    """What we ask besides address and password."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("As organisers see it. You choose later how you are credited.")
    )

    def clean_name(self) -> str:
        """Accept a name that others can read."""
        return readable_name(self.cleaned_data["name"])

    def signup(self, request: Any, user: Any) -> None:
        """Nothing more to do: the adapter has stored the name."""


class ProfileForm(forms.ModelForm):
    """The own profile."""

    subjects = forms.MultipleChoiceField(
        label=_("Subjects"),
        choices=Field.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Reviewers are offered questions of these categories."),
    )
    institution = forms.CharField(
        label=_("Institution"),
        max_length=200,
        required=False,
        help_text=_("Used to keep reviewers away from colleagues' questions."),
    )

    class Meta:
        model = User
        fields = ["name", "credit_name", "is_credited", "orcid", "subjects", "time_zone"]
        help_texts = {
            "credit_name": _("Leave empty to use your name."),
            "orcid": _("Sixteen digits in four groups, such as 0000-0002-1825-0097."),
        }

    def clean_name(self) -> str:
        """Accept a name that others can read."""
        return readable_name(self.cleaned_data["name"])

    def clean_credit_name(self) -> str:
        """Accept none, or a name that others can read."""
        name = self.cleaned_data["credit_name"]
        return readable_name(name) if name else ""

    def clean_subjects(self) -> list[str]:
        """Keep each subject once."""
        return list(dict.fromkeys(self.cleaned_data["subjects"]))

    def clean_time_zone(self) -> str:
        """Accept known zones only."""
        zone = self.cleaned_data["time_zone"]
        if zone not in available_timezones():
            raise ValidationError(
                _("“%(zone)s” is not a known time zone; try one such as Europe/Berlin."), params={"zone": zone}
            )
        return zone

    def clean_orcid(self) -> str:
        """Accept an identifier whose check digit is right (ISO 7064 mod 11-2)."""
        orcid = self.cleaned_data["orcid"].strip().upper()
        digits = orcid.replace("-", "")
        if not orcid:
            return ""
        if len(orcid) != 19 or len(digits) != 16 or not digits[:15].isdecimal() or not digits[:15].isascii():
            raise ValidationError(_("An ORCID has sixteen digits in four groups, such as 0000-0002-1825-0097."))
        total = 0
        for digit in digits[:15]:
            total = (total + int(digit)) * 2
        check = (12 - total % 11) % 11
        if digits[15] != ("X" if check == 10 else str(check)):
            raise ValidationError(_("The last character of this ORCID does not fit the others; please check it."))
        return orcid


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Where you will use it."))
    scopes = forms.MultipleChoiceField(label=_("Scopes"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple)
    days = forms.TypedChoiceField(
        label=_("Valid for"),
        coerce=int,
        choices=[(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("One year"))],
        initial=30,
    )

    @property
    def expires_at(self) -> Any:
        """The end of the chosen period."""
        return timezone.now() + timedelta(days=self.cleaned_data["days"])


class RoleProposalForm(forms.Form):
    """A role to be given or taken."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
    is_removal = forms.BooleanField(label=_("Take the role away"), required=False)
    reason = forms.CharField(label=_("Reason"), max_length=300)


class ConflictForm(forms.Form):
    """A conflict of interest with an institution."""

    institution = forms.CharField(
        label=_("Institution"),
        max_length=200,
        help_text=_(
            "For a conflict with a person, name where they work; for one with a question, use its review page."
        ),
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=300, required=False, help_text=_("A few words, for the organisers.")
    )

    def clean_institution(self) -> str:
        """Refuse a name in which nothing can be compared."""
        institution: str = self.cleaned_data["institution"].strip()
        if not institution_key(institution):
            raise ValidationError(_("Write the name of the institution."))
        return institution


class PeopleFilterForm(forms.Form):
    """Whom to look for."""

    q = forms.CharField(label=_("Name or e-mail"), max_length=120, required=False)
    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Any role")), *Role.choices], required=False)
