"""The four dialects, each as its vendor's page has it: how a request is read, and how a reply and an error are written."""

import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from grading.simulator.drafts import Draft, DraftError
from grading.simulator.questions import BadRequest

Body = dict[str, Any]
OF_CHAT_ONLY = frozenset(
    {"max_tokens", "max_completion_tokens", "messages", "n", "reasoning_effort", "response_format"}
)
FINISH_REASONS = {"complete": "stop", "refusal": "stop", "tool_call": "tool_calls"}
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter", None: None}


class Request(NamedTuple):
    """What a request asks for, the same for all dialects."""

    messages: Any
    token_limit: Any
    schema_format: Any


class Dialect(NamedTuple):
    """One protocol, seen from the provider's side."""

    read: Callable[[Body], Request]
    write: Callable[[Draft], Body]
    write_error: Callable[[int, str, str], Body]
    statuses: Mapping[str, int] = {}


def _read_chat(body: Body) -> Request:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    wanted = body.get("response_format")
    is_schema = isinstance(wanted, dict) and wanted.get("type") == "json_schema"
    return Request(body.get("messages"), limit, wanted.get("json_schema") if is_schema and wanted else None)


def _write_completion(draft: Draft) -> Body:
    """A chat completion: https://platform.openai.com/docs/api-reference/chat/object

    With a gateway before it, an error of the upstream comes as a router's does.
    """
    if draft.error is not None and not draft.error.is_in_choice:
        return {"error": _routed_error(draft.error)}
    completion = {
        "id": f"chatcmpl-{draft.id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": draft.model,
        "choices": [{"index": index, **_choice(draft)} for index in range(draft.copies)],
        "usage": _usage(draft, "prompt_tokens", "completion_tokens") if draft.has_usage else None,
    }
    return {name: value for name, value in completion.items() if value is not None}


def _choice(draft: Draft) -> Body:
    message: Body = {"role": "assistant", "content": draft.text, "refusal": None}
    if draft.end == "refusal":
        message |= {"content": None, "refusal": "This request is declined."}
    if draft.end == "tool_call":
        call = {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{}"}}
        message |= {"content": None, "tool_calls": [call]}
    if draft.error is not None:
        return {"message": message, "finish_reason": "error", "error": _routed_error(draft.error)}
    return {"message": message, "finish_reason": FINISH_REASONS.get(draft.end or "", draft.end)}


def _usage(draft: Draft, into: str, out: str) -> Body:
    """Reasoning counts as output; where it stands apart, the total has it.

    https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/grok/capabilities/reasoning
    """
    total = draft.prompt_tokens + draft.completion_tokens + draft.reasoning_tokens_apart
    return {
        into: draft.prompt_tokens,
        out: draft.completion_tokens,
        "total_tokens": total,
        f"{out}_details": {"reasoning_tokens": draft.reasoning_tokens_apart},
    }


def _write_openai_error(status: int, word: str, message: str) -> Body:
    """https://platform.openai.com/docs/guides/error-codes"""
    return {"error": {"message": message, "type": word, "param": None, "code": word}}


def _read_response_request(body: Body) -> Request:
    """https://platform.openai.com/docs/api-reference/responses/create: other names than in chat, which it refuses."""
    unknown = OF_CHAT_ONLY & body.keys()
    if unknown:
        raise BadRequest(f"unknown parameter {min(unknown)}")
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list):
        raise BadRequest("input must be a string or a list of items")
    messages = [_as_message(item) for item in items]
    if body.get("instructions"):
        messages.insert(0, {"role": "system", "content": body["instructions"]})
    text = body.get("text")
    wanted = text.get("format") if isinstance(text, dict) else None
    is_schema = isinstance(wanted, dict) and wanted.get("type") == "json_schema"
    return Request(messages, body.get("max_output_tokens"), wanted if is_schema else None)


def _as_message(item: Any) -> Any:
    content = item.get("content") if isinstance(item, dict) else None
    if not isinstance(content, list):
        return item
    return {**item, "content": [_as_part(part) for part in content]}


def _as_part(part: Any) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "input_text":
        return {"type": "text", "text": part.get("text")}
    if kind == "input_image":
        return {"type": "image_url", "image_url": {"url": part.get("image_url")}}
    raise BadRequest("a part must be input_text or input_image")


def _write_response(draft: Draft) -> Body:
    """A response: https://platform.openai.com/docs/api-reference/responses/object"""
    status, details = "completed", None
    if draft.end in INCOMPLETE:
        status, details = "incomplete", INCOMPLETE[draft.end] and {"reason": INCOMPLETE[draft.end]}
    elif draft.end not in ("complete", "refusal", "tool_call"):
        status = str(draft.end)
    error = draft.error and {"code": draft.error.word, "message": "simulated fault"}
    response = {
        "id": f"resp_{draft.id}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "failed" if error else status,
        "error": error,
        "incomplete_details": details,
        "model": draft.model,
        "output": None if draft.copies == 0 else [] if error else _output(draft, status),
        "store": False,
        "usage": _usage(draft, "input_tokens", "output_tokens") if draft.has_usage else None,
    }
    return {name: value for name, value in response.items() if value is not None or name in ("error", "usage")}


def _output(draft: Draft, status: str) -> list[Body]:
    reasoning = {"type": "reasoning", "id": f"rs_{draft.id}", "summary": []}
    if draft.end == "tool_call":
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "search", "arguments": "{}"}
        return [reasoning, call]
    part = {"type": "output_text", "text": draft.text, "annotations": []}
    if draft.end == "refusal":
        part = {"type": "refusal", "refusal": "This request is declined."}
    message = {
        "type": "message",
        "id": f"msg_{draft.id}",
        "role": "assistant",
        "status": "completed" if status == "completed" else "incomplete",
        "content": [part],
    }
    return [reasoning] if draft.text is None else [reasoning, *[message] * draft.copies]


def _write_routed(draft: Draft) -> Body:
    """OpenRouter's completion: an upstream's error comes inside a 200, and each choice names the upstream's own end.

    https://openrouter.ai/docs/api-reference/overview, https://openrouter.ai/docs/api-reference/errors
    """
    completion = _write_completion(draft)
    if "choices" in completion:
        completion["provider"] = "Simulated"
    for choice in completion.get("choices", ()):
        choice["native_finish_reason"] = choice["finish_reason"]
    return completion


def _routed_error(error: DraftError) -> Body:
    if not error.is_flagged:
        return {"code": error.status, "message": "simulated fault", "metadata": {"provider_name": "Simulated"}}
    return {"code": error.status, "message": "simulated fault", "metadata": {"reasons": ["simulated"]}}


def _write_routed_error(status: int, word: str, message: str) -> Body:
    """The status again as `code`; a 403 for a flagged input says so in its metadata."""
    return {"error": _routed_error(DraftError(status, word, is_flagged=word == "content_filter"))}


def _read_compatible(body: Body) -> Request:
    """What vLLM, Ollama and llama.cpp all know: no other token limit, no strict schema, turns that alternate.

    https://docs.ollama.com/api/openai-compatibility, https://github.com/vllm-project/vllm/issues/6862
    """
    messages = body.get("messages")
    roles = [message.get("role") for message in messages if isinstance(message, dict)] if messages else []
    if any(role == following for role, following in pairwise(roles)):
        raise BadRequest("conversation roles must alternate user/assistant")
    return Request(messages, body.get("max_tokens"), None)


def _write_compatible(draft: Draft) -> Body:
    """vLLM's completion with its extra fields (https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html), no usage."""
    draft.has_usage = draft.has_usage and bool(draft.reasoning_tokens_apart)
    completion = _write_completion(draft)
    for choice in completion.get("choices", ()):
        choice |= {"stop_reason": None, "logprobs": None}
        choice["message"] = {"tool_calls": [], "reasoning_content": None, **choice["message"]}
    return completion


def _write_compatible_error(status: int, word: str, message: str) -> Body:
    """vLLM's error: a class name as type, the status as code; llama.cpp names a context that is too long."""
    kind = "exceed_context_size_error" if word == "context_length_exceeded" else "SimulatedError"
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


DIALECTS: Mapping[str, Dialect] = {
    "openai_chat": Dialect(_read_chat, _write_completion, _write_openai_error),
    "openai_responses": Dialect(_read_response_request, _write_response, _write_openai_error),
    "openrouter": Dialect(_read_chat, _write_routed, _write_routed_error, {"quota": 402, "prompt_filter": 403}),
    "compatible": Dialect(_read_compatible, _write_compatible, _write_compatible_error),
}
