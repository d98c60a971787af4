"""What the demo is made of: people, questions with reviews, pictures, and the script of the simulated provider.

`context` is what its banner shows on every page.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from hle_site.demo.accounts import DEMO_PEOPLE, DemoPerson


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the banner of the demo needs: the people to choose from, and what is not real here."""
    mine = getattr(request.user, "email", "")
    accounts = [(person.key, f"{person.name} ({work_of(person)})", person.email == mine) for person in DEMO_PEOPLE]
    mailbox = reverse("demo:mailbox")
    return {
        "accounts": [("", _("Nobody: a visitor"), not mine), *accounts],
        "switch_url": reverse("demo:switch"),
        "note": _note(),
        "links": [(_("Mailbox"), mailbox)],
        "mailbox_url": mailbox,
    }


def _note() -> str:
    if settings.REQUIRE_STAFF_FACTOR:
        return _("Simulated models, invented people.")
    return _("Simulated models, invented people, no second factor.")


def work_of(person: DemoPerson) -> str:
    """Return what a person of the demo does, in words."""
    from hle_site.accounts.enums import Role  # the launcher reads this package before there are settings

    if person.roles:
        return ", ".join(str(Role(role).label) for role in person.roles).lower()
    return _("researcher") if person.accepts_licence else _("contributor")
