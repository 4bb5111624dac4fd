"""A question about the past, and its answer: a line for each series."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storage.errors import StorageError
from storage.history import from_readings, grid, points
from storage.history.columns import Times, Values
from storage.history.gaps import Fill, filled
from storage.history.readings import Stretch, stretches
from storage.history.rollups import sums
from storage.history.series import Part, Series
from storage.rows import Connection

# Of an answer: buckets or points of all series together.
MAX_VALUES = 1_000_000
# That are read one by one, of all series together.
MAX_READINGS = 3_000_000
# Unbroken times, each a statement of its own.
MAX_TIMES = 500
# A chart is made of the readings themselves where there are so many for each point, or fewer.
READINGS_A_POINT = 20
# And else of a bucket for each point, which gives two of which to choose.
BUCKETS_A_POINT = 1

# What rollups know, with the column that it is made of.
ROLLED = {
    "avg": "sum", "min": "min", "max": "max", "sum": "sum", "count": "n", "first": "first",
    "last": "last",
}  # fmt: skip
PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?|100)")
READ = ("twa", "delta")
AGGREGATE_RULE = (
    f"{', '.join([*ROLLED, *READ])} or a percentile such as p50, p95 or p99.9, from p0 to p100"
)


class TooLargeError(StorageError):
    """The answer would take too much; nothing of it was computed.

    Attributes:
        what: ``buckets``, ``readings`` or ``times``.
        number: of them.
        limit: how many are allowed.
    """

    def __init__(self, what: str, number: int, limit: int) -> None:
        self.what, self.number, self.limit = what, number, limit
        super().__init__(f"{number} {what} are more than {limit}")


@dataclass(frozen=True)
class Question:
    """What is asked of each series.

    Attributes:
        within: the time.
        step: of the buckets; None: one bucket for all of it, or as ``points`` needs.
        aggregates: of each bucket; none: the readings themselves, or a chart of them.
        fill: what stands in buckets without readings.
        points: of each series at most; None: all.
        time_zone: of the calendar; None: that of each series' park.
        now: µs since 1970.
    """

    within: Part
    step: grid.Step | None
    aggregates: tuple[str, ...]
    fill: Fill
    points: int | None
    time_zone: str | None
    now: int


@dataclass(frozen=True)
class Line:
    """The answer for a series.

    Attributes:
        series: which.
        time_zone: of its buckets.
        ts: (n,), the beginnings of the buckets, or the times of the readings.
        values: a column (n,) for each aggregate; ``value`` of readings. NaN: none.
        thinned_from: how many points there were, where some were left out.
    """

    series: Series
    time_zone: str
    ts: Times
    values: Mapping[str, Values]
    thinned_from: int | None = None


def is_aggregate(name: str) -> bool:
    """Whether there is such an aggregate."""
    return name in ROLLED or is_read(name)


def is_read(name: str) -> bool:
    """Whether it takes the readings themselves."""
    return name in READ or PERCENTILE.fullmatch(name) is not None


async def answer(
    connection: Connection, series: Sequence[Series], question: Question
) -> list[Line]:
    """The answer, in the order of the series.

    Raises:
        TooLargeError: it would take too much.
    """
    require_at_most("times", len({part for each in series for part in each.parts}), MAX_TIMES)
    if not question.aggregates and question.points is None:
        return await raw(connection, series)
    if not question.aggregates:
        return await charts(connection, series, question, question.points or 0)
    return await bucketed(connection, series, question)


def require_at_most(what: str, number: int, limit: int) -> None:
    """Return only if it is not too much."""
    if number > limit:
        raise TooLargeError(what, number, limit)


async def raw(connection: Connection, series: Sequence[Series]) -> list[Line]:
    """The readings themselves."""
    whole = np.array([0, np.iinfo(np.int64).max])
    number = (await sums(connection, series, whole, ()))["n"].sum()
    require_at_most("readings", int(number), MAX_VALUES)
    return [readings_of(each, await stretches(connection, each)) for each in series]


def readings_of(series: Series, found: Sequence[Stretch]) -> Line:
    """A line of readings."""
    ts = np.concatenate([np.empty(0, np.int64), *(each.ts for each in found)])
    value = np.concatenate([np.empty(0), *(each.value for each in found)])
    return Line(series, series.time_zone, ts, {"value": value})


async def charts(
    connection: Connection, series: Sequence[Series], question: Question, number: int
) -> list[Line]:
    """Lines of at most so many points, that look like the readings.

    Of many readings only the least and the greatest of short buckets are looked at.
    """
    start, end = question.within
    length = points.length_for(end - start, BUCKETS_A_POINT * number)
    edges = grid.edges(start, end, length, "UTC")
    require_at_most("buckets", (len(edges) - 1) * len(series), MAX_VALUES)
    found = await sums(connection, series, edges, ("min", "max", "first", "last"))
    lines = []
    for row, each in enumerate(series):
        figures = {name: column[row] for name, column in found.items()}
        count = int(figures["n"].sum())
        if count <= READINGS_A_POINT * number:
            line = readings_of(each, await stretches(connection, each))
        else:
            line = outline_of(each, edges, length, figures)
        chosen = points.chosen(line.ts, line.values["value"], number)
        thinned = {"value": line.values["value"][chosen]}
        was = count if len(chosen) < count else None
        lines.append(Line(each, each.time_zone, line.ts[chosen], thinned, was))
    return lines


def outline_of(series: Series, edges: Times, length: int, figures: Mapping[str, Values]) -> Line:
    """A line through the extremes of buckets."""
    there = figures["n"] > 0
    low, high = figures["min"][there], figures["max"][there]
    rises = figures["first"][there] <= figures["last"][there]
    ts, value = points.outline(edges[:-1][there], length, low, high, rises)
    return Line(series, series.time_zone, ts, {"value": value})


async def bucketed(
    connection: Connection, series: Sequence[Series], question: Question
) -> list[Line]:
    """Aggregates of buckets; those of each time zone by themselves."""
    zones: dict[str, list[Series]] = defaultdict(list)
    for each in series:
        zones[question.time_zone or each.time_zone].append(each)
    start, end = question.within
    step = question.step
    if step is None and question.points is not None:
        step = points.length_for(end - start, question.points)
    if step is not None:
        limit = MAX_VALUES // len(question.aggregates)
        require_at_most("buckets", grid.count(start, end, step) * len(series), limit)
    lines: dict[int, Line] = {}
    for zone, members in zones.items():
        edges = grid.edges(start, end, step, zone)
        for line in await in_zone(connection, members, edges, zone, question):
            lines[line.series.id] = line
    return [lines[each.id] for each in series]


async def in_zone(
    connection: Connection,
    series: Sequence[Series],
    edges: Times,
    zone: str,
    question: Question,
) -> list[Line]:
    """Aggregates of buckets with the same edges."""
    wanted = {ROLLED[name] for name in question.aggregates if name in ROLLED}
    found = await sums(connection, series, edges, sorted(wanted))
    reads = any(map(is_read, question.aggregates))
    if reads:
        require_at_most("readings", int(found["n"].sum()), MAX_READINGS)
    lines = []
    for row, each in enumerate(series):
        figures = {name: column[row] for name, column in found.items()}
        read = await stretches(connection, each) if reads else []
        lines.append(await asyncio.to_thread(line_of, each, zone, edges, figures, read, question))
    return lines


def line_of(
    series: Series,
    zone: str,
    edges: Times,
    figures: Mapping[str, Values],
    read: Sequence[Stretch],
    question: Question,
) -> Line:
    """The aggregates of a series, with gaps filled, and no more points than are wanted."""
    columns = {
        name: column(name, figures, read, edges, question.now) for name in question.aggregates
    }
    ts = edges[:-1]
    known = figures["n"] > 0
    for name, values in columns.items():
        known = known | (~np.isnan(values) if name != "count" else False)
    if question.fill == "none":
        ts, columns = ts[known], {name: values[known] for name, values in columns.items()}
    columns = {name: filled(ts, values, question.fill) for name, values in columns.items()}
    line = Line(series, zone, ts, columns)
    return line if question.points is None else thinned(line, question.points)


def column(
    name: str, figures: Mapping[str, Values], read: Sequence[Stretch], edges: Times, now: int
) -> Values:
    """An aggregate of each bucket."""
    if name == "avg":
        return from_readings.ratio(figures["sum"], figures["n"])
    if name in ROLLED:
        return figures[ROLLED[name]]
    if name == "twa":
        return from_readings.mean_over_time(read, edges, now)
    if name == "delta":
        return from_readings.delta(read, edges)
    return from_readings.percentile(read, edges, float(name.removeprefix("p")) / 100)


def thinned(line: Line, number: int) -> Line:
    """The line with at most so many points, chosen by its first column; gaps go first."""
    if len(line.ts) <= number:
        return line
    first = next(iter(line.values.values()))
    there = np.flatnonzero(~np.isnan(first))
    kept = there[points.chosen(line.ts[there], first[there], number)]
    values = {name: column[kept] for name, column in line.values.items()}
    return Line(line.series, line.time_zone, line.ts[kept], values, len(line.ts))
