"""Everything that goes wrong at real providers, by name. A fault changes the reply, its status, or the connection."""

import gzip
from collections.abc import Callable, Mapping
from functools import cache

from grading.simulator.drafts import CHANGES

# Done to the connection, or on the way to it, by the server itself.
CONNECTION_FAULTS = frozenset({"reset", "hang", "cut", "drip", "drip_headers", "endless", "gzipped"})

JSON_TYPE = "application/json"


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * 50_000_000)


BODIES: Mapping[str, Callable[[], tuple[bytes, dict[str, str]]]] = {
    "wrong_schema": lambda: (b'{"answer": "42", "confidence": 1}', {"Content-Type": JSON_TYPE}),
    "invalid_json": lambda: (b"{'choices': 'stop'}", {"Content-Type": JSON_TYPE}),
    "malformed_json": lambda: (b'{"id": "x", "choices": [', {"Content-Type": JSON_TYPE}),
    "html": lambda: (b"<html><body>Welcome</body></html>", {"Content-Type": "text/html"}),
    "bad_charset": lambda: (b'{"id": "\xff\xfe"}', {"Content-Type": JSON_TYPE}),
    "deep_json": lambda: (b"[" * 100_000, {"Content-Type": JSON_TYPE}),
    "empty_object": lambda: (b"{}", {"Content-Type": JSON_TYPE}),
    "empty_body": lambda: (b"", {"Content-Type": JSON_TYPE}),
    "huge": lambda: (b" " * 50_000_000, {"Content-Type": JSON_TYPE}),
    "gzip": lambda: (_bomb(), {"Content-Type": JSON_TYPE, "Content-Encoding": "gzip"}),
    "wrong_request": lambda: (b"{}", {"Content-Type": JSON_TYPE, "X-Client-Request-Id": "of-another"}),
}

CODES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "invalid_api_key",
    404: "model_not_found",
    429: "rate_limit_exceeded",
    500: "server_error",
    529: "overloaded_error",
}

# Statuses that need a certain code to be what they are.
STATUS_FAULTS: Mapping[str, tuple[int, str]] = {
    "throttle": (429, "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota"),
    "too_long": (400, "context_length_exceeded"),
    "prompt_filter": (400, "content_filter"),
}

FAULTS = frozenset({*CONNECTION_FAULTS, *CHANGES, *BODIES, *STATUS_FAULTS})


def status_of(fault: str) -> tuple[int, str] | None:
    """Status and code of a fault that answers with an error, else None."""
    if fault.isdigit():
        return int(fault), CODES.get(int(fault), "error")
    return STATUS_FAULTS.get(fault)
