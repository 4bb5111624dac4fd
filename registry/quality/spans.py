"""Arithmetic of sets of time: (n, 2) int64, µs since 1970 from and until, disjoint and in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from storage.history.columns import MICROSECOND, microseconds

Spans = NDArray[np.int64]


def spans(pairs: Iterable[tuple[int, int]]) -> Spans:
    """A set of these spans, in order; empty ones are left out."""
    return np.array(sorted(pair for pair in pairs if pair[0] < pair[1]), np.int64).reshape(-1, 2)


def at_least(sets: Sequence[Spans], depth: int) -> Spans:
    """When at least so many of the sets hold: 1 gives their union, all of them the intersection."""
    every = np.concatenate([np.empty((0, 2), np.int64), *sets])
    moments = np.concatenate([every[:, 0], every[:, 1]])
    steps = np.repeat([1, -1], len(every))
    # What begins where another ends goes on.
    order = np.lexsort((-steps, moments))
    inside = np.cumsum(steps[order]) >= depth
    change = np.flatnonzero(np.diff(inside, prepend=False))
    found = moments[order][change].reshape(-1, 2)
    return found[found[:, 0] < found[:, 1]]


def minus(one: Spans, other: Spans) -> Spans:
    """What of one set is not in the other."""
    if not len(one):
        return one
    edges = np.concatenate([[one[0, 0]], other.ravel(), [max(one[-1, 1], other.max(initial=0))]])
    rest = edges.reshape(-1, 2)
    return at_least([one, rest[rest[:, 0] < rest[:, 1]]], 2)


def total(time: Spans) -> int:
    """How long a set is, in µs."""
    return int((time[:, 1] - time[:, 0]).sum())


def by_day(time: Spans, bounds: Spans) -> NDArray[np.int64]:
    """(d,) how much of each day a set is, in µs.

    Args:
        time: the set.
        bounds: (d, 2) beginnings and ends of the days.
    """
    return before(time, bounds[:, 1]) - before(time, bounds[:, 0])


def before(time: Spans, moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """How much of a set lies before each moment, in µs."""
    sums = np.concatenate([[0], np.cumsum(time[:, 1] - time[:, 0])])
    begun = np.searchsorted(time[:, 0], moments, "right")
    ends = np.concatenate([[np.iinfo(np.int64).min // 2], time[:, 1]])
    found: NDArray[np.int64] = sums[begun] - np.clip(ends[begun] - moments, 0, None)
    return found


def days(start: datetime, end: datetime, zone: str) -> tuple[list[date], Spans]:
    """The days of a zone that a time touches, and (d, 2) their beginnings and ends."""
    here = ZoneInfo(zone)
    first = start.astimezone(here).date()
    last = max(first, (end - MICROSECOND).astimezone(here).date())
    dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    midnights = [
        microseconds(datetime(day.year, day.month, day.day, tzinfo=here).astimezone(UTC))
        for day in [*dates, last + timedelta(days=1)]
    ]
    return dates, np.array([*pairwise(midnights)], np.int64)
