"""Parquet files that somebody sends, read in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from registry.http.problems import UnprocessableError

# Of what a row group unpacks to, as it says itself. Ten times what the platform writes.
GROUP_BYTES = 512 << 20
# Of the names and numbers at the end of the file.
THRIFT_BYTES = 64 << 20
# Rows that are in memory at a time.
BATCH_ROWS = 50_000


def open_parquet(source: object, name: str, schema: pa.Schema | None = None) -> pq.ParquetFile:
    """A Parquet file, whose row groups are not too large.

    Args:
        source: what pyarrow reads.
        name: for the sentences.
        schema: the columns that it must have, and no others; None: any.

    Raises:
        UnprocessableError: it is none, cut off, or not as it should be.
    """
    words = [f.name for f in schema if pa.types.is_dictionary(f.type)] if schema else None
    try:
        file = pq.ParquetFile(
            source,
            read_dictionary=words,
            buffer_size=1 << 20,
            thrift_string_size_limit=THRIFT_BYTES,
            thrift_container_size_limit=THRIFT_BYTES,
        )
    except (pa.ArrowException, OSError) as error:
        raise UnprocessableError(f"{name} is no Parquet file, or it is cut off") from error
    if schema is not None and not file.schema_arrow.equals(schema):
        raise UnprocessableError(f"{name} has not the columns that it should have: {schema.names}")
    for number in range(file.metadata.num_row_groups):
        if file.metadata.row_group(number).total_byte_size > GROUP_BYTES:
            raise UnprocessableError(
                f"{name} has a row group of more than {GROUP_BYTES >> 20} MiB: write it with "
                "smaller ones, for example of 1,000,000 rows"
            )
    return file


def batches(
    file: pq.ParquetFile, name: str, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows, so many at a time.

    Raises:
        UnprocessableError: a page is damaged.
    """
    try:
        yield from file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise UnprocessableError(f"{name} is damaged: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """What Arrow says of a file, in short."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
