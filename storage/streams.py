"""Rows of the large tables as Arrow batches, in constant memory, however many they are.

ADBC's driver turns PostgreSQL's binary COPY into Arrow without a Python object for each row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import pyarrow as pa
from adbc_driver_postgresql import dbapi
from psycopg import sql
from psycopg.conninfo import make_conninfo

from storage import queries

QUERIES = {name: text.decode() for name, text in queries.load("streams").items()}
Table = Literal["readings", "states", "flags", "rejections"]
# Bytes of a batch, about: 480,000 readings.
BATCH_BYTES = 16 << 20
# A day has to be read in this time, by a slow client too: a query holds up the clean-up of rows.
STATEMENT_SECONDS = 1200
# Rows lie in the order of their arrival. To sort them costs less than to fetch each by an index,
# which meets another page for each row: 1.0 to 0.6 million rows/s, and far fewer from a disk.
OPTIONS = (
    f"-c timezone=UTC -c statement_timeout={STATEMENT_SECONDS}s "
    "-c enable_indexscan=off -c work_mem=64MB"
)


def stream(
    url: str, table: Table, wanted: pa.Table, days: Sequence[date]
) -> Iterator[pa.RecordBatch]:
    """The rows of a table that are wanted, day by day, and in a day by rank and time.

    Args:
        url: of the database.
        table: which.
        wanted: ``rank`` (int32), ``key`` (a series' id, of rejections a device's), ``start`` and
            ``end`` (timestamps with a zone), the end itself left out.
        days: in UTC, in order; those without rows may be left out.

    Returns:
        Batches of some 16 MiB, none of them empty: ``rank, ts``, and the columns of the table.
    """
    return joined(read(url, table, wanted, days))


def read(
    url: str, table: Table, wanted: pa.Table, days: Sequence[date]
) -> Iterator[pa.RecordBatch]:
    """The rows in batches as they come, large or small."""
    if not len(wanted) or not days:
        return
    with opened(url) as cursor:
        cursor.adbc_ingest("wanted", wanted, mode="create", temporary=True)
        cursor.execute("ANALYZE wanted")
        for day in days:
            cursor.execute(statement(table, day))
            yield from cursor.fetch_record_batch()


@contextmanager
def opened(url: str) -> Iterator[dbapi.Cursor]:
    """A connection of its own; a query that nobody reads any more is ended."""
    conninfo = make_conninfo(url, options=OPTIONS, application_name="technopark-export")
    with dbapi.connect(conninfo, autocommit=True) as connection, connection.cursor() as cursor:
        try:
            yield cursor
        except GeneratorExit:
            cursor.adbc_cancel()
            raise


def statement(table: Table, day: date) -> str:
    """The query of a table's rows of a day."""
    start = datetime.combine(day, time(), UTC)
    bounds = {"start": sql.Literal(start), "end": sql.Literal(start + timedelta(days=1))}
    return sql.SQL(QUERIES[table]).format(**bounds).as_string()


def joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of ``BATCH_BYTES`` at least, but for the last."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        if size >= BATCH_BYTES // 2:
            yield pa.concat_batches(waiting)
            waiting, size = [], 0
    if sum(map(len, waiting)):
        yield pa.concat_batches(waiting)
