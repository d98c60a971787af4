"""What a request asks: its text, options and pictures, and the name under which its question is known."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, NamedTuple

OPTIONS_HEAD = re.compile(r"^\s*answer choices\s*:\s*$", re.IGNORECASE | re.MULTILINE)
OPTION = re.compile(r"^\s*\(?([A-Z])[.):]\s+(.+?)\s*$", re.MULTILINE)
BASE64_CHARS_PER_BYTE = 4 / 3


class BadRequest(ValueError):
    """The request is not one that the protocol knows; the message says why."""


class Option(NamedTuple):
    letter: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """`text` is all the user said, `stem` the same without its options."""

    text: str
    stem: str
    options: tuple[Option, ...]
    prompt_chars: int
    image_bytes: int

    @property
    def sha256(self) -> str:
        return text_sha256(self.stem)


def normalise(text: str) -> str:
    """Text in which two ways of writing the same question are equal: NFC, single spaces, no case."""
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def text_sha256(text: str) -> str:
    return hashlib.sha256(normalise(text).encode("utf-8", "surrogatepass")).hexdigest()


def read(messages: Any) -> Question:
    """Read the messages of a chat completion; raises BadRequest when they are none."""
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list with at least one message")
    prompt_chars = image_bytes = 0
    said: list[str] = []
    for message in messages:
        role, texts, picture_bytes = _read_message(message)
        prompt_chars += sum(map(len, texts))
        image_bytes += picture_bytes
        if role == "user":
            said = texts
    return _question("\n".join(said), prompt_chars, image_bytes)


def _question(text: str, prompt_chars: int, image_bytes: int) -> Question:
    head = None
    for head in OPTIONS_HEAD.finditer(text):  # noqa: B007 - the last one opens the options
        pass
    if head is None:
        return Question(text, text, (), prompt_chars, image_bytes)
    options = tuple(Option(*match) for match in OPTION.findall(text[head.end() :]))
    return Question(text, text[: head.start()], options, prompt_chars, image_bytes)


def _read_message(message: Any) -> tuple[str, list[str], int]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise BadRequest("each message needs a role")
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list):
        raise BadRequest("content must be a string or a list of parts")
    texts, image_bytes = [], 0
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "image_url":
            image_bytes += _picture_bytes(part.get("image_url"))
        else:
            raise BadRequest("a part must be text or image_url")
    return message["role"], texts, image_bytes


def _picture_bytes(image_url: Any) -> int:
    url = image_url.get("url") if isinstance(image_url, dict) else None
    if not isinstance(url, str) or not url.startswith("data:image/"):
        raise BadRequest("image_url.url must be a data URI of a picture")
    return round(len(url.partition(",")[2]) / BASE64_CHARS_PER_BYTE)
