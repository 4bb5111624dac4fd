"""Files of history: CSV and Parquet, some rows at a time, each with the number of its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from registry.exchange.history_options import HistoryOptions
from registry.exchange.parquet_files import batches, first_line, open_parquet
from registry.http.problems import UnprocessableError

# No line is longer.
LINE_BYTES = 1 << 20
NO_VALUE = ["", "NA", "N/A", "null", "NULL", "None", "NaN", "nan", "-"]
PARQUET = b"PAR1"

Rows = tuple[pa.RecordBatch, NDArray[np.int64]]


@dataclass
class HistoryFile:
    """A file whose columns are known.

    Attributes:
        path: where it is.
        columns: their names.
        delimiter: of a CSV file; empty for Parquet.
        blamed: is told the number of a line with too few or too many cells, and how many it has.
    """

    path: Path
    columns: Sequence[str]
    delimiter: str
    blamed: Callable[[int, str], None] = lambda _number, _detail: None
    _left_out: list[int] = field(default_factory=list)

    def rows(self, needed: Sequence[str]) -> Iterator[Rows]:
        """The columns that are needed, some rows at a time, with the numbers of their lines."""
        self._left_out = []
        at = 0
        for batch in self._parquet(needed) if not self.delimiter else self._csv(needed):
            numbers = np.arange(at, at + len(batch))
            yield batch, self._lines(numbers) if self.delimiter else numbers + 1
            at += len(batch)

    def _parquet(self, needed: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return batches(open_parquet(str(self.path), "the file"), "the file", needed)

    def _csv(self, needed: Sequence[str]) -> Iterator[pa.RecordBatch]:
        def invalid(row: pc_csv.InvalidRow) -> str:
            self._left_out.append(row.number)
            detail = f"has {row.actual_columns} cells, and the header {row.expected_columns}"
            self.blamed(row.number, detail)
            return "skip"

        try:
            reader = pc_csv.open_csv(
                str(self.path),
                read_options=pc_csv.ReadOptions(use_threads=False, block_size=LINE_BYTES),
                parse_options=pc_csv.ParseOptions(
                    delimiter=self.delimiter, ignore_empty_lines=False, invalid_row_handler=invalid
                ),
                convert_options=pc_csv.ConvertOptions(
                    include_columns=list(needed),
                    column_types=dict.fromkeys(needed, pa.string()),
                    null_values=NO_VALUE,
                    strings_can_be_null=True,
                ),
            )
            yield from reader
        except (pa.ArrowException, OSError) as error:
            raise UnprocessableError(
                f"this is no CSV file in UTF-8: {first_line(error)}"
            ) from error

    def _lines(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the lines of good rows: after the header, and without those left out."""
        left_out = np.array(self._left_out, np.int64)
        before = np.searchsorted(left_out - np.arange(len(left_out)), rows + 2, side="right")
        return rows + 2 + before


def open_history(path: Path, options: HistoryOptions) -> HistoryFile:
    """Find out what the file is, and which columns it has.

    Raises:
        UnprocessableError: it is neither CSV nor Parquet, or cut off.
    """
    with path.open("rb") as file:
        start = file.read(LINE_BYTES)
    if start.startswith(PARQUET):
        parquet = open_parquet(str(path), "the file")
        return HistoryFile(path, flat_columns(parquet), "")
    try:
        text = start.partition(b"\n")[0].decode("utf-8-sig").rstrip("\r")
    except UnicodeDecodeError as error:
        raise UnprocessableError("this is no CSV file in UTF-8, and no Parquet file") from error
    if "\0" in text or not text.strip():
        raise UnprocessableError("the first line has to name the columns")
    told = options.delimiter
    delimiter = max(",;\t|", key=text.count) if told == "auto" else told
    columns = next(csv.reader(io.StringIO(text), delimiter=delimiter))
    if len(set(columns)) < len(columns):
        raise UnprocessableError("the first line names a column twice")
    return HistoryFile(path, columns, delimiter)


def flat_columns(file: pq.ParquetFile) -> list[str]:
    """The columns of a Parquet file, without those that hold other things than one value a row."""
    names = [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)]
    if len(set(names)) < len(names):
        raise UnprocessableError("the file has two columns of one name")
    return names
