"""What the list of pairs is narrowed to, and why a pair is no duplicate."""

from django import forms
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from questions.enums import PairKind, PairState
from questions.models import DuplicatePair

LANGUAGES = [("", _("All")), ("same", _("One language")), ("across", _("Across languages"))]


class PairListForm(forms.Form):
    """Filters of the list; open pairs unless the address says otherwise."""

    state = forms.ChoiceField(label=_("State"), choices=[("", _("All")), *PairState.choices], required=False)
    kind = forms.ChoiceField(label=_("Found"), choices=[("", _("All")), *PairKind.choices], required=False)
    languages = forms.ChoiceField(label=_("Languages"), choices=LANGUAGES, required=False)

    def narrow(self, pairs: QuerySet[DuplicatePair]) -> QuerySet[DuplicatePair]:
        """Return the pairs that the form asks for; a value that is none narrows nothing."""
        wanted = {name: value for name, value in getattr(self, "cleaned_data", {}).items() if value}
        across = Q(first_revision__language=F("second_revision__language"))
        if languages := wanted.pop("languages", ""):
            pairs = pairs.filter(across if languages == "same" else ~across)
        return pairs.filter(**wanted)


class DismissForm(forms.Form):
    """Why two questions are not the same."""

    reason = forms.CharField(
        label=_("Why they are not duplicates"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("It is logged and shown to the other organisers, never to contributors."),
    )
