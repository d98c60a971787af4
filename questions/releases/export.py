"""Writes the files of a release: parquet, JSONL, card, change log, and the manifest that seals them.

Pure but for the folder it is given: the bytes depend on the rows and facts alone, never on clock, locale, zone,
environment or settings. Choosing the rows is `freeze`, reading files back is `verification`.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from questions.releases import card, changelog
from questions.releases.contents import (
    COLUMNS,
    JSONL_COLUMNS,
    SCHEMA,
    BadRowError,
    ExportRow,
    Picture,
    ReleaseInfo,
    canonical,
    canonical_line,
    canonical_rows_hash,
    json_line,
    jsonl_row,
    parquet_row,
    with_choices,
)
from questions.releases.verification import MANIFEST, QUESTIONS, SPLIT, Damage, file_facts, parquet_path, verify

__all__ = [
    "AlreadyBuiltError",
    "BadInfoError",
    "BadRowError",
    "Built",
    "Damage",
    "ExportRow",
    "Picture",
    "ReleaseInfo",
    "build",
    "canonical_rows_hash",
    "field_hashes",
    "verify",
    "with_choices",
]

ROW_GROUP = 256
PARQUET_OPTIONS = {
    # Each of these changes the bytes, so none is left to a default.
    "version": "2.6",
    "compression": "zstd",
    "compression_level": 3,
    "data_page_version": "1.0",
    "data_page_size": 1024 * 1024,
    "dictionary_pagesize_limit": 1024 * 1024,
    "use_dictionary": ["answer_type", "author_name", "raw_subject", "category", "canary"],
    "write_statistics": False,
    "write_page_index": False,
    "write_page_checksum": True,
    "store_schema": True,
}
_CANARY = re.compile(r"[\w-]+:[\w-]{4}:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


class AlreadyBuiltError(FileExistsError):
    """The folder holds a finished release; a release never changes."""


class BadInfoError(ValueError):
    """The facts of a release do not fit: split or canary of the wrong form, a missing title, version or licence."""


@dataclass(frozen=True, slots=True)
class Built:
    """What was written. `manifest_sha256` is to be kept outside the folder: it vouches for the manifest itself."""

    manifest: dict[str, object]
    manifest_sha256: str


@dataclass(slots=True)
class _Written:
    tally: card.Tally = field(default_factory=card.Tally)
    ids: set[str] = field(default_factory=set)
    last_id: str = ""
    rows_sha256: str = ""


def build(rows: Iterable[ExportRow], info: ReleaseInfo, directory: Path) -> Built:
    """Write a release into a folder and return its manifest, which is written last.

    Rows come ordered by id and are streamed, one row group of 256 in memory. A build that was cut off leaves no
    manifest and is simply run again. Raises AlreadyBuiltError if the folder has a manifest, BadRowError for a row that
    must not be released or is out of order, BadInfoError and changelog.InconsistentChangesError for unfit facts.
    """
    _check_info(info)
    if (directory / MANIFEST).exists():
        raise AlreadyBuiltError(f"{directory} holds a finished release")
    (directory / "data").mkdir(parents=True, exist_ok=True)
    written = _write_rows(rows, info, directory)
    changelog.check(info.changes, written.ids)
    texts = _texts(info, written)
    for name, text in texts.items():
        _write(directory / name, text.encode())
    names = sorted([parquet_path(info.split), QUESTIONS, *texts])
    manifest = _manifest(info, written, [file_facts(directory, name) for name in names])
    content = manifest_bytes(manifest)
    _write(directory / MANIFEST, content)
    return Built(manifest, hashlib.sha256(content).hexdigest())


def field_hashes(row: ExportRow) -> dict[str, str]:
    """Return column name -> hash of a row, which `changelog.diff` compares between releases."""
    return changelog.field_hashes(canonical(row, canary=""))


def manifest_bytes(manifest: dict[str, object]) -> bytes:
    """Return the manifest as it is written."""
    return json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n"


def _check_info(info: ReleaseInfo) -> None:
    if not SPLIT.fullmatch(info.split):
        raise BadInfoError(f"split {info.split!r} is not a short lower-case name")
    if not _CANARY.fullmatch(info.canary):
        raise BadInfoError("the canary has not the form prefix:4 characters:GUID")
    if not (info.title.strip() and info.version.strip() and info.licence.strip()):
        raise BadInfoError("title, version and licence are needed")


def _write_rows(rows: Iterable[ExportRow], info: ReleaseInfo, directory: Path) -> _Written:
    written, digest = _Written(), hashlib.sha256()
    with ExitStack() as stack:
        lines = stack.enter_context(_replacing(directory / QUESTIONS))
        file = stack.enter_context(_replacing(directory / parquet_path(info.split)))
        writer = stack.enter_context(pq.ParquetWriter(file, SCHEMA, **PARQUET_OPTIONS))
        remaining = iter(rows)
        while group := list(islice(remaining, ROW_GROUP)):
            table = []
            for row in group:
                columns = canonical(row, info.canary)
                _count(row, written)
                digest.update(canonical_line(columns))
                lines.write(json_line(jsonl_row(row, columns)))
                table.append(parquet_row(row, columns))
            writer.write_table(pa.Table.from_pylist(table, schema=SCHEMA), row_group_size=ROW_GROUP)
    written.rows_sha256 = digest.hexdigest()
    return written


def _count(row: ExportRow, written: _Written) -> None:
    if row.id <= written.last_id:
        raise BadRowError(f"{row.id} comes after {written.last_id}: rows must be ordered by id, each id once")
    written.last_id = row.id
    written.ids.add(row.id)
    written.tally.add(row)


def _texts(info: ReleaseInfo, written: _Written) -> dict[str, str]:
    return {
        "CHANGES.md": changelog.as_text(info.changes, version=info.version, previous_version=info.previous_version),
        "changes.json": changelog.as_json(info.changes, version=info.version, previous_version=info.previous_version),
        "README.md": card.render(info, written.tally),
    }


def _manifest(info: ReleaseInfo, written: _Written, files: list[dict[str, object]]) -> dict[str, object]:
    return {
        "format": 1,
        "title": info.title,
        "version": info.version,
        "previous_version": info.previous_version or None,
        "created": info.created,
        "split": info.split,
        "is_demonstration": info.is_demonstration,
        "licence": info.licence,
        "canary": info.canary,
        "row_count": written.tally.rows,
        "rows_sha256": written.rows_sha256,
        "columns": list(COLUMNS),
        "jsonl_columns": list(JSONL_COLUMNS),
        "pyarrow": pa.__version__,
        "files": files,
    }


def _write(path: Path, content: bytes) -> None:
    with _replacing(path) as stream:
        stream.write(content)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    # Nobody ever reads half a file under its name, not even after a power cut.
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
