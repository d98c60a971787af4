"""What `check --deploy` asks of this site beyond Django's own checks."""

from typing import Any

from django.conf import settings
from django.core import checks

SHORTEST_KEY = 32


@checks.register(checks.Tags.security, deploy=True)
def deployment(**_kwargs: Any) -> list[checks.CheckMessage]:
    """Warn of settings whose defaults suit no public site, and of keys that could be guessed."""
    found = []
    if not settings.SITE_URL.startswith("https://"):
        found.append(checks.Warning("SITE_URL is no https address: links in mails would lead there.", id="site.W001"))
    if settings.DEFAULT_FROM_EMAIL.endswith("@localhost"):
        found.append(checks.Warning("DEFAULT_FROM_EMAIL is not set: mails would be refused.", id="site.W002"))
    short = [name for name in ("RELEASE_KEY", "PSEUDONYM_KEY") if len(getattr(settings, name)) < SHORTEST_KEY]
    return [
        *found,
        *(checks.Warning(f"{name} is shorter than {SHORTEST_KEY} characters.", id="site.W003") for name in short),
    ]
