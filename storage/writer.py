"""The COPY writer: columns of readings go into the hypertable as PostgreSQL's binary format.

A record array of fixed layout is the wire format itself, so nothing is converted row by row.
Format: PostgreSQL 18 documentation, COPY, "Binary Format".
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.errors import UniqueViolation

from storage.queries import load

# µs between the Unix epoch and PostgreSQL's, 2000-01-01.
POSTGRES_EPOCH_US = 946_684_800_000_000
HOUR_US = 3_600_000_000
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
        delay: (n,) int64, µs from the reading's time until it came; 0 where it had no time of its
            own. None where nobody knows, as for what is imported.
    """

    series: NDArray[np.int32]
    ts: NDArray[np.int64]
    value: NDArray[np.float64]
    flag: NDArray[np.int8] | None = None
    delay: NDArray[np.int64] | None = None

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
            None
            if any(part.delay is None for part in parts)
            else np.concatenate([part.delay for part in parts if part.delay is not None]),
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
            None if self.delay is None else self.delay[rows],
        )

    def without(self, rows: NDArray[np.intp]) -> Readings:
        """All rows but those at these indices."""
        return self.at(np.delete(np.arange(len(self)), rows))

    def with_keys(self, keys: Container[tuple[int, int]]) -> Readings:
        """The rows whose series and time are among the keys."""
        pairs = zip(self.series.tolist(), self.ts.tolist(), strict=True)
        return self.at(np.flatnonzero([pair in keys for pair in pairs]))

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

    def hours_before(self, moment: int) -> dict[str, list[int]]:
        """The hours of each series with rows before a moment, as parameters of a query.

        Args:
            moment: µs since 1970.
        """
        late = self.ts < moment
        hours = np.unique(np.stack([self.series[late], self.ts[late] // HOUR_US]), axis=1)
        return {"series": hours[0].tolist(), "hours": hours[1].tolist()}

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


def store_readings(connection: psycopg.Connection, readings: Readings) -> Readings:
    """Store what is not stored yet, with its flags, and note the newest of each series.

    Args:
        connection: READ COMMITTED; in a transaction, or in autocommit mode.
        readings: in any order; of equal keys the first counts.

    Returns:
        Those that were stored, in key order. The others were there before.
    """
    rows = readings.in_key_order()
    if not len(rows):
        return rows
    stored = rows
    with connection.transaction():
        try:
            # Nearly every batch is new: straight in, and only a duplicate takes the longer way.
            with connection.transaction():
                copy(connection, QUERIES["copy_readings"], rows)
                if rows.flag is not None:
                    connection.execute(QUERIES["store_flags"], rows.outside())
        except UniqueViolation:
            connection.execute(QUERIES["create_staging"])
            copy(connection, QUERIES["copy_staging"], rows)
            inserted = connection.execute(QUERIES["insert_staged"], rows.outside(), binary=True)
            stored = rows.with_keys(set(inserted.fetchall()))
            connection.execute(QUERIES["empty_staging"])
        frontier = note_newest(connection, rows.newest())
        if rows.ts.min() < frontier:
            connection.execute(QUERIES["note_stale_hours"], rows.hours_before(frontier))
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


def note_newest(connection: psycopg.Connection, newest: Readings) -> int:
    """Note the newest reading of each series.

    Returns:
        Where the hours end that are summed up already, or just now, in µs since 1970: those of
        readings before it have to be noted.
    """
    row = connection.execute(
        QUERIES["note_newest_readings"],
        {
            "series": newest.series.tolist(),
            "ts": newest.ts.tolist(),
            "value": newest.value.tolist(),
        },
        binary=True,
    ).fetchone()
    return int(row[0]) if row else 0


def copy(connection: psycopg.Connection, statement: bytes, rows: Readings) -> None:
    """Run one COPY."""
    with connection.cursor().copy(statement) as stream:
        stream.write(rows.copy_format())
