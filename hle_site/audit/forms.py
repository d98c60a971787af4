"""What to look for in the log."""

from django import forms
from django.utils.translation import gettext_lazy as _

from hle_site.audit import words


class EventFilterForm(forms.Form):
    """Filters of the audit log."""

    # any beginning of a code is taken, as in an address; the list offers those that have words
    action = forms.CharField(label=_("Act"), max_length=60, required=False, widget=forms.Select(choices=words.choices))
    object = forms.CharField(label=_("Object id"), max_length=64, required=False)
    actor = forms.UUIDField(label=_("Person id"), required=False)
