"""Tables as bytes of a file, made as they are sent: Parquet and CSV."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from registry.exchange.names import WORD

Format = Literal["csv", "parquet"]
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
# How OpenAPI says that a body is a file.
BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
# RFC 3339, to the microsecond.
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
# Times of a device come at nearly even steps, so that their differences are small numbers.
DELTA = {"ts": "DELTA_BINARY_PACKED"}


class Sink(io.RawIOBase):
    """A file that is only written, and whose bytes are taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, piece: object) -> int:
        """Keep a piece until it is taken."""
        data = bytes(memoryview(piece))  # type: ignore[arg-type]  # whatever has bytes
        self._pieces.append(data)
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def parquet_writer(sink: io.IOBase, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of Parquet as every file of the platform has it."""
    timed = "ts" in schema.names
    return pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=[name for name in schema.names if name != "ts"],
        column_encoding=DELTA if timed else None,
    )


def as_parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """The pieces of a Parquet file; each batch is a row group."""
    sink = Sink()
    with parquet_writer(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.taken()
    yield sink.taken()


def as_csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """The pieces of a CSV file with a header (RFC 4180)."""
    sink = Sink()
    plain = pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])
    options = pc_csv.WriteOptions(quoting_style="needed")
    with pc_csv.CSVWriter(sink, plain, write_options=options) as writer:
        yield sink.taken()
        for batch in batches:
            columns = [plain_column(column) for column in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=plain))
            yield sink.taken()


def plain_type(kind: pa.DataType) -> pa.DataType:
    """What a column is as text."""
    return pa.string() if kind == WORD or pa.types.is_timestamp(kind) else kind


def plain_column(column: pa.Array) -> pa.Array:
    """A column as text, where it is a time or names."""
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format=MOMENT)
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    return column


WRITERS: dict[Format, Callable[[pa.Schema, Iterable[pa.RecordBatch]], Iterator[bytes]]] = {
    "csv": as_csv,
    "parquet": as_parquet,
}
