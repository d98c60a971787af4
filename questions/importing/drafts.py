"""Makes drafts of the rows of a file, as an organiser, and reports every row refused. Reading the file is `rows`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from hle_site.audit import log
from hle_site.uploads import RefusedPicture
from questions import actions
from questions.importing.rows import read
from questions.importing.shapes import Limits, ParsedRow, RefusedRow
from questions.models import Call, ImportBatch
from questions.models.question import ANSWER_LENGTH, PROMPT_LENGTH, Revision
from questions.releases.contents import Picture
from questions.workflow import Refused

AT_ONCE = 25  # questions in one transaction
SUBJECT_LENGTH = Revision._meta.get_field("raw_subject").max_length


class Accepted(NamedTuple):
    """A row that became a draft. `id` is the file's own, perhaps empty."""

    line: int
    id: str
    question_id: UUID


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file, row by row."""

    batch: ImportBatch
    accepted: tuple[Accepted, ...]
    refused: tuple[RefusedRow, ...]


class _Ready(NamedTuple):
    row: ParsedRow
    content: dict[str, Any]


Progress = Callable[[int, int], None]  # accepted and refused so far


def import_file(
    path: Path,
    *,
    call: Call,
    by: Any,
    alt_text: str = "",
    again: bool = False,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Create a draft for each good row of a file, a few in a transaction.

    `alt_text` describes pictures that come without a description. Raises Refused for a file that was imported before,
    unless `again`. What an interrupted run had accepted stays, and its batch says so.
    """
    _require(by)
    sha256 = _sha256(path)
    if not again and ImportBatch.objects.filter(file_sha256=sha256, accepted__gt=0).exists():
        raise Refused([_("This file was imported before. Import it again only if you want its questions twice.")])
    batch = ImportBatch.objects.create(file_name=path.name[:200], file_sha256=sha256, imported_by=by)
    accepted: list[Accepted] = []
    refused: list[RefusedRow] = []
    for rows in _some_at_a_time(_parsed(path, call)):
        outcomes = [_prepared(row, call=call, by=by, alt_text=alt_text) for row in rows]
        refused += [outcome for outcome in outcomes if isinstance(outcome, RefusedRow)]
        ready = [outcome for outcome in outcomes if isinstance(outcome, _Ready)]
        accepted += _create(ready, call=call, by=by, batch=batch)
        batch.accepted, batch.refused = len(accepted), len(refused)
        batch.save(update_fields=["accepted", "refused"])
        if on_progress:
            on_progress(len(accepted), len(refused))
    log.record("questions.import", by=by, on=batch, after=f"{len(accepted)} accepted, {len(refused)} refused")
    return ImportReport(batch, tuple(accepted), tuple(refused))


def examine_file(path: Path, *, call: Call, by: Any) -> tuple[int, tuple[RefusedRow, ...]]:
    """Return how many rows would become drafts, and those refused; pictures are looked at, not decoded."""
    _require(by)
    outcomes = [_checked(row, call) for row in _parsed(path, call)]
    refused = tuple(outcome for outcome in outcomes if isinstance(outcome, RefusedRow))
    return len(outcomes) - len(refused), refused


def _parsed(path: Path, call: Call) -> Iterator[ParsedRow | RefusedRow]:
    limits = Limits(
        prompt=PROMPT_LENGTH, answer=ANSWER_LENGTH, name=SUBJECT_LENGTH, min_choices=max(call.min_options, 2)
    )
    return read(path, categories=list(call.categories.values_list("name", flat=True)), limits=limits)


def _some_at_a_time(rows: Iterable[ParsedRow | RefusedRow]) -> Iterator[list[ParsedRow | RefusedRow]]:
    remaining = iter(rows)
    while group := list(islice(remaining, AT_ONCE)):
        yield group


def _checked(row: ParsedRow | RefusedRow, call: Call) -> ParsedRow | RefusedRow:
    if isinstance(row, ParsedRow) and row.language and row.language not in call.languages:
        sentence = _("The language is not one of the call's: %s.") % ", ".join(call.languages)
        return RefusedRow(row.line, "language", sentence)
    return row


def _prepared(row: ParsedRow | RefusedRow, *, call: Call, by: Any, alt_text: str) -> _Ready | RefusedRow:
    row = _checked(row, call)
    if isinstance(row, RefusedRow):
        return row
    content = _content(row, call, alt_text)
    for name in ("image", "rationale_image"):
        try:
            content[name] = _stored(getattr(row, name), by=by)
        except RefusedPicture as refusal:
            return RefusedRow(row.line, name, str(refusal))
    return _Ready(row, content)


def _stored(picture: Picture | None, *, by: Any) -> Any:
    return actions.store_picture(data=picture.data, by=by) if picture else None


def _content(row: ParsedRow, call: Call, alt_text: str) -> dict[str, Any]:
    return {
        "prompt": row.prompt,
        "options": list(row.choices),
        "answer": row.answer,
        "answer_type": row.answer_type,
        "category": row.category,
        "raw_subject": row.raw_subject or row.category,
        "language": row.language or call.languages[0],
        "rationale": row.rationale,
        "image_alt": row.image_alt or (alt_text if row.image else ""),
        "sources": _provenance(row),
    }


def _provenance(row: ParsedRow) -> str:
    # the file's own id, author and source are kept as text: its author is nobody of this site
    named = (("Source", row.source), ("Author", row.author_name), ("Id in the imported file", row.id))
    return "\n".join(f"{name}: {text}" for name, text in named if text)


def _create(ready: list[_Ready], *, call: Call, by: Any, batch: ImportBatch) -> list[Accepted]:
    with transaction.atomic():
        return [
            Accepted(row.line, row.id, actions.create(call=call, by=by, content=content, batch=batch).pk)
            for row, content in ready
        ]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _require(by: Any) -> None:
    if not by.has_perm("questions.import_questions"):
        raise PermissionDenied("questions.import_questions")
