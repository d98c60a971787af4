"""How many files, and so connections, this process may have open."""

from __future__ import annotations

import resource

import structlog

logger = structlog.get_logger(__name__)

SPARE_FILES = 256  # for the database, the broker, logs, pipes to child processes


def allow_calls(calls: int) -> int:
    """Raise the soft limit of open files for so many calls at a time, as far as the hard one lets it; return what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = calls + SPARE_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        logger.warning("few_open_files", allowed=allowed, wanted=wanted)
    return allowed
