"""What to look for in the log."""

from django import forms
from django.utils.translation import gettext_lazy as _


class EventFilterForm(forms.Form):
    """Filters of the audit log."""

    action = forms.CharField(
        label=_("Act begins with"), max_length=60, required=False, help_text=_("Such as question., review. or role.")
    )
    object = forms.CharField(label=_("Object id"), max_length=64, required=False)
    actor = forms.UUIDField(label=_("Person id"), required=False)
