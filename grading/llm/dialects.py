"""The four protocols as a table: how a call is written, how its reply is read, and what the protocol lacks.

`openai_chat`: https://platform.openai.com/docs/api-reference/chat/create
`openai_responses`: https://platform.openai.com/docs/api-reference/responses/create
`openrouter`: https://openrouter.ai/docs/api-reference/overview
`compatible`, what these have in common: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html,
https://docs.ollama.com/api/openai-compatibility, https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from grading.llm import replies
from grading.llm.specs import CallSpec

Body = dict[str, Any]
Message = Mapping[str, Any]


class Dialect(NamedTuple):
    """One protocol. A field that a model may also lack is sent only when both have it."""

    path: str
    write: Callable[["Dialect", CallSpec], Body]
    read: Callable[[replies.Reply], replies.Reading]
    usage: replies.UsageNames = replies.CHAT_USAGE
    token_parameter: str = ""  # the model's own where the protocol knows both
    takes_schema: bool = True
    nests_effort: bool = False
    takes_turns_of_one_role: bool = True
    always: Mapping[str, Any] = MappingProxyType({})


def _chat(dialect: Dialect, spec: CallSpec) -> Body:
    messages = spec.messages if dialect.takes_turns_of_one_role else _alternating(spec.messages)
    body: Body = {"model": spec.model, "messages": messages, **_options(dialect, spec)}
    if spec.response_format is not None and dialect.takes_schema:
        body["response_format"] = spec.response_format
    return body


def _responses(dialect: Dialect, spec: CallSpec) -> Body:
    first, *rest = spec.messages
    body: Body = {"model": spec.model, **_options(dialect, spec)}
    if first["role"] == "system":
        body["instructions"] = first["content"]
    else:
        rest = [first, *rest]
    body["input"] = [{"role": message["role"], "content": _input(message["content"])} for message in rest]
    if spec.response_format is not None:
        body["text"] = {"format": {"type": "json_schema", **spec.response_format["json_schema"]}}
    return body


def _options(dialect: Dialect, spec: CallSpec) -> Body:
    options: Body = {dialect.token_parameter or spec.token_parameter: spec.max_tokens, **dialect.always}
    if spec.temperature is not None:
        options["temperature"] = spec.temperature
    if spec.reasoning_effort and dialect.nests_effort:
        options["reasoning"] = {"effort": spec.reasoning_effort}
    elif spec.reasoning_effort:
        options["reasoning_effort"] = spec.reasoning_effort
    return options


def _input(content: str | Sequence[Message]) -> str | list[Body]:
    if isinstance(content, str):
        return content
    return [_input_part(part) for part in content]


def _input_part(part: Message) -> Body:
    if part["type"] == "image_url":
        return {"type": "input_image", "image_url": part["image_url"]["url"], "detail": "auto"}
    return {"type": "input_text", "text": part["text"]}


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """Messages of one role in a row made one: chat templates refuse them (https://github.com/vllm-project/vllm/issues/6862)."""
    turns: list[Message] = []
    for message in messages:
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1] = {"role": message["role"], "content": _joined(turns[-1]["content"], message["content"])}
        else:
            turns.append(message)
    return turns


def _joined(first: str | Sequence[Message], second: str | Sequence[Message]) -> str | list[Message]:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_parts(first), *_parts(second)]


def _parts(content: str | Sequence[Message]) -> Sequence[Message]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


DIALECTS: Mapping[str, Dialect] = {
    "openai_chat": Dialect(path="/chat/completions", write=_chat, read=replies.read_completion),
    "openai_responses": Dialect(
        path="/responses",
        write=_responses,
        read=replies.read_response,
        usage=replies.RESPONSE_USAGE,
        token_parameter="max_output_tokens",  # noqa: S106 - no secret
        nests_effort=True,
        always={"store": False},
    ),
    "openrouter": Dialect(
        path="/chat/completions",
        write=_chat,
        read=replies.read_completion,
        nests_effort=True,
        # Whoever trains on prompts is no candidate, and a question that does not fit is refused instead of shortened.
        # https://openrouter.ai/docs/features/provider-routing, https://openrouter.ai/docs/features/message-transforms
        always={
            "provider": {"data_collection": "deny"},
            "plugins": [{"id": "context-compression", "enabled": False}],
        },
    ),
    "compatible": Dialect(
        path="/chat/completions",
        write=_chat,
        read=replies.read_completion,
        token_parameter="max_tokens",  # noqa: S106 - no secret
        takes_schema=False,
        takes_turns_of_one_role=False,
    ),
}
