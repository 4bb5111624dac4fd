"""Buckets put together from the rollups, and at the ends of a time from finer ones.

A time that somebody sees without a break is cut into pieces. Whole days come from `readings_1d` if
every bound of a bucket is a midnight of UTC, whole hours from `readings_1h` if every bound is a
full hour there, and so on; what is left at both ends comes from minutes and readings. Number, sum,
least, greatest, first and last of pieces give those of the whole, so that the answer is that of
the readings which may be seen, whatever it was made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from storage.history.columns import Instants, Times, Values, moment, open_cursor
from storage.history.grid import DAY, HOUR, MINUTE
from storage.history.series import QUERIES, Part, Series
from storage.rows import Connection

# Coarse ones first: view, and the length of its buckets in µs, which begin with UTC's.
TENS = ("readings_10m", 10 * MINUTE)
ROLLUPS = (("readings_1d", DAY), ("readings_1h", HOUR), TENS, ("readings_1m", MINUTE))
EACH = "readings_each"
# The numbers are small enough for integers, whose sum is a bigint and not a numeric.
COLUMNS = {
    "n": "sum(n::integer)",
    "sum": "sum(sum)",
    "min": "min(min)",
    "max": "max(max)",
    "first": "first(first, first_ts)",
    "first_ts": "min(first_ts)",
    "last": "last(last, last_ts)",
    "last_ts": "max(last_ts)",
}
BESIDE = {"first": "first_ts", "last": "last_ts"}
NOTHING = {"sum": 0.0, "min": np.inf, "max": -np.inf, "first": np.nan, "last": np.nan}


class Piece(NamedTuple):
    """A time that one source answers."""

    source: str
    start: int
    end: int


def pieces(part: Part, edges: Times) -> list[Piece]:
    """The time, cut for the coarsest rollups that give exact buckets.

    Args:
        part: within the edges.
        edges: of the buckets. The outer ones bound nothing that is counted.
    """
    inner = edges[1:-1]
    fitting = [(view, length) for view, length in ROLLUPS if not (inner % length).any()]
    # At the ends of hours and days they would be two questions more, for an hour at most.
    if fitting[:1] != [TENS]:
        fitting = [each for each in fitting if each != TENS]
    return list(cut(part, fitting))


def cut(part: Part, rollups: Sequence[tuple[str, int]]) -> Iterator[Piece]:
    """The pieces by the first rollup that has a whole bucket in the time, and by finer ones."""
    start, end = part
    if start >= end:
        return
    if not rollups:
        yield Piece(EACH, start, end)
        return
    [(view, length), *finer] = rollups
    first, last = -(-start // length) * length, end // length * length
    if first >= last:
        yield from cut(part, finer)
        return
    yield from cut(Part(start, first), finer)
    yield Piece(view, first, last)
    yield from cut(Part(last, end), finer)


async def sums(
    connection: Connection, series: Sequence[Series], edges: Times, wanted: Sequence[str]
) -> dict[str, Values]:
    """Figures of the buckets of some series.

    Args:
        connection: where.
        series: whose.
        edges: (k + 1,), of the k buckets; they cover all parts of the series.
        wanted: of ``n, sum, min, max, first, last``; ``n`` comes always.

    Returns:
        Each as (series, k). Without readings n is 0, and the others are NaN.
    """
    names = ["n", *(name for name in NOTHING if name in wanted)]
    names += [BESIDE[name] for name in names if name in BESIDE]
    places = {each.id: number for number, each in enumerate(series)}
    total = Totals(len(series), len(edges) - 1, names)
    seen: dict[Part, list[int]] = defaultdict(list)
    for each in series:
        for part in each.parts:
            seen[part].append(each.id)
    for part, ids in seen.items():
        for piece in pieces(part, edges):
            found = await ask(connection, piece, ids, edges, names)
            if found is not None:
                ids_found, place, *columns = found
                rows = np.array([places[id_] for id_ in ids_found.tolist()], np.int64)
                total.add(rows, place, dict(zip(names, columns, strict=True)))
    return total.figures()


async def ask(
    connection: Connection, piece: Piece, series: list[int], edges: Times, names: Sequence[str]
) -> list[NDArray[Any]] | None:
    """Columns of the buckets that have readings: series, bucket, and those of the names."""
    # Only the edges around the piece: each row is looked up among them.
    low = int(np.searchsorted(edges, piece.start, "right")) - 1
    high = int(np.searchsorted(edges, piece.end, "left"))
    parameters = {
        "series": series,
        "start": moment(piece.start),
        "end": moment(piece.end),
        "edges": Instants(edges[low:high]),
    }
    async with open_cursor(connection) as cursor:
        await cursor.execute(statement(piece.source, names), parameters, prepare=False)
        row = await cursor.fetchone()
    if row is None or row[0] is None:
        return None
    ids, place, *columns = row
    return [ids, place + (low - 1), *columns]


def statement(source: str, names: Sequence[str]) -> sql.Composed:
    """The query for a source, which computes no other columns than those of the names."""
    columns = [sql.SQL(COLUMNS[name] + " AS {}").format(sql.Identifier(name)) for name in names]
    arrays = [sql.SQL("array_agg({})").format(sql.Identifier(name)) for name in names]
    return sql.SQL(QUERIES["sums"].decode()).format(
        source=sql.Identifier(source),
        columns=sql.SQL(", ").join(columns),
        arrays=sql.SQL(", ").join(arrays),
    )


class Totals:
    """Figures of buckets, to which those of pieces are added.

    Args:
        series: how many.
        buckets: how many each of them has.
        names: of the columns.
    """

    def __init__(self, series: int, buckets: int, names: Sequence[str]) -> None:
        shape = (series, buckets)
        self.n = np.zeros(shape, np.int64)
        self.columns = {name: np.full(shape, NOTHING[name]) for name in names if name in NOTHING}
        self.first_ts = np.full(shape, np.iinfo(np.int64).max)
        self.last_ts = np.full(shape, np.iinfo(np.int64).min)

    def add(self, rows: Times, places: Times, found: dict[str, NDArray[Any]]) -> None:
        """Add a piece; each of its buckets comes once."""
        at = rows, places
        self.n[at] += found["n"]
        if "sum" in found:
            self.columns["sum"][at] += found["sum"]
        if "min" in found:
            self.columns["min"][at] = np.minimum(self.columns["min"][at], found["min"])
        if "max" in found:
            self.columns["max"][at] = np.maximum(self.columns["max"][at], found["max"])
        if "first" in found:
            earlier = found["first_ts"] < self.first_ts[at]
            self.keep("first", self.first_ts, rows[earlier], places[earlier], found, earlier)
        if "last" in found:
            later = found["last_ts"] > self.last_ts[at]
            self.keep("last", self.last_ts, rows[later], places[later], found, later)

    def keep(
        self,
        name: str,
        times: Times,
        rows: Times,
        places: Times,
        found: dict[str, NDArray[Any]],
        chosen: NDArray[np.bool_],
    ) -> None:
        """Put values that are earlier, or later, in the place of those of before."""
        self.columns[name][rows, places] = found[name][chosen]
        times[rows, places] = found[BESIDE[name]][chosen]

    def figures(self) -> dict[str, Values]:
        """Each column; NaN where nothing is."""
        empty = self.n == 0
        for column in self.columns.values():
            column[empty] = np.nan
        return {"n": self.n.astype(np.float64), **self.columns}
