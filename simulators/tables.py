"""Rows of CSV, JSON Lines and Parquet files, as cells by the names of their columns."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# Number of the line or row, counted from 1, and what it holds.
Rows = Iterator[tuple[int, Mapping[str, Any]]]
PORTION = 10_000


class RecordingError(ValueError):
    """The file cannot be played; the message says where it is wrong and what helps."""


def columns_of(path: Path) -> list[str]:
    """The names of a file's columns; of JSON Lines, those of all its lines.

    Raises:
        RecordingError: it cannot be read, or has none.
    """
    if path.suffix == ".parquet":
        return list(parquet_file(path).schema_arrow.names)
    if path.suffix in JSON_LINES:
        return list(dict.fromkeys(name for _, cells in json_rows(path) for name in cells))
    with opened(path) as file:
        first = file.readline()
        return next(csv.reader([first], delimiter=delimiter_of(first)), [])


def rows_of(path: Path, needed: Sequence[str]) -> Rows:
    """The rows of a file; its name tells the format: ``.parquet``, ``.jsonl``, else CSV.

    Args:
        path: of the file.
        needed: columns that it has to have.

    Raises:
        RecordingError: it cannot be read, or a column is missing.
    """
    if path.suffix == ".parquet":
        return parquet_rows(path, needed)
    if path.suffix in JSON_LINES:
        require_columns(path, needed, columns_of(path))
        return json_rows(path)
    return csv_rows(path, needed)


def csv_rows(path: Path, needed: Sequence[str]) -> Rows:
    """Each line of a CSV file whose first names the columns; one that is cut short has empty cells.

    The delimiter (comma, semicolon, tab or bar) is taken from the first line.
    """
    try:
        with opened(path) as file:
            first = file.readline()
            if not first.strip():
                raise RecordingError(f"{path} is empty")
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter_of(first), restval="", restkey="")
            require_columns(path, needed, reader.fieldnames or ())
            for cells in reader:
                yield reader.line_num, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"cannot read {path}: {error}") from error


def delimiter_of(line: str) -> str:
    """The likely delimiter of a line."""
    return max(",;\t|", key=line.count)


def opened(path: Path) -> Any:
    """A file of text."""
    try:
        return path.open(newline="", encoding="utf-8-sig")
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error}") from error


def json_rows(path: Path) -> Rows:
    """Each object of a file that has one on each line. ``values`` in it are columns as well."""
    try:
        with opened(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, flat(json.loads(line), path, number)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"cannot read {path}: {error}") from error


def flat(document: Any, path: Path, number: int) -> Mapping[str, Any]:
    """The cells of an object; those of the platform's timed JSON are in its ``values``."""
    if not isinstance(document, dict):
        raise RecordingError(f"{path}, line {number}: this is no JSON object")
    values = document.pop("values", None)
    return {**document, **values} if isinstance(values, dict) else document


def parquet_rows(path: Path, needed: Sequence[str]) -> Rows:
    """Each row of a Parquet file."""
    file = parquet_file(path)
    names = file.schema_arrow.names
    require_columns(path, needed, names)
    number = 0
    for batch in file.iter_batches(PORTION, columns=list(dict.fromkeys(needed)) or names):
        for cells in batch.to_pylist():
            number += 1
            yield number, cells


def parquet_file(path: Path) -> Any:
    """An open Parquet file."""
    # pyarrow takes half a second to import, which no other command should wait for.
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except (OSError, ArrowException) as error:
        raise RecordingError(f"cannot read {path}: {error}") from error


def require_columns(path: Path, needed: Sequence[str], there: Sequence[str]) -> None:
    """Raise RecordingError where a column is missing."""
    if missing := [column for column in needed if column not in there]:
        raise RecordingError(
            f"{path} has no column {', '.join(map(repr, missing))}; "
            f"it has {', '.join(map(repr, there))}"
        )


JSON_LINES = frozenset({".jsonl", ".ndjson"})
