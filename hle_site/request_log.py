"""The two log lines of each request: method, path, status, ids. What was asked for behind the path stays out."""

import re

from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

SECRET_PARTS = re.compile(r"(?<=^/accounts/)(password/reset/key|confirm-email)/.+")


class RequestLogMiddleware(RequestMiddleware):
    """Logs no query, which may hold the words of a question, and no key of a mailed link, which opens an account."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Return method and path."""
        path = SECRET_PARTS.sub(r"\1/...", request.path)
        return f"{request.method} {path}"
