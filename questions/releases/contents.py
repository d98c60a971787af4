"""What a release is made of: rows, facts, HLE's columns, and the canonical form behind the rows' hash.

Pure values; writing them is `export`, the card is `card`, reading back is `verification`.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from questions.releases.changelog import Change

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHOICES_HEADING = "Answer Choices:"
INDENT = "   "  # continues an option, so that no line of it can pass for the next option
ANSWER_TYPES = ("exactMatch", "multipleChoice")

# HLE's columns, order and types; published evaluation tools read them by name.
COLUMNS: Mapping[str, str] = {
    "id": "Release id, 24 hexadecimal digits, the same in every release that holds the question.",
    "question": f'Markdown with LaTeX. Options, if any, follow under "{CHOICES_HEADING}", one letter each.',
    "image": "Data URI of the picture that belongs to the question, or an empty text.",
    "image_preview": "The same picture for viewers, or null.",
    "answer": "The key: a short text, or the letter of the right option.",
    "answer_type": "`exactMatch` or `multipleChoice`.",
    "author_name": "The author, as the author wished to be named.",
    "rationale": "Why the answer is right.",
    "rationale_image": "A picture that belongs to the rationale, or null.",
    "raw_subject": "Subject in the author's words.",
    "category": "One of eight categories.",
    "canary": "Marker of this benchmark, the same in every row.",
}
PICTURE_COLUMNS = ("image_preview", "rationale_image")

# JSON cannot hold pictures but as data URIs, so the preview would say `image` twice.
CANONICAL_COLUMNS = tuple(name for name in COLUMNS if name != "image_preview")
EXTRA_COLUMNS: Mapping[str, str] = {
    "language": "Language of the question.",
    "image_alt": "Description of the picture in words.",
    "tries": "How many texts the author tested against the models before this one passed, this one included.",
    "solved_by": "Models of the panel that answered it correctly when it was tested.",
    "independent_solves": "Reviewers who reached the key without seeing it.",
    "evidence": "What supports the key: `independent_solve` or `checked_derivation`.",
    "revision_hash": "Hash of the exact text that was tested, reviewed and approved.",
}
JSONL_COLUMNS = (*CANONICAL_COLUMNS, *EXTRA_COLUMNS)

_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_FEATURES = {
    name: {"_type": "Image"} if name in PICTURE_COLUMNS else {"dtype": "string", "_type": "Value"} for name in COLUMNS
}
SCHEMA = pa.schema(
    [(name, _PICTURE if name in PICTURE_COLUMNS else pa.string()) for name in COLUMNS],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},  # for `datasets`
)

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
_RELEASE_ID = re.compile(r"[0-9a-f]{24}")


class BadRowError(ValueError):
    """A row that must not be released: wrong id, unknown answer type, text that is not text, mislabelled picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a picture, as re-encoded at upload, with their media type."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One question as released. `question` holds its options already, see `with_choices`."""

    id: str
    question: str
    answer: str
    answer_type: str
    author_name: str
    rationale: str
    raw_subject: str
    category: str
    image: Picture | None = None
    rationale_image: Picture | None = None
    language: str = "en"
    image_alt: str = ""
    tries: int = 0
    solved_by: tuple[str, ...] = ()
    independent_solves: int = 0
    evidence: str = ""
    revision_hash: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseInfo:
    """The facts of a release that are not in its rows, all stored at the freeze.

    `created` is the stored text of the freeze's date; `calls` are the titles of the calls it draws from; `split` names
    the files and is `test` for the public part. `column_notes` replaces single descriptions of the card.
    """

    version: str
    title: str
    licence: str
    canary: str
    created: str
    is_demonstration: bool
    split: str = "test"
    previous_version: str = ""
    calls: tuple[str, ...] = ()
    citation: str = ""
    column_notes: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


def with_choices(prompt: str, choices: Iterable[str]) -> str:
    """Return the prompt followed by its lettered options, or the prompt alone when there are none.

    Further lines of an option are indented, so that the options can be told apart again whatever they hold. Raises
    BadRowError for more options than letters.
    """
    choices = tuple(choices)
    if len(choices) > len(LETTERS):
        raise BadRowError(f"{len(choices)} options, but only {len(LETTERS)} letters")
    lines = [f"{letter}. {_indented(choice)}" for letter, choice in zip(LETTERS, choices, strict=False)]
    return "\n".join([f"{prompt}\n\n{CHOICES_HEADING}", *lines]) if choices else prompt


def media_type_of(data: bytes) -> str | None:
    """Return the media type of a PNG, JPEG or WebP file by its first bytes, None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def data_uri(picture: Picture | None) -> str:
    """Return the picture as a base64 data URI, or an empty text for none."""
    if picture is None:
        return ""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"


def canonical(row: ExportRow, canary: str) -> dict[str, str]:
    """Return the columns of a row in HLE's order with pictures as data URIs; raises BadRowError for an unfit row."""
    _check(row)
    columns = {name: getattr(row, name) for name in CANONICAL_COLUMNS if name != "canary"}
    columns |= {"image": data_uri(row.image), "rationale_image": data_uri(row.rationale_image), "canary": canary}
    for name, value in columns.items():
        _check_text(row.id, name, value)
    return columns


def canonical_line(columns: Mapping[str, object]) -> bytes:
    """Return the canonical columns of one row as a line of JSON, the unit of the rows' hash."""
    return json_line({name: columns[name] for name in CANONICAL_COLUMNS})


def canonical_rows_hash(rows: Iterable[ExportRow], canary: str) -> str:
    """Return the SHA-256 over the canonical lines of all rows, which no version of a library changes."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical_line(canonical(row, canary)))
    return digest.hexdigest()


def json_line(content: Mapping[str, object]) -> bytes:
    """Return one line of JSON: UTF-8, LF, keys in the order given, nothing escaped that need not be."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def parquet_row(row: ExportRow, columns: Mapping[str, str]) -> dict[str, object]:
    """Return the twelve columns of a row for the parquet file, the pictures as bytes with a name made from the id."""
    return {
        **columns,
        "image_preview": _struct(row.image, row.id),
        "rationale_image": _struct(row.rationale_image, f"{row.id}-rationale"),
    }


def jsonl_row(row: ExportRow, columns: Mapping[str, str]) -> dict[str, object]:
    """Return the canonical columns of a row, then what is known about it beyond HLE's columns."""
    return {**columns, **{name: getattr(row, name) for name in EXTRA_COLUMNS}}


def _indented(choice: str) -> str:
    return "\n".join(INDENT + line if number and line else line for number, line in enumerate(choice.split("\n")))


def _struct(picture: Picture | None, stem: str) -> dict[str, object] | None:
    if picture is None:
        return None
    return {"bytes": picture.data, "path": f"{stem}.{EXTENSIONS[picture.media_type]}"}


def _check(row: ExportRow) -> None:
    if not _RELEASE_ID.fullmatch(row.id):
        raise BadRowError(f"release id {row.id!r} is not 24 lower-case hexadecimal digits")
    if row.answer_type not in ANSWER_TYPES:
        raise BadRowError(f"{row.id}: unknown answer type {row.answer_type!r}")
    if not row.question or not row.answer:
        raise BadRowError(f"{row.id}: no question or no answer")
    for name in ("language", "image_alt", "evidence", "revision_hash"):
        _check_text(row.id, name, getattr(row, name))
    for model in row.solved_by:
        _check_text(row.id, "solved_by", model)
    for picture in (row.image, row.rationale_image):
        if picture and (found := media_type_of(picture.data)) != picture.media_type:
            raise BadRowError(f"{row.id}: a picture called {picture.media_type} is {found or 'of no known type'}")


def _check_text(row_id: str, name: str, value: object) -> None:
    if not isinstance(value, str):
        raise BadRowError(f"{row_id}: {name} is {type(value).__name__}, not text")
    if "\0" in value:
        raise BadRowError(f"{row_id}: {name} holds a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadRowError(f"{row_id}: {name} holds half a surrogate pair at {error.start}") from error
