"""How allauth works with our accounts."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Stores the name at sign-up."""

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Fill the account from the sign-up form."""
        user.name = form.cleaned_data.get("name", "").strip()
        return super().save_user(request, user, form, commit)


def is_verified(user: Any) -> bool:
    """Return whether the account has a verified e-mail address."""
    return EmailAddress.objects.filter(user=user, verified=True).exists()
