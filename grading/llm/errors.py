"""Outcomes of calls that brought no reply: the SDK's exceptions, statuses, and the words that vendors put in errors."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import httpx2
from openai import APIStatusError

from grading.enums import OutcomeKind
from grading.llm.outcomes import Outcome


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
        return _from_status(link.status_code, link.body, link.response.headers)
    if isinstance(link, EncodedReply):
        return _from_status(link.status, None, link.headers)
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

# Words that vendors put in `error.code` or `error.type`; they say more than the status they come with, if any.
# https://platform.openai.com/docs/guides/error-codes, https://platform.openai.com/docs/api-reference/responses/object
# (error.code), https://docs.anthropic.com/en/api/errors, https://openrouter.ai/docs/api-reference/errors
KIND_OF_CODE: Mapping[str, OutcomeKind] = {
    "insufficient_quota": OutcomeKind.CONFIG_ERROR,
    "billing_hard_limit_reached": OutcomeKind.CONFIG_ERROR,
    "billing_not_active": OutcomeKind.CONFIG_ERROR,
    "data_residency_mismatch": OutcomeKind.CONFIG_ERROR,
    "model_not_found": OutcomeKind.CONFIG_ERROR,
    "invalid_api_key": OutcomeKind.CONFIG_ERROR,
    "bio_policy": OutcomeKind.FILTERED,
    "content_filter": OutcomeKind.FILTERED,
    "content_policy_violation": OutcomeKind.FILTERED,
    "image_content_policy_violation": OutcomeKind.FILTERED,
    "misalignment_policy_violation": OutcomeKind.FILTERED,
    "refusal": OutcomeKind.FILTERED,
    "context_length_exceeded": OutcomeKind.REQUEST_ERROR,
    "empty_image_file": OutcomeKind.REQUEST_ERROR,
    "exceed_context_size_error": OutcomeKind.REQUEST_ERROR,
    "image_file_too_large": OutcomeKind.REQUEST_ERROR,
    "image_parse_error": OutcomeKind.REQUEST_ERROR,
    "image_too_large": OutcomeKind.REQUEST_ERROR,
    "image_too_small": OutcomeKind.REQUEST_ERROR,
    "invalid_base64_image": OutcomeKind.REQUEST_ERROR,
    "invalid_image": OutcomeKind.REQUEST_ERROR,
    "invalid_image_format": OutcomeKind.REQUEST_ERROR,
    "invalid_image_mode": OutcomeKind.REQUEST_ERROR,
    "invalid_prompt": OutcomeKind.REQUEST_ERROR,
    "unsupported_image_media_type": OutcomeKind.REQUEST_ERROR,
    "rate_limit_exceeded": OutcomeKind.THROTTLED,
    "rate_limit_error": OutcomeKind.THROTTLED,
    "overloaded_error": OutcomeKind.TRANSIENT,
    "server_error": OutcomeKind.TRANSIENT,
}
# A router puts into the error's metadata why an input was flagged, and for whom: https://openrouter.ai/docs/api-reference/errors
FLAGGED = frozenset({"flagged_input", "reasons"})


def _from_status(status: int, error: object, headers: httpx2.Headers) -> Outcome:
    kind, word = kind_of_error(status, error)
    return Outcome(kind, detail=f"HTTP {status} {word}".rstrip(), retry_after_s=_retry_after_s(headers))


def kind_of_error(status: int, error: object) -> tuple[OutcomeKind, str]:
    """Kind of an error object that came with a status (0: none known), and the vendor's word for it if it is a known one."""
    fields = error if isinstance(error, dict) else {}
    metadata = fields.get("metadata")
    if isinstance(metadata, dict) and metadata.keys() & FLAGGED:
        return OutcomeKind.FILTERED, "flagged"
    for word in (fields.get("code"), fields.get("type")):
        if isinstance(word, str) and word in KIND_OF_CODE:
            return KIND_OF_CODE[word], word
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
