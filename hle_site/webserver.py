"""Configuration of gunicorn, named by `-c python:hle_site.webserver`: its own lines are JSON in the site's log.

Without an access log: requests are logged by the site, with their ids and without what was asked for behind the path.
"""

import logging

from hle_site.settings import LOG_LEVEL, LOGGING

logging.captureWarnings(True)
logconfig_dict = {
    **LOGGING,
    "loggers": {
        "gunicorn.error": {"level": LOG_LEVEL, "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}
