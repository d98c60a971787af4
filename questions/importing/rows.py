"""Reads questions from a JSONL or parquet file of HLE's schema, row by row. Pure: a file in, rows or refusals out.

Making drafts of them is `drafts`. Whatever the file holds, reading ends in refusals with a reason, not in exceptions.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from questions.importing.choices import split_choices
from questions.releases.contents import ANSWER_TYPES, LETTERS, Picture, media_type_of

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
REQUIRED = ("question", "answer", "answer_type")
FOREIGN = {
    b"\xff\xfe": "in UTF-16",
    b"\xfe\xff": "in UTF-16",
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive",
}
PARQUET_MAGIC = b"PAR1"
UTF8_MARK = b"\xef\xbb\xbf"
BATCH = 16
_DATA_URI = re.compile(r"data:[\w.+/-]*;base64,", re.ASCII)
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


class _Refusal(Exception):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.field, self.reason = name, reason


@dataclass(slots=True)
class _Reading:
    # What all rows of one file share.
    folder: Path
    categories: Sequence[str]
    limits: Limits
    seen: dict[str, int] = field(default_factory=dict)


def read(
    path: Path, *, categories: Sequence[str] = CATEGORIES, limits: Limits | None = None
) -> Iterator[ParsedRow | RefusedRow]:
    """Yield one ParsedRow or RefusedRow per row of the file, streamed; pictures by path lie beside or below the file.

    Columns beyond HLE's twelve are read where known (`choices`, `language`, `image_alt`, `source`) and ignored where
    not. A file that cannot be read at all yields one refusal of line 0.
    """
    reading = _Reading(path.parent, categories, limits or Limits())
    try:
        for line, record in _records(path, reading.limits):
            yield _parse(line, record, reading)
    except _Refusal as refusal:
        yield RefusedRow(0, refusal.field, refusal.reason)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        yield RefusedRow(0, "file", f"The file cannot be read: {_why(error)}.")


def _records(path: Path, limits: Limits) -> Iterator[tuple[int, Mapping[str, object] | _Refusal]]:
    with path.open("rb") as stream:
        start = stream.read(4)
    for magic, kind in FOREIGN.items():
        if start.startswith(magic):
            raise _Refusal("file", f"The file is {kind}. Give JSON Lines in UTF-8, or parquet.")
    if start == PARQUET_MAGIC:
        return _parquet_records(path, limits)
    if path.suffix == ".parquet":
        raise _Refusal("file", "The file is named .parquet, but it is not a parquet file.")
    return _jsonl_records(path, limits)


def _jsonl_records(path: Path, limits: Limits) -> Iterator[tuple[int, Mapping[str, object] | _Refusal]]:
    with path.open("rb") as stream:
        if stream.read(len(UTF8_MARK)) != UTF8_MARK:
            stream.seek(0)
        number = 0
        while content := stream.readline(limits.line_bytes + 1):
            number += 1
            is_too_long = len(content) > limits.line_bytes
            while is_too_long and content and not content.endswith(b"\n"):
                content = stream.readline(limits.line_bytes)
            if is_too_long:
                yield number, _Refusal("line", f"The line is longer than {limits.line_bytes:,} bytes.")
            elif content.strip():
                yield number, _json_record(content)


def _json_record(content: bytes) -> Mapping[str, object] | _Refusal:
    try:
        record = json.loads(content.decode(), object_pairs_hook=_object, parse_constant=_constant)
    except _Refusal as refusal:
        return refusal
    except UnicodeDecodeError as error:
        return _Refusal("line", f"The line is not UTF-8 at byte {error.start + 1}.")
    except json.JSONDecodeError as error:
        return _Refusal("line", f"The line is not JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}.")
    except RecursionError:
        return _Refusal("line", "The line nests objects or lists too deeply.")
    except ValueError:
        return _Refusal("line", "The line holds a number that is too long.")
    return record if isinstance(record, dict) else _Refusal("line", "The line is not a JSON object.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content: dict[str, object] = {}
    for name, value in pairs:
        if name in content:
            raise _Refusal(_shown(name), "The field is there twice.")
        content[name] = value
    return content


def _constant(name: str) -> object:
    raise _Refusal("line", f"The line is not JSON: {name} is no value.")


def _parquet_records(path: Path, limits: Limits) -> Iterator[tuple[int, Mapping[str, object] | _Refusal]]:
    with pq.ParquetFile(path) as parquet:
        names = _columns(parquet)
        number = 0
        for group in range(parquet.num_row_groups):
            if parquet.metadata.row_group(group).total_byte_size > limits.row_group_bytes:
                raise _Refusal("file", f"A row group of the file is larger than {limits.row_group_bytes:,} bytes.")
            for batch in parquet.iter_batches(batch_size=BATCH, row_groups=[group], columns=names):
                for position in range(batch.num_rows):
                    number += 1
                    yield number, _arrow_record(batch, position)


def _columns(parquet: pq.ParquetFile) -> list[str]:
    names = parquet.schema_arrow.names
    if missing := [name for name in REQUIRED if name not in names]:
        raise _Refusal("file", f"The file lacks the columns {', '.join(missing)}.")
    if twice := sorted({_shown(name) for name in names if names.count(name) > 1}):
        raise _Refusal("file", f"The file has columns twice: {', '.join(twice)}.")
    for name in REQUIRED:
        kind = parquet.schema_arrow.field(name).type
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)):
            raise _Refusal("file", f"The column {name} holds {kind}, not text.")
    return [name for name in names if name in KNOWN]


def _arrow_record(batch: pa.RecordBatch, position: int) -> Mapping[str, object] | _Refusal:
    record = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            record[name] = column[position].as_py()
        except UnicodeDecodeError:
            return _Refusal(name, "The text is not UTF-8.")
        except (ValueError, OverflowError):
            return _Refusal(name, "The value cannot be read.")
    return record


def _parse(line: int, record: Mapping[str, object] | _Refusal, reading: _Reading) -> ParsedRow | RefusedRow:
    try:
        if isinstance(record, _Refusal):
            raise record
        return _row(line, record, reading)
    except _Refusal as refusal:
        return RefusedRow(line, refusal.field, refusal.reason)


def _row(line: int, record: Mapping[str, object], reading: _Reading) -> ParsedRow:
    limits = reading.limits
    row_id = _fresh_id(line, record, reading)
    answer_type = _text(record, "answer_type", limits.name, is_required=True)
    if answer_type not in ANSWER_TYPES:
        raise _Refusal("answer_type", f"The answer type is {_shown(answer_type)}, not {' or '.join(ANSWER_TYPES)}.")
    prompt, choices = _question(record, answer_type, limits)
    answer = _text(record, "answer", limits.answer, is_required=True)
    return ParsedRow(
        line=line,
        id=row_id,
        prompt=prompt,
        choices=choices,
        answer=_letter(answer, len(choices)) if choices else answer,
        answer_type=answer_type,
        category=_category(_text(record, "category", limits.name), reading.categories),
        raw_subject=_text(record, "raw_subject", limits.name),
        rationale=_text(record, "rationale", limits.rationale),
        author_name=_text(record, "author_name", limits.name),
        language=_text(record, "language", limits.name),
        source=_text(record, "source", limits.source),
        image=_picture(record, "image", reading) or _picture(record, "image_preview", reading),
        image_alt=_text(record, "image_alt", limits.image_alt),
        rationale_image=_picture(record, "rationale_image", reading),
    )


def _fresh_id(line: int, record: Mapping[str, object], reading: _Reading) -> str:
    row_id = _text(record, "id", reading.limits.name)
    if row_id and (first := reading.seen.setdefault(row_id, line)) != line:
        raise _Refusal("id", f"The id is that of line {first} already.")
    return row_id


def _question(record: Mapping[str, object], answer_type: str, limits: Limits) -> tuple[str, tuple[str, ...]]:
    # Options are measured one by one below, so the whole may be as long as all of its parts.
    whole = _text(record, "question", limits.prompt + limits.max_choices * (limits.choice + 8), is_required=True)
    listed = _listed_choices(record, limits)
    prompt, written = split_choices(whole) if answer_type == "multipleChoice" else (whole, ())
    if listed and written and listed != written:
        raise _Refusal("choices", "The options of this field are not those under Answer Choices in the question.")
    choices = listed or written
    if not prompt:
        raise _Refusal("question", "The question has options, but no text before them.")
    _measure("question", prompt, limits.prompt)
    for choice in choices:
        _measure("choices", choice, limits.choice)
    _check_number(answer_type, choices, limits)
    return prompt, choices


def _listed_choices(record: Mapping[str, object], limits: Limits) -> tuple[str, ...]:
    listed = record.get("choices")
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise _Refusal("choices", f"The field must be a list of texts, and is {_kind(listed)}.")
    if len(listed) > limits.max_choices:
        raise _Refusal("choices", f"There are {len(listed)} options; {limits.max_choices} are the most.")
    return tuple(_text({"choices": choice}, "choices", limits.choice, is_required=True) for choice in listed)


def _check_number(answer_type: str, choices: tuple[str, ...], limits: Limits) -> None:
    if answer_type == "exactMatch" and choices:
        raise _Refusal("choices", f"An exactMatch question has no options, and this one has {len(choices)}.")
    if answer_type == "multipleChoice" and len(choices) < limits.min_choices:
        raise _Refusal("choices", f"There are {len(choices)} options; at least {limits.min_choices} are needed.")
    if len(choices) > limits.max_choices:
        raise _Refusal("choices", f"There are {len(choices)} options; {limits.max_choices} are the most.")
    if len(set(choices)) < len(choices):
        raise _Refusal("choices", "Two options are the same.")


def _letter(answer: str, number: int) -> str:
    letter = answer.upper()
    if len(letter) != 1 or letter not in LETTERS[:number]:
        raise _Refusal("answer", f"The answer is not a letter from A to {LETTERS[number - 1]}, the options given.")
    return letter


def _category(name: str, categories: Sequence[str]) -> str:
    folded = {_folded(category): category for category in categories}
    wanted = _folded(name or "Other")
    found = folded.get(wanted) or folded.get(_folded(ALIASES.get(wanted, "")))
    if found is None:
        raise _Refusal("category", f"The category {_shown(name)} is unknown. There are: {', '.join(categories)}.")
    return found


def _folded(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def _picture(record: Mapping[str, object], name: str, reading: _Reading) -> Picture | None:
    value = record.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, dict):  # the Image type of parquet files
        value = value.get("bytes") or value.get("path") or ""
    if isinstance(value, bytes):
        return _checked_picture(name, value, reading.limits)
    if not isinstance(value, str):
        raise _Refusal(name, f"The field must be a picture, and is {_kind(value)}.")
    if mark := _DATA_URI.match(value):
        return _checked_picture(name, _decoded(name, value[mark.end() :], reading.limits), reading.limits)
    if value.startswith("data:") or "://" in value:
        raise _Refusal(name, "The picture must be a base64 data URI or a file beside the questions.")
    return _checked_picture(name, _file_bytes(name, value, reading), reading.limits)


def _decoded(name: str, encoded: str, limits: Limits) -> bytes:
    if len(encoded) > limits.picture_bytes * 4 // 3 + 4:
        raise _Refusal(name, f"The picture is larger than {limits.picture_bytes:,} bytes.")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _Refusal(name, "The data URI is not base64.") from None


def _file_bytes(name: str, value: str, reading: _Reading) -> bytes:
    try:
        folder = reading.folder.resolve()
        path = (folder / value).resolve()
        if "\\" in value or Path(value).is_absolute() or not path.is_relative_to(folder):
            raise _Refusal(name, "The picture's path leads out of the folder of the file.")
        if not path.is_file():
            raise _Refusal(name, "The picture is not there.")
        with path.open("rb") as stream:
            return stream.read(reading.limits.picture_bytes + 1)
    except (OSError, ValueError, RuntimeError):  # too long a name, NUL, surrogates, a loop of links
        raise _Refusal(name, "The picture cannot be read.") from None


def _checked_picture(name: str, data: bytes, limits: Limits) -> Picture:
    # The first bytes say what it is: published data are known to carry wrong media types.
    if len(data) > limits.picture_bytes:
        raise _Refusal(name, f"The picture is larger than {limits.picture_bytes:,} bytes.")
    media_type = media_type_of(data)
    if media_type is None:
        raise _Refusal(name, "The picture is not PNG, JPEG or WebP.")
    return Picture(data, media_type)


def _text(record: Mapping[str, object], name: str, limit: int, *, is_required: bool = False) -> str:
    value = record.get(name)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise _Refusal(name, f"The field must be text, and is {_kind(value)}.")
    text = value.strip()
    if "\0" in text:
        raise _Refusal(name, "The text holds a NUL character.")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise _Refusal(name, "The text holds half a surrogate pair, which is no character.")
    if is_required and not text:
        raise _Refusal(name, "The field is missing or empty.")
    _measure(name, text, limit)
    return text


def _measure(name: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise _Refusal(name, f"The text has {len(text):,} characters; {limit:,} are the most.")


def _kind(value: object) -> str:
    return _JSON_TYPES.get(type(value), f"of type {type(value).__name__}")


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:40]) or "empty"


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it is no valid parquet file"


KNOWN = frozenset(name for name in ParsedRow.__dataclass_fields__ if name not in {"line", "prompt"}) | {
    "question",
    "image_preview",
}
