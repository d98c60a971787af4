"""The records of a JSONL or parquet file, streamed, whatever the file holds."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from questions.importing.shapes import KNOWN, REQUIRED, Limits, Refusal, shown

FOREIGN = {
    b"\xff\xfe": "in UTF-16",
    b"\xfe\xff": "in UTF-16",
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive",
}
PARQUET_MAGIC = b"PAR1"
UTF8_MARK = b"\xef\xbb\xbf"
BATCH = 16


def records(path: Path, limits: Limits) -> Iterator[tuple[int, Mapping[str, object] | Refusal]]:
    """Yield line number and record, or why that line has none; raises Refusal when the file as a whole has none."""
    with path.open("rb") as stream:
        start = stream.read(4)
    for magic, kind in FOREIGN.items():
        if start.startswith(magic):
            raise Refusal("file", f"The file is {kind}. Give JSON Lines in UTF-8, or parquet.")
    if start == PARQUET_MAGIC:
        return _parquet_records(path, limits)
    if path.suffix == ".parquet":
        raise Refusal("file", "The file is named .parquet, but it is not a parquet file.")
    return _jsonl_records(path, limits)


def _jsonl_records(path: Path, limits: Limits) -> Iterator[tuple[int, Mapping[str, object] | Refusal]]:
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
                yield number, Refusal("line", f"The line is longer than {limits.line_bytes:,} bytes.")
            elif content.strip():
                yield number, _json_record(content)


def _json_record(content: bytes) -> Mapping[str, object] | Refusal:
    try:
        record = json.loads(content.decode(), object_pairs_hook=_object, parse_constant=_constant)
    except Refusal as refusal:
        return refusal
    except UnicodeDecodeError as error:
        return Refusal("line", f"The line is not UTF-8 at byte {error.start + 1}.")
    except json.JSONDecodeError as error:
        return Refusal("line", f"The line is not JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}.")
    except RecursionError:
        return Refusal("line", "The line nests objects or lists too deeply.")
    except ValueError:
        return Refusal("line", "The line holds a number that is too long.")
    return record if isinstance(record, dict) else Refusal("line", "The line is not a JSON object.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content: dict[str, object] = {}
    for name, value in pairs:
        if name in content:
            raise Refusal(shown(name), "The field is there twice.")
        content[name] = value
    return content


def _constant(name: str) -> object:
    raise Refusal("line", f"The line is not JSON: {name} is no value.")


def _parquet_records(path: Path, limits: Limits) -> Iterator[tuple[int, Mapping[str, object] | Refusal]]:
    with pq.ParquetFile(path) as parquet:
        names = _columns(parquet)
        number = 0
        for group in range(parquet.num_row_groups):
            if parquet.metadata.row_group(group).total_byte_size > limits.row_group_bytes:
                raise Refusal("file", f"A row group of the file is larger than {limits.row_group_bytes:,} bytes.")
            for batch in parquet.iter_batches(batch_size=BATCH, row_groups=[group], columns=names):
                for position in range(batch.num_rows):
                    number += 1
                    yield number, _arrow_record(batch, position)


def _columns(parquet: pq.ParquetFile) -> list[str]:
    names = parquet.schema_arrow.names
    if missing := [name for name in REQUIRED if name not in names]:
        raise Refusal("file", f"The file lacks the columns {', '.join(missing)}.")
    if twice := sorted({shown(name) for name in names if names.count(name) > 1}):
        raise Refusal("file", f"The file has columns twice: {', '.join(twice)}.")
    for name in REQUIRED:
        kind = parquet.schema_arrow.field(name).type
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)):
            raise Refusal("file", f"The column {name} holds {kind}, not text.")
    return [name for name in names if name in KNOWN]


def _arrow_record(batch: pa.RecordBatch, position: int) -> Mapping[str, object] | Refusal:
    record = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            record[name] = column[position].as_py()
        except UnicodeDecodeError:
            return Refusal(name, "The text is not UTF-8.")
        except (ValueError, OverflowError):
            return Refusal(name, "The value cannot be read.")
    return record
