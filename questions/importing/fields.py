"""The fields of one record, each checked against the limits: texts, options, category, pictures."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from questions.importing.choices import split_choices
from questions.importing.shapes import Limits, Refusal, kind_of, shown
from questions.releases.contents import LETTERS, Picture, media_type_of

CATEGORIES = (
    "Math",
    "Biology/Medicine",
    "Computer Science/AI",
    "Physics",
    "Humanities/Social Science",
    "Chemistry",
    "Engineering",
    "Other",
)
ALIASES = {
    "mathematics": "Math",
    "maths": "Math",
    "statistics": "Math",
    "biology": "Biology/Medicine",
    "medicine": "Biology/Medicine",
    "biologyandmedicine": "Biology/Medicine",
    "biomed": "Biology/Medicine",
    "computerscience": "Computer Science/AI",
    "computerscienceandai": "Computer Science/AI",
    "cs": "Computer Science/AI",
    "csai": "Computer Science/AI",
    "ai": "Computer Science/AI",
    "artificialintelligence": "Computer Science/AI",
    "humanities": "Humanities/Social Science",
    "socialscience": "Humanities/Social Science",
    "socialsciences": "Humanities/Social Science",
    "humanitiessocialsciences": "Humanities/Social Science",
    "humanitiesandsocialscience": "Humanities/Social Science",
    "humanitiesandsocialsciences": "Humanities/Social Science",
    "engineeringandtechnology": "Engineering",
}
_DATA_URI = re.compile(r"data:[\w.+/-]*;base64,", re.ASCII)


def question_in(record: Mapping[str, object], answer_type: str, limits: Limits) -> tuple[str, tuple[str, ...]]:
    """Return the question without its options, and the options, from the list or from under Answer Choices."""
    # Options are measured one by one below, so the whole may be as long as all of its parts.
    whole = text_in(record, "question", limits.prompt + limits.max_choices * (limits.choice + 8), is_required=True)
    listed = _listed_choices(record, limits)
    prompt, written = split_choices(whole) if answer_type == "multipleChoice" else (whole, ())
    if listed and written and listed != written:
        raise Refusal("choices", "The options of this field are not those under Answer Choices in the question.")
    choices = listed or written
    if not prompt:
        raise Refusal("question", "The question has options, but no text before them.")
    measure("question", prompt, limits.prompt)
    for choice in choices:
        measure("choices", choice, limits.choice)
    _check_number(answer_type, choices, limits)
    return prompt, choices


def _listed_choices(record: Mapping[str, object], limits: Limits) -> tuple[str, ...]:
    listed = record.get("choices")
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise Refusal("choices", f"The field must be a list of texts, and is {kind_of(listed)}.")
    if len(listed) > limits.max_choices:
        raise Refusal("choices", f"There are {len(listed)} options; {limits.max_choices} are the most.")
    return tuple(text_in({"choices": choice}, "choices", limits.choice, is_required=True) for choice in listed)


def _check_number(answer_type: str, choices: tuple[str, ...], limits: Limits) -> None:
    if answer_type == "exactMatch" and choices:
        raise Refusal("choices", f"An exactMatch question has no options, and this one has {len(choices)}.")
    if answer_type == "multipleChoice" and len(choices) < limits.min_choices:
        raise Refusal("choices", f"There are {len(choices)} options; at least {limits.min_choices} are needed.")
    if len(choices) > limits.max_choices:
        raise Refusal("choices", f"There are {len(choices)} options; {limits.max_choices} are the most.")
    if len(set(choices)) < len(choices):
        raise Refusal("choices", "Two options are the same.")


def letter_of(answer: str, number: int) -> str:
    """Return the answer as the letter of one of so many options."""
    letter = answer.upper()
    if len(letter) != 1 or letter not in LETTERS[:number]:
        raise Refusal("answer", f"The answer is not a letter from A to {LETTERS[number - 1]}, the options given.")
    return letter


def category_of(name: str, categories: Sequence[str]) -> str:
    """Return the category that a name means, Other without one."""
    folded = {_folded(category): category for category in categories}
    wanted = _folded(name or "Other")
    found = folded.get(wanted) or folded.get(_folded(ALIASES.get(wanted, "")))
    if found is None:
        raise Refusal("category", f"The category {shown(name)} is unknown. There are: {', '.join(categories)}.")
    return found


def _folded(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def picture_in(record: Mapping[str, object], name: str, folder: Path, limits: Limits) -> Picture | None:
    """Return the picture of a field: bytes, a data URI, or a file in the folder; None when there is none."""
    value = record.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, dict):  # the Image type of parquet files
        value = value.get("bytes") or value.get("path") or ""
    if isinstance(value, bytes):
        return _checked_picture(name, value, limits)
    if not isinstance(value, str):
        raise Refusal(name, f"The field must be a picture, and is {kind_of(value)}.")
    if mark := _DATA_URI.match(value):
        return _checked_picture(name, _decoded(name, value[mark.end() :], limits), limits)
    if value.startswith("data:") or "://" in value:
        raise Refusal(name, "The picture must be a base64 data URI or a file beside the questions.")
    return _checked_picture(name, _file_bytes(name, value, folder, limits), limits)


def _decoded(name: str, encoded: str, limits: Limits) -> bytes:
    if len(encoded) > limits.picture_bytes * 4 // 3 + 4:
        raise Refusal(name, f"The picture is larger than {limits.picture_bytes:,} bytes.")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(name, "The data URI is not base64.") from None


def _file_bytes(name: str, value: str, folder: Path, limits: Limits) -> bytes:
    try:
        folder = folder.resolve()
        path = (folder / value).resolve()
        if "\\" in value or Path(value).is_absolute() or not path.is_relative_to(folder):
            raise Refusal(name, "The picture's path leads out of the folder of the file.")
        if not path.is_file():
            raise Refusal(name, "The picture is not there.")
        with path.open("rb") as stream:
            return stream.read(limits.picture_bytes + 1)
    except (OSError, ValueError, RuntimeError):  # too long a name, NUL, surrogates, a loop of links
        raise Refusal(name, "The picture cannot be read.") from None


def _checked_picture(name: str, data: bytes, limits: Limits) -> Picture:
    # The first bytes say what it is: published data are known to carry wrong media types.
    if len(data) > limits.picture_bytes:
        raise Refusal(name, f"The picture is larger than {limits.picture_bytes:,} bytes.")
    media_type = media_type_of(data)
    if media_type is None:
        raise Refusal(name, "The picture is not PNG, JPEG or WebP.")
    return Picture(data, media_type)


def text_in(record: Mapping[str, object], name: str, limit: int, *, is_required: bool = False) -> str:
    """Return the text of a field without space around it, empty when there is none."""
    value = record.get(name)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise Refusal(name, f"The field must be text, and is {kind_of(value)}.")
    text = value.strip()
    if "\0" in text:
        raise Refusal(name, "The text holds a NUL character.")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise Refusal(name, "The text holds half a surrogate pair, which is no character.")
    if is_required and not text:
        raise Refusal(name, "The field is missing or empty.")
    measure(name, text, limit)
    return text


def measure(name: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise Refusal(name, f"The text has {len(text):,} characters; {limit:,} are the most.")
