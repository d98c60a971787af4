"""What is sent to a model that is asked a question: wording, message layout, order of the options.

The prompt asks for the three labelled lines that `matching.extract` reads, as HLE's published harness does, in our
own words.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

PROMPT_VERSION = "1"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OPTIONS_HEADING = "Answer Choices:"

_SYSTEM = """\
You are given one question. Work it out with whatever reasoning you need. Then end your reply with exactly these
three lines:
Explanation: <why your answer holds, in a few sentences>
Answer: <your final answer and nothing else; for a question with lettered choices, the letter alone>
Confidence: <how sure you are that the answer is right, as a whole number from 0% to 100%>"""


class OptionsOrder(NamedTuple):
    """The order in which options were shown: position shown -> position in the author's list."""

    positions: tuple[int, ...]

    def shown(self, options: Sequence[str]) -> list[str]:
        """Options of the author in the order of this draw."""
        return [options[position] for position in self.positions]

    def letter_shown(self, letter: str) -> str:
        """The letter under which the draw showed the option that the author lettered `letter`."""
        return LETTERS[self.positions.index(LETTERS.index(letter))]

    def letter_of_author(self, letter: str) -> str:
        """The author's letter of the option that the draw showed under `letter`."""
        return LETTERS[self.positions[LETTERS.index(letter)]]


def system_prompt() -> str:
    """Instructions that go before every question, the same for all answer types."""
    return _SYSTEM


def user_text(prompt: str, options: Sequence[str]) -> str:
    """Question text, followed by its lettered options if it has any.

    Raises ValueError for more options than letters.
    """
    if not options:
        return prompt
    if len(options) > len(LETTERS):
        raise ValueError(f"{len(options)} options, but only {len(LETTERS)} letters")
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join([prompt, "", OPTIONS_HEADING, *lines])


def messages(
    *, prompt: str, options: Sequence[str] = (), image_data_uri: str | None = None, supports_system: bool = True
) -> list[dict[str, Any]]:
    """Messages of one question in the chat-completions format.

    A model without system prompts gets the instructions as a first user message. `options` come in the order to be
    shown.
    """
    text = user_text(prompt, options)
    content: str | list[dict[str, Any]] = text
    if image_data_uri:
        content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": image_data_uri}}]
    return [
        {"role": "system" if supports_system else "user", "content": system_prompt()},
        {"role": "user", "content": content},
    ]


def options_order(seed: int, n: int) -> OptionsOrder:
    """Order of `n` options for one draw: the same seed always gives the same order."""
    positions = list(range(n))
    if n > 1:
        random.Random(seed).shuffle(positions)  # noqa: S311 - spreads position bias, protects nothing
    return OptionsOrder(tuple(positions))
