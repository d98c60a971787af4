"""Text files of an operator: corpora of one language each, and bilingual dictionaries; what is wrong is said with its line."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LANGUAGE_CODE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
TABLES = {".parquet": "parquet", ".jsonl": "json", ".json": "json"}  # suffix -> the name of its reader in `datasets`


class CorpusError(Exception):
    """Why a file cannot be used: the file, the line, and how to mend it, as sentences."""


class Dictionary(NamedTuple):
    """Two languages and the entries of a bilingual dictionary, a word of the first beside one of the second."""

    languages: tuple[str, str]
    entries: list[tuple[str, str]]


def read_corpus(path: Path, column: str = "") -> list[str]:
    """Return the sentences of a text file, one a line, or those in a column of a parquet or JSON Lines file.

    Empty lines are left out. Raises CorpusError for a file that is missing, empty or not UTF-8, and for a table without
    that column.
    """
    found = _column(path, column) if path.suffix in TABLES else (line for _, line in _lines(path))
    sentences = [sentence.strip() for sentence in found if sentence.strip()]
    if not sentences:
        raise CorpusError(f"{path} holds no sentence. Put one sentence or question on each line.")
    return sentences


def read_dictionary(path: Path) -> Dictionary:
    """Return the dictionary of a file with tab-separated columns whose first line names the two languages.

    Raises CorpusError with the line of the first fault.
    """
    lines = [(number, line) for number, line in _lines(path) if line.strip()]
    if not lines:
        raise CorpusError(f"{path} is empty. Begin with a line of two language codes with a tab between them.")
    rows = [(number, *_columns(path, number, line)) for number, line in lines]
    number, first, second = rows[0]
    if first == second or not all(LANGUAGE_CODE.fullmatch(name) for name in (first, second)):
        raise CorpusError(
            f"{path}, line {number}: {first!r} and {second!r} are not two language codes. The first line names the"
            " languages of the columns, such as en and de with a tab between them."
        )
    return Dictionary((first, second), [(left, right) for _, left, right in rows[1:]])


def _columns(path: Path, number: int, line: str) -> tuple[str, str]:
    columns = [column.strip() for column in line.split("\t")]
    if len(columns) != 2 or not all(columns):
        raise CorpusError(
            f"{path}, line {number}: there are {sum(map(bool, columns))} filled columns and not two. Write a word, a tab,"
            " and its translation."
        )
    return columns[0], columns[1]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers; only line feeds end a line, since text may hold other separators."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}, line {number}: byte {error.start + 1} is not UTF-8. Save the file as UTF-8 and start again."
        ) from error
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}. Name a file that is there.") from error


def _column(path: Path, column: str) -> Iterator[str]:
    if not path.is_file():
        raise CorpusError(f"{path} cannot be read: there is no such file. Name a file that is there.")
    if not column:
        raise CorpusError(f"{path} is a table. Say which of its columns holds the sentences.")
    try:
        import datasets  # optional reader
    except ImportError as error:
        raise CorpusError(
            f"{path} is a table, which the library datasets reads, and that is not installed. Install it, or give a"
            " text file with one sentence on each line."
        ) from error
    try:
        table = datasets.load_dataset(TABLES[path.suffix], data_files=str(path), split="train", streaming=True)
        yield from (str(row[column]) for row in table if row[column] is not None)
    except KeyError as error:
        raise CorpusError(f"{path} has no column {column!r}. Name one that it has.") from error
    except (datasets.exceptions.DatasetsError, OSError, ValueError) as error:
        raise CorpusError(f"{path} cannot be read as a table: {error}") from error
