"""Everything that goes wrong at real providers, by name. A fault changes the reply, its status, or the connection."""

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

Completion = dict[str, Any]

# Done to the connection by the server itself.
CONNECTION_FAULTS = frozenset({"reset", "hang", "cut", "drip"})


def _choice(completion: Completion) -> dict[str, Any]:
    first: dict[str, Any] = completion["choices"][0]
    return first


def _empty(completion: Completion) -> None:
    _choice(completion)["message"]["content"] = ""


def _null(completion: Completion) -> None:
    _choice(completion)["message"]["content"] = None


def _blank(completion: Completion) -> None:
    _choice(completion)["message"]["content"] = " \n\t "


def _length(completion: Completion) -> None:
    _choice(completion)["finish_reason"] = "length"


def _content_filter(completion: Completion) -> None:
    _choice(completion)["finish_reason"] = "content_filter"


def _refusal(completion: Completion) -> None:
    _choice(completion)["message"].update(content=None, refusal="This request is declined.")


def _declines(completion: Completion) -> None:
    _choice(completion)["message"]["content"] = "I cannot help with this request because it is against my policy."


def _wrong_model(completion: Completion) -> None:
    completion["model"] = "simulated-other"


def _no_usage(completion: Completion) -> None:
    completion.pop("usage")


def _tool_call(completion: Completion) -> None:
    function = {"name": "search", "arguments": "{}"}
    _choice(completion)["message"].update(
        content=None, tool_calls=[{"id": "1", "type": "function", "function": function}]
    )
    _choice(completion)["finish_reason"] = "tool_calls"


def _two_choices(completion: Completion) -> None:
    completion["choices"].append({**_choice(completion), "index": 1})


def _no_choices(completion: Completion) -> None:
    completion.pop("choices")


def _content_list(completion: Completion) -> None:
    _choice(completion)["message"]["content"] = [{"type": "text", "text": "a part"}]


def _nul(completion: Completion) -> None:
    _choice(completion)["message"]["content"] = "a\x00b"


def _surrogate(completion: Completion) -> None:
    _choice(completion)["message"]["content"] = "a\ud800b"


def _error_in_200(completion: Completion) -> None:
    # How a router hands on what its upstream said: https://openrouter.ai/docs/api-reference/errors
    completion.clear()
    completion["error"] = {"code": 502, "message": "upstream failed"}


def _rate_error_in_200(completion: Completion) -> None:
    completion.clear()
    completion["error"] = {"code": 429, "message": "upstream is busy"}


def _error_in_choice(completion: Completion) -> None:
    _choice(completion).update(finish_reason="error", error={"code": 503, "message": "upstream failed"})


CHANGES: Mapping[str, Callable[[Completion], None]] = {
    "blank": _blank,
    "content_filter": _content_filter,
    "content_list": _content_list,
    "declines": _declines,
    "empty": _empty,
    "error_in_200": _error_in_200,
    "error_in_choice": _error_in_choice,
    "length": _length,
    "no_choices": _no_choices,
    "no_usage": _no_usage,
    "nul": _nul,
    "null": _null,
    "rate_error_in_200": _rate_error_in_200,
    "refusal": _refusal,
    "surrogate": _surrogate,
    "tool_call": _tool_call,
    "two_choices": _two_choices,
    "wrong_model": _wrong_model,
}

JSON_TYPE = "application/json"
BODIES: Mapping[str, Callable[[], tuple[bytes, dict[str, str]]]] = {
    "malformed_json": lambda: (b'{"id": "x", "choices": [', {"Content-Type": JSON_TYPE}),
    "html": lambda: (b"<html><body>Welcome</body></html>", {"Content-Type": "text/html"}),
    "bad_charset": lambda: (b'{"id": "\xff\xfe"}', {"Content-Type": JSON_TYPE}),
    "deep_json": lambda: (b"[" * 100_000, {"Content-Type": JSON_TYPE}),
    "empty_object": lambda: (b"{}", {"Content-Type": JSON_TYPE}),
    "empty_body": lambda: (b"", {"Content-Type": JSON_TYPE}),
    "huge": lambda: (b" " * 50_000_000, {"Content-Type": JSON_TYPE}),
    "gzip": lambda: (gzip.compress(b" " * 50_000_000), {"Content-Type": JSON_TYPE, "Content-Encoding": "gzip"}),
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


def error_body(code: str, message: str) -> bytes:
    error = {"message": message, "type": code, "param": None, "code": code}
    return json.dumps({"error": error}).encode()
