"""What is known before a call leaves: where a provider is, and one question to one of its models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """Where and how to reach one provider."""

    slug: str
    base_url: str
    api_key: str = field(repr=False)
    dialect: str = "openai_chat"
    max_connections: int = 600
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class CallSpec:
    """One question to one model, as chat messages whatever the dialect; what the model lacks is left at its default.

    `request_id` is made before the first byte and names this very try.
    """

    model: str
    messages: Sequence[Mapping[str, Any]] = field(repr=False)
    max_tokens: int
    request_id: str
    timeout_s: float = 600.0
    token_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_completion_tokens"  # noqa: S105 - no secret
    temperature: float | None = None
    response_format: Mapping[str, Any] | None = field(default=None, repr=False)
    reasoning_effort: str = ""
