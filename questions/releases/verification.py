"""Reads the files of a release back and says what is damaged. Needs nothing but the folder, and never raises."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from questions.releases.contents import (
    CANONICAL_COLUMNS,
    COLUMNS,
    JSONL_COLUMNS,
    SCHEMA,
    Picture,
    canonical_line,
    data_uri,
    media_type_of,
)

MANIFEST = "manifest.json"
QUESTIONS = "questions.jsonl"
CHUNK = 1024 * 1024
MANIFEST_LIMIT = 1024 * 1024
BATCH = 16
MANIFEST_TYPES = {
    "split": str,
    "canary": str,
    "row_count": int,
    "rows_sha256": str,
    "columns": list,
    "jsonl_columns": list,
    "files": list,
}
SPLIT = re.compile(r"[a-z][a-z0-9_]{0,30}")

Reader = Callable[[Path, list[str]], Iterator[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong with a file of a release, in words. Names ids and columns, never their content."""

    file: str
    problem: str


def parquet_path(split: str) -> str:
    """Return the place of the parquet file of a split inside the folder of a release."""
    return f"data/{split}-00000-of-00001.parquet"


def file_facts(directory: Path, name: str) -> dict[str, object]:
    """Return name, size in bytes and SHA-256 of a file as the manifest states them."""
    digest, size = hashlib.sha256(), 0
    with (directory / name).open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return {"path": name, "size": size, "sha256": digest.hexdigest()}


def verify(directory: Path, *, manifest_sha256: str | None = None) -> list[Damage]:
    """Return everything that is wrong with the files of a release, an empty list if nothing is.

    Checks each file against the manifest, and that no other file is there; then, from parquet and JSONL each, the
    number of rows, unique ids in order, the canary in every row, and the rows' hash; and that each preview shows its
    picture. The manifest cannot vouch for itself: give `manifest_sha256`, kept elsewhere, to have it checked too.
    """
    try:
        content = _read_manifest(directory)
        manifest = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        return [Damage(MANIFEST, f"cannot be read: {type(error).__name__}")]
    if manifest_sha256 is not None and hashlib.sha256(content).hexdigest() != manifest_sha256:
        return [Damage(MANIFEST, "is not the one that was frozen")]
    if problem := _misshapen(manifest):
        return [Damage(MANIFEST, problem)]
    damages = _file_damages(directory, manifest)
    touched = {damage.file for damage in damages}
    for name, read in {parquet_path(manifest["split"]): _parquet_rows, QUESTIONS: _jsonl_rows}.items():
        if name not in touched:
            damages += _row_damages(directory, name, read, manifest)
    return damages


def _read_manifest(directory: Path) -> bytes:
    with (directory / MANIFEST).open("rb") as stream:
        content = stream.read(MANIFEST_LIMIT + 1)
    if len(content) > MANIFEST_LIMIT:
        raise ValueError("too long")
    return content


def _misshapen(manifest: object) -> str:
    if not isinstance(manifest, dict):
        return "is not an object"
    for name, kind in MANIFEST_TYPES.items():
        if not isinstance(manifest.get(name), kind):
            return f"has no {name} of the right type"
    if not SPLIT.fullmatch(manifest["split"]):
        return "names an impossible split"
    if manifest["columns"] != list(COLUMNS) or manifest["jsonl_columns"] != list(JSONL_COLUMNS):
        return "names other columns"
    if not all(isinstance(entry, dict) and isinstance(entry.get("path"), str) for entry in manifest["files"]):
        return "has a file without a path"
    needed = {parquet_path(manifest["split"]), QUESTIONS, "README.md", "CHANGES.md", "changes.json"}
    if sorted(entry["path"] for entry in manifest["files"]) != sorted(needed):
        return "does not name exactly the files of a release"
    return ""


def _file_damages(directory: Path, manifest: Mapping[str, Any]) -> list[Damage]:
    damages = []
    stated = {str(entry["path"]): entry for entry in manifest["files"]}
    for name, entry in stated.items():
        if problem := _file_problem(directory, name, entry):
            damages.append(Damage(name, problem))
    found = {
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    damages += [Damage(name, "is not in the manifest") for name in sorted(found - {*stated, MANIFEST})]
    return damages


def _file_problem(directory: Path, name: str, entry: Mapping[str, object]) -> str:
    path = directory / name
    if path.is_symlink() or not path.is_file():
        return "is missing"
    try:
        facts = file_facts(directory, name)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if facts["size"] != entry.get("size"):
        return f"has {facts['size']} bytes, not {entry.get('size')}"
    return "" if facts["sha256"] == entry.get("sha256") else "has another SHA-256"


def _row_damages(directory: Path, name: str, read: Reader, manifest: Mapping[str, Any]) -> list[Damage]:
    problems: list[str] = []
    ids: list[object] = []
    digest = hashlib.sha256()
    try:
        for row in read(directory / name, problems):
            ids.append(row["id"])
            digest.update(canonical_line(row))
            if row["canary"] != manifest["canary"]:
                problems.append(f"row {len(ids)} lacks the canary")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, pa.ArrowException) as error:
        problems.append(f"cannot be read after row {len(ids)}: {type(error).__name__}")
    if len(ids) != manifest["row_count"]:
        problems.append(f"has {len(ids)} rows, not {manifest['row_count']}")
    if ids != sorted({str(item) for item in ids}):
        problems.append("ids are not unique and in order")
    if digest.hexdigest() != manifest["rows_sha256"]:
        problems.append("the rows have another hash")
    return [Damage(name, problem) for problem in problems]


def _parquet_rows(path: Path, problems: list[str]) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as parquet:
        if not parquet.schema_arrow.equals(SCHEMA, check_metadata=True):
            raise TypeError("other columns")
        for row in _all_rows(parquet):
            if _uri(row["image_preview"]) != row["image"]:
                problems.append(f"the preview of {row['id']} does not show its picture")
            yield {**row, "rationale_image": _uri(row["rationale_image"])}


def _all_rows(parquet: pq.ParquetFile) -> Iterator[dict[str, Any]]:
    # One iterator over all row groups would keep those that it has passed in memory.
    for group in range(parquet.num_row_groups):
        for batch in parquet.iter_batches(batch_size=BATCH, row_groups=[group]):
            yield from batch.to_pylist()


def _jsonl_rows(path: Path, problems: list[str]) -> Iterator[dict[str, Any]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            row = json.loads(line)
            if tuple(row) != JSONL_COLUMNS:
                problems.append(f"row {number} has other fields")
            yield {name: row[name] for name in CANONICAL_COLUMNS}


def _uri(picture: Mapping[str, bytes] | None) -> str:
    if picture is None:
        return ""
    return data_uri(Picture(picture["bytes"], media_type_of(picture["bytes"]) or "application/octet-stream"))
