"""Columns that come from PostgreSQL as arrays, straight into numpy.

A query answers with one row of ``array_agg``s. Their binary format has elements of one size, so
that a million values are read at once, instead of a Python object each. Format: PostgreSQL 18,
``array_recv`` in ``src/backend/utils/adt/arrayfuncs.c``.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format
from psycopg.rows import TupleRow, tuple_row

from storage.rows import Connection
from storage.writer import POSTGRES_EPOCH_US

Times = NDArray[np.int64]
Values = NDArray[np.float64]

# Dimensions, whether there are NULLs, the elements' type; of the one dimension length and start.
HEADER = struct.Struct(">iiIii")
TIMESTAMPTZ, TIMESTAMPTZ_ARRAY = 1184, 1185
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def elements(kind: str) -> np.dtype[np.void]:
    """An element of an array: its size in bytes, and itself, both big-endian."""
    return np.dtype([("size", ">i4"), ("value", kind)])


TIME = elements(">i8")


class ArrayLoader(Loader):
    """Reads an array without NULLs, of elements of 4 or 8 bytes."""

    format = Format.BINARY
    element: ClassVar[np.dtype[np.void]]
    kind: ClassVar[type[np.generic]]

    def load(self, data: Buffer) -> NDArray[Any]:
        """The elements as (n,)."""
        if len(data) < HEADER.size:
            return np.empty(0, self.kind)
        return np.frombuffer(data, self.element, offset=HEADER.size)["value"].astype(self.kind)


class Floats(ArrayLoader):
    """``float8[]`` as float64."""

    element, kind = elements(">f8"), np.float64


class Bigints(ArrayLoader):
    """``bigint[]`` as int64."""

    element, kind = TIME, np.int64


class Integers(ArrayLoader):
    """``integer[]`` as int64."""

    element, kind = elements(">i4"), np.int64


class Moments(ArrayLoader):
    """``timestamptz[]`` as µs since 1970."""

    element, kind = TIME, np.int64

    def load(self, data: Buffer) -> NDArray[Any]:
        """The times as (n,)."""
        return super().load(data) + POSTGRES_EPOCH_US


class Instants:
    """Times that go to PostgreSQL as a ``timestamptz[]``.

    Args:
        us: µs since 1970.
    """

    def __init__(self, us: Times) -> None:
        self.us = us


class InstantsDumper(Dumper):
    """Writes ``Instants``."""

    format = Format.BINARY
    oid = TIMESTAMPTZ_ARRAY

    def dump(self, obj: Instants) -> bytes:
        """The array in its binary format."""
        rows = np.empty(len(obj.us), TIME)
        rows["size"], rows["value"] = 8, obj.us - POSTGRES_EPOCH_US
        return HEADER.pack(1, 0, TIMESTAMPTZ, len(rows), 1) + rows.tobytes()


LOADERS: dict[str, type[ArrayLoader]] = {
    "float8[]": Floats,
    "bigint[]": Bigints,
    "integer[]": Integers,
    "timestamptz[]": Moments,
}


def open_cursor(connection: Connection) -> psycopg.AsyncCursor[TupleRow]:
    """A cursor whose arrays are numpy's."""
    cursor = connection.cursor(binary=True, row_factory=tuple_row)
    for name, loader in LOADERS.items():
        array = connection.adapters.types[name.removesuffix("[]")].array_oid
        cursor.adapters.register_loader(array, loader)
    cursor.adapters.register_dumper(Instants, InstantsDumper)
    return cursor


def moment(us: int) -> datetime:
    """The time in UTC."""
    return UNIX_EPOCH + us * MICROSECOND


def microseconds(time: datetime) -> int:
    """µs since 1970 of a time with a zone."""
    return (time - UNIX_EPOCH) // MICROSECOND
