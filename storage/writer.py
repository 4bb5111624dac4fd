"""The COPY writer: columns of readings go into the hypertable as PostgreSQL's binary format.

A record array of fixed layout is the wire format itself, so nothing is converted row by row.
Format: PostgreSQL 18 documentation, COPY, "Binary Format".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.errors import UniqueViolation

from storage.queries import load

# µs between the Unix epoch and PostgreSQL's, 2000-01-01.
POSTGRES_EPOCH_US = 946_684_800_000_000
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
# A tuple of three fields, each after its length in bytes, all big-endian.
ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("series_size", ">i4"),
        ("series", ">i4"),
        ("ts_size", ">i4"),
        ("ts", ">i8"),
        ("value_size", ">i4"),
        ("value", ">f8"),
    ]
)
QUERIES = load("writer")


@dataclass(frozen=True)
class Readings:
    """Columns of readings, of equal length n.

    Attributes:
        series: (n,) int32, ids of the table ``series``.
        ts: (n,) int64, µs since 1970.
        value: (n,) float64, finite.
        flag: (n,) int8, -1 below and 1 above the range of the device's model, 0 inside; None
            where all are inside.
    """

    series: NDArray[np.int32]
    ts: NDArray[np.int64]
    value: NDArray[np.float64]
    flag: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.series)

    @classmethod
    def joined(cls, parts: Sequence[Readings]) -> Readings:
        """The rows of all parts, one after the other."""
        return cls(
            np.concatenate([part.series for part in parts]),
            np.concatenate([part.ts for part in parts]),
            np.concatenate([part.value for part in parts]),
            None
            if all(part.flag is None for part in parts)
            else np.concatenate([part.flags() for part in parts]),
        )

    def flags(self) -> NDArray[np.int8]:
        """(n,) int8, whether there are any or not."""
        return np.zeros(len(self), np.int8) if self.flag is None else self.flag

    def at(self, rows: NDArray[np.intp]) -> Readings:
        """The rows at these indices."""
        return Readings(
            self.series[rows],
            self.ts[rows],
            self.value[rows],
            None if self.flag is None else self.flag[rows],
        )

    def without(self, rows: NDArray[np.intp]) -> Readings:
        """All rows but those at these indices."""
        return self.at(np.delete(np.arange(len(self)), rows))

    def in_key_order(self) -> Readings:
        """Sorted by series and time, the first of each key only.

        Sorted rows meet the index page by page, which makes the COPY nearly twice as fast.
        """
        order = np.lexsort((self.ts, self.series))
        series, ts = self.series[order], self.ts[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (series[1:] != series[:-1]) | (ts[1:] != ts[:-1])
        return self.at(order[first])

    def newest(self) -> Readings:
        """The newest reading of each series; for columns in key order."""
        last = np.ones(len(self), dtype=bool)
        last[:-1] = self.series[1:] != self.series[:-1]
        return self.at(np.flatnonzero(last))

    def outside(self) -> dict[str, list[int]]:
        """The flagged rows, as parameters of a query."""
        rows = self.at(np.flatnonzero(self.flags()))
        return {
            "series": rows.series.tolist(),
            "ts": rows.ts.tolist(),
            "above": (rows.flags() > 0).tolist(),
        }

    def copy_format(self) -> bytes:
        """The rows as COPY BINARY expects them."""
        rows = np.empty(len(self), ROW)
        rows["fields"], rows["series_size"], rows["ts_size"], rows["value_size"] = 3, 4, 8, 8
        rows["series"], rows["ts"], rows["value"] = (
            self.series,
            self.ts - POSTGRES_EPOCH_US,
            self.value,
        )
        return HEADER + rows.tobytes() + TRAILER


def store_readings(connection: psycopg.Connection, readings: Readings) -> int:
    """Store what is not stored yet, with its flags, and note the newest of each series.

    Args:
        connection: in a transaction, or in autocommit mode.
        readings: in any order; of equal keys the first counts.

    Returns:
        How many were stored. The others were there before.
    """
    rows = readings.in_key_order()
    if not len(rows):
        return 0
    with connection.transaction():
        try:
            # Nearly every batch is new: straight in, and only a duplicate takes the longer way.
            with connection.transaction():
                stored = copy(connection, QUERIES["copy_readings"], rows)
                if rows.flag is not None:
                    connection.execute(QUERIES["store_flags"], rows.outside())
        except UniqueViolation:
            connection.execute(QUERIES["create_staging"])
            copy(connection, QUERIES["copy_staging"], rows)
            counted = connection.execute(QUERIES["insert_staged"], rows.outside()).fetchone()
            stored = int(counted[0]) if counted else 0
            connection.execute(QUERIES["empty_staging"])
        newest = rows.newest()
        connection.execute(
            QUERIES["note_newest_readings"],
            {
                "series": newest.series.tolist(),
                "ts": newest.ts.tolist(),
                "value": newest.value.tolist(),
            },
            binary=True,
        )
    return stored


def store_flags(
    connection: psycopg.Connection,
    series: NDArray[np.int32],
    ts: NDArray[np.int64],
    flags: Sequence[str],
) -> int:
    """Store the flags of readings that are stored: ``below-range`` or ``above-range``.

    Returns:
        How many were stored. The others were there before.
    """
    above = [flag == "above-range" for flag in flags]
    outside = {"series": series.tolist(), "ts": ts.tolist(), "above": above}
    return connection.execute(QUERIES["store_flags"], outside).rowcount


def copy(connection: psycopg.Connection, statement: bytes, rows: Readings) -> int:
    """Run one COPY and return the number of rows."""
    cursor = connection.cursor()
    with cursor.copy(statement) as stream:
        stream.write(rows.copy_format())
    return cursor.rowcount
