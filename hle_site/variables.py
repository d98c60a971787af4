"""How the settings read the environment: what is missing or unreadable ends the process with a sentence, not a traceback."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE_OR_FALSE = {*environ.Env.BOOLEAN_TRUE_STRINGS, "false", "off", "no", "n", "0"}
DATABASES = ("postgres://", "postgresql://")
BROKERS = ("redis://", "rediss://", "redis+socket://")
SEE = "the deployment section of README.md says what it is"


class Env(environ.Env):
    """The environment; no sentence shows a value, which may be a secret."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        """Return the value of a variable, else its default; an empty one without a default counts as missing."""
        value = self.ENVIRON.get(var, "")
        if default is self.NOTSET and not value:
            sys.exit(f"{var} is not set: {SEE}.")
        if cast is bool and var in self.ENVIRON and value.lower() not in TRUE_OR_FALSE:
            sys.exit(f"{var} is neither true nor false.")
        return _read(super().get_value, var, cast, default, parse_default)

    def db(self, var: str) -> Any:
        """Return the settings of a PostgreSQL database."""
        if not self.get_value(var).startswith(DATABASES):
            sys.exit(f"{var} does not begin with postgres://, and the site runs on PostgreSQL only.")
        return _read(super().db_url, var)

    def email(self, var: str) -> Any:
        """Return the settings of outgoing mail."""
        return _read(super().email_url, var)


def _read(reader: Callable[..., Any], var: str, *args: Any) -> Any:
    try:
        return reader(var, *args)
    except (ValueError, ImproperlyConfigured):
        sys.exit(f"{var} cannot be read: {SEE}.")


def log_level(name: str) -> str:
    """Return the name of a level that the logs know."""
    if name.upper() not in logging.getLevelNamesMapping():
        raise ValueError(name)
    return name.upper()


def broker_address(address: str) -> str:
    """Return an address that Celery and the cache can use."""
    if not address.startswith(BROKERS):
        raise ValueError(address)
    return address
