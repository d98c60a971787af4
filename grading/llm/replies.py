"""What a 200 says: the body of a reply, read field by field, since nothing about it is certain."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from grading.enums import OutcomeKind
from grading.llm.errors import kind_of_error
from grading.llm.outcomes import Outcome

Reply = Mapping[str, Any]


class Reading(NamedTuple):
    """Kind of a reply, its text as far as there is one, and a detail without content."""

    kind: OutcomeKind
    text: str = ""
    detail: str = ""


class UsageNames(NamedTuple):
    """Under which names a dialect counts what went in and what came out."""

    into: str
    out: str


CHAT_USAGE = UsageNames("prompt_tokens", "completion_tokens")
RESPONSE_USAGE = UsageNames("input_tokens", "output_tokens")


def from_body(
    body: bytes, *, content_type: str, read: Callable[[Reply], Reading], usage: UsageNames, asked_model: str
) -> Outcome:
    """Outcome of a 200: what is not a complete reply of the model that was asked is no answer."""
    if "json" not in content_type.lower():
        return Outcome(OutcomeKind.MALFORMED, detail="reply is not JSON")
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError) as error:
        return Outcome(OutcomeKind.MALFORMED, detail=type(error).__name__)
    if not isinstance(reply, dict):
        return Outcome(OutcomeKind.MALFORMED, detail=f"reply is {type(reply).__name__}")
    kind, text, detail = _error_in(reply) or read(reply)
    echo = _text_or_none(reply.get("model"))
    if echo is not None and not reply.get("error") and not is_same_model(asked_model, echo):
        kind, detail = OutcomeKind.MISMATCH, "another model answered"
    if not _is_storable(text):
        kind, text, detail = OutcomeKind.MALFORMED, "", "text with NUL or lone surrogates"
    return Outcome(kind, text, detail, *_tokens(reply.get("usage"), usage), echo)


def read_completion(reply: Reply) -> Reading:
    """Read a chat completion: one choice, said to its end, with text."""
    choices = reply.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        count = len(choices) if isinstance(choices, list) else "no"
        return Reading(OutcomeKind.MALFORMED, detail=f"{count} choices")
    choice = choices[0]
    error = _error_in(choice)
    if error is not None:
        return error
    message = choice.get("message")
    if not isinstance(message, dict):
        return Reading(OutcomeKind.MALFORMED, detail="no message")
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        return Reading(OutcomeKind.MALFORMED, detail=f"content is {type(content).__name__}")
    kind, detail = _end_of_choice(choice.get("finish_reason"), message, content or "")
    return Reading(kind, content or "", detail)


def _end_of_choice(finish: object, message: Reply, content: str) -> tuple[OutcomeKind, str]:
    if message.get("refusal"):
        return OutcomeKind.FILTERED, "refusal"
    if finish == "content_filter":
        return OutcomeKind.FILTERED, "content_filter"
    if finish == "length":
        return OutcomeKind.TRUNCATED, "length"
    if message.get("tool_calls") or message.get("function_call"):
        return OutcomeKind.MALFORMED, "tool call"
    if finish != "stop":
        return OutcomeKind.MALFORMED, f"finish_reason {_word(finish)}"
    return _of_text(content)


def read_response(reply: Reply) -> Reading:
    """Read a response: status completed, one message of text parts, beside it reasoning and nothing else."""
    items = reply.get("output")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return Reading(OutcomeKind.MALFORMED, detail="no output")
    messages = [item for item in items if item.get("type") == "message"]
    parts = [part for message in messages for part in _parts(message)]
    text = "".join(part["text"] for part in parts if _is_text(part))
    kind, detail = _end_of_response(reply, items, messages, parts)
    if kind is None:
        kind, detail = _of_text(text)
    return Reading(kind, text, detail)


def _end_of_response(
    reply: Reply, items: list[Reply], messages: list[Reply], parts: list[Reply]
) -> tuple[OutcomeKind | None, str]:
    """How a response ended when it is no complete message; no kind when it is one."""
    if any(part.get("type") == "refusal" for part in parts):
        return OutcomeKind.FILTERED, "refusal"
    if reply.get("status") == "incomplete":
        return _end_of_incomplete(reply.get("incomplete_details"))
    if reply.get("status") != "completed":
        return OutcomeKind.MALFORMED, f"status {_word(reply.get('status'))}"
    others = [item.get("type") for item in items if item.get("type") not in ("message", "reasoning")]
    if others:
        return OutcomeKind.MALFORMED, f"output {_word(others[0])}"
    if len(messages) > 1:
        return OutcomeKind.MALFORMED, f"{len(messages)} messages"
    if any(message.get("status", "completed") != "completed" for message in messages):
        return OutcomeKind.MALFORMED, "message not completed"
    if not all(map(_is_text, parts)):
        return OutcomeKind.MALFORMED, "a part that is no text"
    return None, ""


def _end_of_incomplete(details: object) -> tuple[OutcomeKind, str]:
    reason = details.get("reason") if isinstance(details, dict) else None
    if reason == "max_output_tokens":
        return OutcomeKind.TRUNCATED, "max_output_tokens"
    if reason == "content_filter":
        return OutcomeKind.FILTERED, "content_filter"
    return OutcomeKind.MALFORMED, f"incomplete {_word(reason)}"


def _parts(message: Reply) -> list[Reply]:
    """Content parts of a message; one that is none stands as an empty part, which is no text."""
    content = message.get("content")
    if not isinstance(content, list):
        return [{}]
    return [part if isinstance(part, dict) else {} for part in content]


def _is_text(part: Reply) -> bool:
    return part.get("type") == "output_text" and isinstance(part.get("text"), str)


def _of_text(text: str) -> tuple[OutcomeKind, str]:
    return (OutcomeKind.ANSWER, "") if text.strip() else (OutcomeKind.EMPTY, "no text")


def _error_in(part: Reply) -> Reading | None:
    """An error inside a 200: routers report what their upstream said this way, with its status as `code`."""
    error = part.get("error")
    if not error:
        return None
    code = str(error.get("code")) if isinstance(error, dict) else ""
    status = int(code) if re.fullmatch("[1-5][0-9]{2}", code) else 0
    kind, word = kind_of_error(status, error)
    said = f"HTTP {status} {word}".rstrip() if status else word or "no code"
    return Reading(kind, detail=f"error in a 200: {said}")


def _tokens(usage: object, names: UsageNames) -> tuple[int | None, int | None]:
    """What went in and what came out. Reasoning is billed as output, but some leave it out of that count and only in the total.

    Source: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/grok/capabilities/reasoning
    """
    if not isinstance(usage, dict):
        return None, None
    into, out, total = (_count(usage.get(name)) for name in (names.into, names.out, "total_tokens"))
    if into is not None and out is not None and total is not None:
        out = max(out, total - into)
    return into, out


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < MOST_TOKENS else None


MOST_TOKENS = 2**31  # what its column holds
SNAPSHOT = re.compile(r"[-@](\d{4}-?\d{2}-?\d{2}|\d{3,4}|\d{2}-\d{2,4})$")


def is_same_model(asked: str, echoed: str) -> bool:
    """Whether the echoed name is the asked one: equal, or it but for a router's prefix or the date of a snapshot."""
    if asked == echoed:
        return True
    (vendor, _, asked), (other_vendor, _, echoed) = (name.lower().rpartition("/") for name in (asked, echoed))
    if vendor and other_vendor and vendor != other_vendor:
        return False
    return asked == echoed or asked.removesuffix("-latest") == SNAPSHOT.sub("", echoed)


def _text_or_none(value: object) -> str | None:
    return value[:200] if isinstance(value, str) and value and _is_storable(value) else None


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: it knows neither NUL nor lone surrogates."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _word(value: object) -> str:
    """The value if it is a plain word, so that no content of a reply gets into a detail."""
    return value if isinstance(value, str) and re.fullmatch(r"[a-z_]{1,30}", value) else type(value).__name__
