"""Reads questions from a JSONL or parquet file of HLE's schema, row by row. Pure: a file in, rows or refusals out.

Making drafts of them is `drafts`. Whatever the file holds, reading ends in refusals with a reason, not in exceptions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from questions.importing.fields import CATEGORIES, category_of, letter_of, picture_in, question_in, text_in
from questions.importing.files import records
from questions.importing.shapes import Limits, ParsedRow, Refusal, RefusedRow, shown
from questions.releases.contents import ANSWER_TYPES


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
        for line, record in records(path, reading.limits):
            yield _parse(line, record, reading)
    except Refusal as refusal:
        yield RefusedRow(0, refusal.field, refusal.reason)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        yield RefusedRow(0, "file", f"The file cannot be read: {_why(error)}.")


def _parse(line: int, record: Mapping[str, object] | Refusal, reading: _Reading) -> ParsedRow | RefusedRow:
    try:
        if isinstance(record, Refusal):
            raise record
        return _row(line, record, reading)
    except Refusal as refusal:
        return RefusedRow(line, refusal.field, refusal.reason)


def _row(line: int, record: Mapping[str, object], reading: _Reading) -> ParsedRow:
    limits = reading.limits
    row_id = _fresh_id(line, record, reading)
    answer_type = text_in(record, "answer_type", limits.name, is_required=True)
    if answer_type not in ANSWER_TYPES:
        raise Refusal("answer_type", f"The answer type is {shown(answer_type)}, not {' or '.join(ANSWER_TYPES)}.")
    prompt, choices = question_in(record, answer_type, limits)
    answer = text_in(record, "answer", limits.answer, is_required=True)
    pictures = (reading.folder, limits)
    return ParsedRow(
        line=line,
        id=row_id,
        prompt=prompt,
        choices=choices,
        answer=letter_of(answer, len(choices)) if choices else answer,
        answer_type=answer_type,
        category=category_of(text_in(record, "category", limits.name), reading.categories),
        raw_subject=text_in(record, "raw_subject", limits.name),
        rationale=text_in(record, "rationale", limits.rationale),
        author_name=text_in(record, "author_name", limits.name),
        language=text_in(record, "language", limits.name),
        source=text_in(record, "source", limits.source),
        image=picture_in(record, "image", *pictures) or picture_in(record, "image_preview", *pictures),
        image_alt=text_in(record, "image_alt", limits.image_alt),
        rationale_image=picture_in(record, "rationale_image", *pictures),
    )


def _fresh_id(line: int, record: Mapping[str, object], reading: _Reading) -> str:
    row_id = text_in(record, "id", reading.limits.name)
    if row_id and (first := reading.seen.setdefault(row_id, line)) != line:
        raise Refusal("id", f"The id is that of line {first} already.")
    return row_id


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it is no valid parquet file"
