"""A reply before it has the shape of a dialect, and what can be wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class DraftError(NamedTuple):
    """An error that a reply with status 200 carries: as a router states it, and in the words of the responses API."""

    status: int
    word: str
    is_flagged: bool = False
    is_in_choice: bool = False


@dataclass(slots=True)
class Draft:
    """One reply of a model. `end` is `complete`, `length`, `content_filter`, `refusal`, `tool_call`, or a vendor's own word."""

    id: str
    model: str | None
    text: Any
    prompt_tokens: int
    completion_tokens: int
    end: str | None = "complete"
    copies: int = 1
    has_usage: bool = True
    reasoning_tokens_apart: int = 0
    error: DraftError | None = None


def _set(**values: Any) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        for name, value in values.items():
            setattr(draft, name, value)

    return change


CHANGES: Mapping[str, Callable[[Draft], None]] = {
    "abort": _set(end="abort"),  # vLLM: the request was cancelled in the engine
    "blank": _set(text=" \n\t "),
    "cancelled": _set(end="cancelled"),
    "content_filter": _set(end="content_filter"),
    "content_list": _set(text=[{"type": "text", "text": "a part"}]),
    "declines": _set(text="I cannot help with this request because it is against my policy."),
    "empty": _set(text=""),
    "error_in_200": _set(error=DraftError(502, "server_error")),
    "error_in_choice": _set(error=DraftError(503, "server_error", is_in_choice=True)),
    "filter_error_in_200": _set(error=DraftError(403, "bio_policy", is_flagged=True)),
    "in_progress": _set(end="in_progress"),
    "length": _set(end="length"),
    "load": _set(end="load"),  # Ollama: the model was loaded and wrote nothing
    "no_choices": _set(copies=0),
    "no_end": _set(end=None),
    "no_model": _set(model=None),
    "no_usage": _set(has_usage=False),
    "nul": _set(text="a\x00b"),
    "null": _set(text=None),
    "queued": _set(end="queued"),
    "rate_error_in_200": _set(error=DraftError(429, "rate_limit_exceeded")),
    "reasoning_apart": _set(reasoning_tokens_apart=1000),
    "refusal": _set(end="refusal"),
    "surrogate": _set(text="a\ud800b"),
    "tool_call": _set(end="tool_call"),
    "two_choices": _set(copies=2),
    "wrong_model": _set(model="simulated-other"),
}
