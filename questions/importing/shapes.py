"""What reading a file of questions gives: parsed rows, refused rows, and the limits of both."""

from dataclasses import dataclass

from questions.releases.contents import LETTERS, Picture

REQUIRED = ("question", "answer", "answer_type")
_JSON_TYPES = {
    dict: "an object",
    list: "a list",
    bool: "true or false",
    int: "a number",
    float: "a number",
    bytes: "bytes",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a row may hold at most: characters of text, bytes of pictures and lines. Options have a least number too."""

    prompt: int = 30_000
    answer: int = 2_000
    choice: int = 2_000
    rationale: int = 30_000
    image_alt: int = 2_000
    source: int = 2_000
    name: int = 200
    min_choices: int = 5
    max_choices: int = len(LETTERS)
    picture_bytes: int = 5 * 1024 * 1024
    line_bytes: int = 16 * 1024 * 1024
    row_group_bytes: int = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """A question as the file has it, fit for a draft. `line` counts from 1; `id` is the file's own, perhaps empty.

    `prompt` is without the options, `answer` of a multiple-choice question is their letter. Empty text stands for what
    the file does not say; without a category it is Other.
    """

    line: int
    id: str
    prompt: str
    choices: tuple[str, ...]
    answer: str
    answer_type: str
    category: str
    raw_subject: str
    rationale: str
    author_name: str
    language: str
    source: str
    image: Picture | None
    image_alt: str
    rationale_image: Picture | None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row left out, with the first field found wrong and the reason in a sentence. Line 0 is the file itself."""

    line: int
    field: str
    reason: str


class Refusal(Exception):
    """A field of a row, or the file, and why it is refused."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.field, self.reason = name, reason


KNOWN = frozenset(name for name in ParsedRow.__dataclass_fields__ if name not in {"line", "prompt"}) | {
    "question",
    "image_preview",
}


def kind_of(value: object) -> str:
    """Return what a value is, in words."""
    return _JSON_TYPES.get(type(value), f"of type {type(value).__name__}")


def shown(text: str) -> str:
    """Return the start of a text from the file, fit for a sentence."""
    return "".join(char if char.isprintable() else "?" for char in text[:40]) or "empty"
