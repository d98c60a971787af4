"""What came of one provider call, as a kind with a name: pure mappings from the SDK's exceptions and replies.

The kinds `refused` and `unparsed` need the text to be understood and are therefore set elsewhere, never here.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

import aiohttp
import httpx2
from openai import APIStatusError
from openai.types.chat import ChatCompletion

from grading.enums import OutcomeKind


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one call. Only the kind `answer` may be judged; other kinds keep their text for the record alone.

    `detail` is short and never holds content. `sent` is False only when the request provably never left.
    """

    kind: OutcomeKind
    text: str = field(default="", repr=False)
    detail: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model_echo: str | None = None
    latency_ms: int = 0
    retry_after_s: float | None = None
    sent: bool = True


class RetryRule(NamedTuple):
    """How often a call of one kind is asked again, and when: the order of `retry_delay_s`."""

    re_asks: int
    how: Literal["never", "now", "larger_limit", "backoff", "retry_after"] = "never"
    give_up_after_s: float | None = None
    opens_circuit: bool = False
    alarm: bool = False


RETRY_RULES: Mapping[OutcomeKind, RetryRule] = {
    OutcomeKind.ANSWER: RetryRule(0),
    OutcomeKind.EMPTY: RetryRule(1, "now"),
    OutcomeKind.TRUNCATED: RetryRule(1, "larger_limit"),
    OutcomeKind.FILTERED: RetryRule(0),
    OutcomeKind.REFUSED: RetryRule(0),
    OutcomeKind.MALFORMED: RetryRule(2, "now"),
    OutcomeKind.REQUEST_ERROR: RetryRule(0),
    OutcomeKind.CONFIG_ERROR: RetryRule(0, opens_circuit=True, alarm=True),
    OutcomeKind.THROTTLED: RetryRule(6, "retry_after", give_up_after_s=1800),
    OutcomeKind.TRANSIENT: RetryRule(4, "backoff"),
    OutcomeKind.AMBIGUOUS: RetryRule(1, "backoff"),
    OutcomeKind.MISMATCH: RetryRule(0, alarm=True),
    OutcomeKind.UNPARSED: RetryRule(2, "now"),
}

BACKOFF_BASE_S = 1.0
BACKOFF_CAP_S = 60.0


def retry_delay_s(
    kind: OutcomeKind, *, re_asks_done: int, retry_after_s: float | None, draw: Callable[[], float]
) -> float | None:
    """Seconds until the next ask of a call that ended as `kind`, or None when it is not asked again.

    Back-off is full jitter: `draw()` in [0, 1) times min(60 s, 1 s x 2^n). A provider's Retry-After comes on top.
    """
    rule = RETRY_RULES[kind]
    if re_asks_done >= rule.re_asks:
        return None
    if rule.how in ("now", "larger_limit"):
        return 0.0
    jitter_s = draw() * min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0**re_asks_done)
    return jitter_s + (retry_after_s or 0.0)


class MismatchedReply(Exception):
    """The reply carries the id of another request."""


class OversizedReply(Exception):
    """The reply is larger than any answer can be."""


class EncodedReply(Exception):
    """The reply is compressed although no compression was offered, so its size cannot be bounded."""

    def __init__(self, status: int, headers: httpx2.Headers) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


NEVER_SENT = (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError)
BAD_ADDRESS = (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, httpx2.UnsupportedProtocol, httpx2.InvalidURL)
BROKEN_REPLY = (
    OversizedReply,
    aiohttp.ClientPayloadError,
    aiohttp.ClientResponseError,
    httpx2.DecodingError,
    json.JSONDecodeError,
    UnicodeDecodeError,
    RecursionError,
)
LOST = (aiohttp.ClientConnectionError, TimeoutError)


def from_exception(error: BaseException) -> Outcome:
    """Outcome of a call that raised. What nothing explains counts as sent and perhaps billed: `ambiguous`."""
    for link in _causes(error):
        outcome = _from_link(link)
        if outcome is not None:
            return outcome
    return Outcome(OutcomeKind.AMBIGUOUS, detail=type(error).__name__)


def _from_link(link: BaseException) -> Outcome | None:
    name = type(link).__name__
    if isinstance(link, APIStatusError):
        return _from_status(link.status_code, {str(link.code), str(link.type)}, link.response.headers)
    if isinstance(link, EncodedReply):
        return _from_status(link.status, set(), link.headers)
    if isinstance(link, MismatchedReply):
        return Outcome(OutcomeKind.MISMATCH, detail="id of another request")
    if isinstance(link, NEVER_SENT):
        return Outcome(OutcomeKind.TRANSIENT, detail=name, sent=False)
    if isinstance(link, BAD_ADDRESS):
        return Outcome(OutcomeKind.CONFIG_ERROR, detail=name, sent=False)
    if isinstance(link, UnicodeEncodeError):
        return Outcome(OutcomeKind.REQUEST_ERROR, detail="text cannot be encoded", sent=False)
    if isinstance(link, BROKEN_REPLY):
        return Outcome(OutcomeKind.MALFORMED, detail=name)
    if isinstance(link, LOST):
        return Outcome(OutcomeKind.AMBIGUOUS, detail=name)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it: the SDK's class says "timed out" of a refused and of a reset connection alike."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


KIND_OF_STATUS: Mapping[int, OutcomeKind] = {
    **dict.fromkeys((401, 402, 403, 404, 405, 410), OutcomeKind.CONFIG_ERROR),
    **dict.fromkeys((408, 409, 425, 429), OutcomeKind.THROTTLED),
}

# Words that providers put in `error.code` or `error.type`; they say more than the status they come with.
KIND_OF_CODE: Mapping[str, OutcomeKind] = {
    "insufficient_quota": OutcomeKind.CONFIG_ERROR,
    "billing_hard_limit_reached": OutcomeKind.CONFIG_ERROR,
    "billing_not_active": OutcomeKind.CONFIG_ERROR,
    "model_not_found": OutcomeKind.CONFIG_ERROR,
    "invalid_api_key": OutcomeKind.CONFIG_ERROR,
    "content_filter": OutcomeKind.FILTERED,
    "content_policy_violation": OutcomeKind.FILTERED,
    "context_length_exceeded": OutcomeKind.REQUEST_ERROR,
    "rate_limit_exceeded": OutcomeKind.THROTTLED,
    "rate_limit_error": OutcomeKind.THROTTLED,
    "overloaded_error": OutcomeKind.TRANSIENT,
    "server_error": OutcomeKind.TRANSIENT,
}


def _from_status(status: int, codes: set[str], headers: httpx2.Headers) -> Outcome:
    kind, word = _kind_of_error(status, codes)
    return Outcome(kind, detail=f"HTTP {status} {word}".rstrip(), retry_after_s=_retry_after_s(headers))


def _kind_of_error(status: int, codes: set[str]) -> tuple[OutcomeKind, str]:
    for code in sorted(codes & KIND_OF_CODE.keys()):
        return KIND_OF_CODE[code], code
    if status in KIND_OF_STATUS:
        return KIND_OF_STATUS[status], ""
    if 300 <= status < 400:
        return OutcomeKind.CONFIG_ERROR, "redirect"
    if 400 <= status < 500:
        return OutcomeKind.REQUEST_ERROR, ""
    if 500 <= status < 600:
        return OutcomeKind.TRANSIENT, ""
    return OutcomeKind.MALFORMED, ""


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    value = headers.get("retry-after")
    return None if value is None else parse_retry_after(value, now=datetime.now(UTC))


def parse_retry_after(value: str, *, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date), never negative; None for rubbish."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, now)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(http_date: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(http_date)
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()


class _Usage(NamedTuple):
    prompt_tokens: int | None
    completion_tokens: int | None


def from_reply(reply: object, *, asked_model: str) -> Outcome:
    """Outcome of what the SDK returned for a 200: it checks hardly anything, so every field is looked at here."""
    if not isinstance(reply, ChatCompletion):
        return Outcome(OutcomeKind.MALFORMED, detail=f"reply is {type(reply).__name__}")
    usage, echo = _usage(reply), _text_or_none(reply.model)
    kind, text, detail = _read(reply, echo, asked_model)
    if not _is_storable(text):
        kind, text, detail = OutcomeKind.MALFORMED, "", "text with NUL or lone surrogates"
    return Outcome(kind, text, detail, usage.prompt_tokens, usage.completion_tokens, echo)


def _read(reply: ChatCompletion, echo: str | None, asked_model: str) -> tuple[OutcomeKind, str, str]:
    error = _error_in(reply)
    if error is not None:
        return error
    choices: object = reply.choices
    if not isinstance(choices, list) or len(choices) != 1:
        count = len(choices) if isinstance(choices, list) else "no"
        return OutcomeKind.MALFORMED, "", f"{count} choices"
    error = _error_in(choices[0])
    if error is not None:
        return error
    message = getattr(choices[0], "message", None)
    content: object = getattr(message, "content", None)
    if content is not None and not isinstance(content, str):
        return OutcomeKind.MALFORMED, "", f"content is {type(content).__name__}"
    kind, detail = _kind_of_choice(choices[0], message, content or "")
    if echo is not None and not is_same_model(asked_model, echo):
        kind, detail = OutcomeKind.MISMATCH, "another model answered"
    return kind, content or "", detail


def _kind_of_choice(choice: object, message: object, content: str) -> tuple[OutcomeKind, str]:
    finish: object = getattr(choice, "finish_reason", None)
    if getattr(message, "refusal", None):
        return OutcomeKind.FILTERED, "refusal"
    if finish == "content_filter":
        return OutcomeKind.FILTERED, "content_filter"
    if finish == "length":
        return OutcomeKind.TRUNCATED, "length"
    if getattr(message, "tool_calls", None) or getattr(message, "function_call", None):
        return OutcomeKind.MALFORMED, "tool call"
    if finish != "stop":
        return OutcomeKind.MALFORMED, f"finish_reason {_word(finish)}"
    if not content.strip():
        return OutcomeKind.EMPTY, "no text"
    return OutcomeKind.ANSWER, ""


def _error_in(part: object) -> tuple[OutcomeKind, str, str] | None:
    """An error inside a 200: routers report what their upstream said this way, with its status as `code`."""
    error: object = getattr(part, "error", None)
    if not error:
        return None
    fields = error if isinstance(error, dict) else {}
    code = str(fields.get("code"))
    status = int(code) if re.fullmatch(r"[1-5][0-9]{2}", code) else 0
    kind, word = _kind_of_error(status, {code, str(fields.get("type"))})
    return kind, "", f"error in a 200: {word or status or 'no code'}"


def _usage(reply: ChatCompletion) -> _Usage:
    counts = (getattr(reply.usage, name, None) for name in _Usage._fields)
    return _Usage(*(count if type(count) is int and count >= 0 else None for count in counts))


SNAPSHOT = re.compile(r"[-@](\d{4}-?\d{2}-?\d{2}|\d{3,4}|\d{2}-\d{2,4})$")


def is_same_model(asked: str, echoed: str) -> bool:
    """Whether the echoed name is the asked one: equal, or it but for a router's prefix or the date of a snapshot."""
    asked, echoed = (name.lower().rsplit("/", 1)[-1] for name in (asked, echoed))
    return asked == echoed or asked.removesuffix("-latest") == SNAPSHOT.sub("", echoed)


def _text_or_none(value: object) -> str | None:
    return value[:200] if isinstance(value, str) and value and _is_storable(value) else None


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: it knows neither NUL nor lone surrogates."""
    return "\x00" not in text and not re.search("[\ud800-\udfff]", text)


def _word(value: object) -> str:
    """The value if it is a plain word, so that no content of a reply gets into a detail."""
    return value if isinstance(value, str) and re.fullmatch(r"[a-z_]{1,30}", value) else type(value).__name__
