"""The figures of a device's data quality over a time: what was to be there, and what is.

Method. Of a series that its model expects every so many seconds, each interval of the time counts
one reading; the count begins with the series' first. A gap is a pause of more than three intervals,
or of more than an hour where nobody says how often the series comes. A device is down while its
status says offline, or while all its series have a gap; what a reading stands for, one interval,
is not down. Late is what came more than 60 s after its time. The clock's offset is arrival less
time of readings that have a time of their own: network and buffers are in it, so a negative one is
a clock that goes ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.quality.spans import (
    Spans,
    at_least,
    by_day,
    days,
    minus,
    spans,
    total,
)
from storage import quality
from storage.arrivals import CLASSES, DUPLICATE, FIRST_LATE, quantile
from storage.history.columns import microseconds, moment
from storage.rows import Connection, Row, Scope

GAP_INTERVALS = 3
# Of a series of which nobody says how often it comes.
SILENCE = timedelta(hours=1)
# So many gaps of a series are listed, the longest ones.
LISTED = 100


@dataclass(frozen=True)
class Asked:
    """What is asked.

    Attributes:
        device: the row of ``storage.quality.device``.
        start: the beginning.
        end: the end, itself left out.
        dates: the days of the device's zone.
        bounds: (d, 2) their beginnings and ends.
    """

    device: Row
    start: datetime
    end: datetime
    dates: list[date]
    bounds: Spans


@dataclass(frozen=True)
class Measured:
    """A series.

    Attributes:
        row: of ``storage.quality.series``.
        time: what of the asked time is seen, kept, and not before the series' first reading.
        received: (d,) readings by day.
        gaps: pauses.
        dark: the times for which there is no reading to stand for.
    """

    row: Row
    time: Spans
    received: NDArray[np.int64]
    gaps: Spans
    dark: Spans

    def expected(self, bounds: Spans) -> NDArray[np.float64] | None:
        """(d,) how many readings each day should have; None where nobody says how often."""
        interval = self.row["interval"]
        return None if interval is None else by_day(self.time, bounds) / (interval * 1e6)


async def figures(
    connection: Connection,
    scope: Scope,
    device: Row,
    start: datetime,
    end: datetime,
    metrics: list[str] | None,
) -> Row:
    """The figures of a device over a time, of the series and times that the scope may see.

    Args:
        connection: where.
        scope: whose.
        device: the row of ``storage.quality.device``.
        start: the beginning.
        end: the end; not after the present.
        metrics: only these; None: all.
    """
    end = max(start, min(end, device["retired_at"] or end))
    asked = Asked(device, start, end, *days(start, end, device["zone"]))
    rows = await quality.series(connection, scope, device["id"], metrics, start, end)
    measured = [await measure(connection, asked, row) for row in rows]
    shown = [await series_figures(connection, asked, each) for each in measured]
    time = at_least([each.time for each in measured], 1)
    down, has_status = await downtime(connection, asked, measured, time)
    return {
        "device_id": device["id"],
        "from": start,
        "to": end,
        "time_zone": device["zone"],
        "uptime": share(total(time) - total(down), total(time)),
        "by_status": has_status,
        "days": day_figures(asked, measured, time, down),
        "series": shown,
        "rejections": await rejections(connection, asked, metrics),
    }


async def measure(connection: Connection, asked: Asked, row: Row) -> Measured:
    """Count the readings of a series, and find its pauses."""
    parts = [(part.lower, part.upper) for part in row["during"]]
    if not parts:
        empty = spans([])
        return Measured(row, empty, np.zeros(len(asked.dates), np.int64), empty, empty)
    oldest = await quality.first_reading(connection, row["id"], asked.end)
    born = microseconds(min(oldest or asked.end, row["first_seen"]))
    time = spans((max(microseconds(start), born), microseconds(end)) for start, end in parts)
    received, gaps, dark = np.zeros(len(asked.dates), np.int64), [], []
    interval = round((row["interval"] or 0) * 1e6)
    longer = timedelta(microseconds=GAP_INTERVALS * interval) or SILENCE
    for start, end in time.tolist():
        pieces = pieces_of(asked.bounds, start, end)
        counted = await quality.counts(
            connection, row["id"], [(moment(low), moment(high)) for _, low, high in pieces]
        )
        for (day, _, _), count in zip(pieces, counted, strict=True):
            received[day] += count["readings"]
        found = await pauses(connection, row["id"], start, end, longer, counted)
        gaps += found
        # A reading stands for an interval; at the beginning there is none that could.
        dark += [(low if low == start else low + interval, high) for low, high in found]
    return Measured(row, time, received, spans(gaps), spans(dark))


def pieces_of(bounds: Spans, start: int, end: int) -> list[tuple[int, int, int]]:
    """A time cut into days: each day's number, and the beginning and the end in it."""
    cut = [
        (day, max(low, start), min(high, end)) for day, (low, high) in enumerate(bounds.tolist())
    ]
    return [piece for piece in cut if piece[1] < piece[2]]


async def pauses(
    connection: Connection,
    series_id: int,
    start: int,
    end: int,
    longer: timedelta,
    counted: list[Row],
) -> list[tuple[int, int]]:
    """The pauses of a time, those before the first and after the last reading included."""
    firsts = [microseconds(count["first"]) for count in counted if count["readings"]]
    lasts = [microseconds(count["last"]) for count in counted if count["readings"]]
    edges = [(start, firsts[0]), (lasts[-1], end)] if firsts else [(start, end)]
    between = await quality.gaps(connection, series_id, moment(start), moment(end), longer)
    found = [(microseconds(gap["start"]), microseconds(gap["end"])) for gap in between]
    least = longer // timedelta(microseconds=1)
    return found + [(low, high) for low, high in edges if high - low > least]


async def series_figures(connection: Connection, asked: Asked, each: Measured) -> Row:
    """The figures of one series."""
    row, received = each.row, int(each.received.sum())
    by_days = each.expected(asked.bounds)
    expected = None if by_days is None else round(float(by_days.sum()))
    outside = sum([
        await quality.flagged(connection, row["id"], moment(start), moment(end))
        for start, end in each.time.tolist()
    ])  # fmt: skip
    return {
        "metric": row["metric"],
        "unit": row["unit"],
        "interval_seconds": row["interval"],
        "expected": expected,
        "received": received,
        "completeness": None if expected is None else share(min(received, expected), expected),
        "out_of_range": outside,
        "out_of_range_share": share(outside, received),
        "gaps": gap_figures(each.gaps),
        **await delays(connection, asked, row),
        "days": [
            {
                "day": day,
                "received": int(each.received[i]),
                "expected": None if by_days is None else round(float(by_days[i])),
            }
            for i, day in enumerate(asked.dates)
        ],
    }


def gap_figures(gaps: Spans) -> Row:
    """How many gaps there are, how long they are together, and which are the longest."""
    long = gaps[np.argsort(gaps[:, 0] - gaps[:, 1], kind="stable")][:LISTED]
    items: list[dict[str, Any]] = [
        {"from": moment(start), "to": moment(end), "seconds": (end - start) / 1e6}
        for start, end in long.tolist()
    ]
    longest = items[0] if items else None
    items.sort(key=lambda gap: gap["from"])
    return {
        "count": len(gaps),
        "total_seconds": total(gaps) / 1e6,
        "longest": longest,
        "items": items,
    }


async def delays(connection: Connection, asked: Asked, row: Row) -> Row:
    """What ingest counted of a series' whole days: late, duplicates, the clock's offset."""
    counts, duplicates = [0] * CLASSES, 0
    first, last = asked.dates[0], asked.dates[-1]
    for found in await quality.arrivals(connection, row, asked.device["zone"], first, last):
        if found["class"] == DUPLICATE:
            duplicates += found["readings"]
        else:
            counts[found["class"]] += found["readings"]
    late = sum(counts[FIRST_LATE:])
    return {
        "late": late,
        "timed": sum(counts),
        "late_share": share(late, sum(counts)),
        "duplicates": duplicates,
        "offset_median_seconds": quantile(counts, 0.5),
        "offset_p95_seconds": quantile(counts, 0.95),
    }


async def downtime(
    connection: Connection, asked: Asked, measured: list[Measured], time: Spans
) -> tuple[Spans, bool]:
    """When the device was down, and whether its status says anything about that."""
    # A series is dark, too, where it is not looked at: others tell then.
    dark = [at_least([each.dark, minus(time, each.time)], 1) for each in measured]
    silent = at_least(dark, len(dark)) if dark else spans([])
    changes = await quality.statuses(connection, asked.device["id"], asked.start, asked.end)
    turns = [microseconds(change["ts"]) for change in changes] + [microseconds(asked.end)]
    offline = spans(
        (turns[i], turns[i + 1]) for i, change in enumerate(changes) if not change["online"]
    )
    return at_least([time, at_least([silent, offline], 1)], 2), bool(changes)


def day_figures(
    asked: Asked, measured: list[Measured], time: Spans, down: Spans
) -> list[dict[str, Any]]:
    """The device by day: uptime, and the readings of all its series."""
    looked_at, lost = by_day(time, asked.bounds), by_day(down, asked.bounds)
    known = [found for each in measured if (found := each.expected(asked.bounds)) is not None]
    expected = sum(known, np.zeros(len(asked.dates)))
    return [
        {
            "day": day,
            "uptime": share(int(looked_at[i] - lost[i]), int(looked_at[i])),
            "received": int(sum(each.received[i] for each in measured)),
            "expected": round(float(expected[i])) if known else None,
        }
        for i, day in enumerate(asked.dates)
    ]


async def rejections(
    connection: Connection, asked: Asked, metrics: list[str] | None
) -> list[Row] | None:
    """What was not stored, by reason; None for readers by an agreement, and of some metrics."""
    held = asked.device["held"]
    if held is None or metrics is not None:
        return None
    return await quality.rejections(connection, asked.device["id"], held, asked.start, asked.end)


def share(part: int, whole: int) -> float | None:
    """Part of a whole, from 0 to 1; None of nothing."""
    return round(part / whole, 6) if whole else None
