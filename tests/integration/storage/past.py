"""A reference for history: what is seen, and in which bucket, one reading at a time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from storage.history.grid import Step

Reading = tuple[datetime, float]
Span = tuple[datetime, datetime]
MINUTE = timedelta(minutes=1)
MONDAY = datetime(2000, 1, 3, tzinfo=UTC)


def bucket_of(ts: datetime, step: Step | None, zone: ZoneInfo, start: datetime) -> datetime:
    """When the bucket of a time begins."""
    if step is None:
        return start
    if isinstance(step, int):
        length = timedelta(microseconds=step)
        return MONDAY + (ts - MONDAY) // length * length
    local = ts.astimezone(zone)
    if step == "hour":
        return hour_of(ts, zone)
    first = {
        "day": local.date(),
        "week": local.date() - timedelta(days=local.weekday()),
        "month": date(local.year, local.month, 1),
        "quarter": date(local.year, (local.month + 2) // 3 * 3 - 2, 1),
        "year": date(local.year, 1, 1),
    }[step]
    return datetime.combine(first, time(), zone).astimezone(UTC)


def hour_of(ts: datetime, zone: ZoneInfo) -> datetime:
    """The last minute at which a clock showed a full hour, or was set."""
    edge = ts.replace(second=0, microsecond=0)
    while True:
        local = edge.astimezone(zone)
        if local.minute == 0:
            return edge
        if (edge - MINUTE).astimezone(zone).utcoffset() != local.utcoffset():
            return edge
        edge -= MINUTE


def within(readings: Sequence[Reading], spans: Sequence[Span]) -> list[list[Reading]]:
    """The readings of each span."""
    return [[each for each in readings if start <= each[0] < end] for start, end in spans]


def clipped(spans: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    """The spans, as far as they are between start and end."""
    cut = [(max(first, start), min(last, end)) for first, last in spans]
    return [(first, last) for first, last in cut if first < last]


def without(slots: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    """The time between slots, which are in order."""
    bounds = [start, *(bound for slot in slots for bound in slot), end]
    return [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if a < b]


def aggregate(name: str, values: Sequence[float]) -> float:
    """An aggregate of the values of a bucket, in the order of time."""
    match name:
        case "avg":
            return float(np.mean(values))
        case "count":
            return len(values)
        case "first":
            return values[0]
        case "last":
            return values[-1]
        case "sum" | "min" | "max":
            return float(getattr(np, name)(values))
    return float(np.percentile(values, float(name[1:])))


def deltas(stretches: Sequence[Sequence[Reading]]) -> Iterator[tuple[datetime, float]]:
    """Each step of a counter with its time."""
    for stretch in stretches:
        for (_, before), (ts, after) in pairwise(stretch):
            yield ts, after - before if after >= before else after


def held(
    stretch: Sequence[Reading], end: datetime, bounds: Sequence[datetime]
) -> Iterator[tuple[datetime, float, float]]:
    """How long each value of an unbroken time lasts, cut at bounds: since when, seconds, value."""
    for (ts, value), (following, _) in pairwise([*stretch, (end, 0.0)]):
        between = bounds[bisect_right(bounds, ts) : bisect_left(bounds, following)]
        moments = [ts, *between, following]
        for since, until in pairwise(moments):
            yield since, (until - since).total_seconds(), value
