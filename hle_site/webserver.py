"""Configuration of gunicorn, named by `-c python:hle_site.webserver`: its own lines are JSON in the site's log."""

from hle_site.settings import LOG_LEVEL, LOGGING

_OURS = {"level": LOG_LEVEL, "handlers": [], "propagate": True}

logconfig_dict = {**LOGGING, "loggers": {"gunicorn.error": _OURS, "gunicorn.access": _OURS}}
