"""Fewer points for a chart that looks the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxDownsampler

from storage.history.columns import Times, Values
from storage.history.grid import DAY, HOUR, MINUTE, SECOND

# Lengths of buckets that people are used to, in µs. No quarters of an hour: twenty minutes are put
# together from rollups of ten, for a week of a thousand points.
LENGTHS = (
    *(n * 1000 for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(n * SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 20, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 7, 14, 28, 91, 364)),
)


DOWNSAMPLER = MinMaxDownsampler()  # type: ignore[no-untyped-call]  # the library's own


def length_for(span: int, points: int) -> int:
    """The shortest of the usual lengths of which so many points cover a time."""
    # One more bucket where the time begins and ends within one.
    return next((each for each in LENGTHS if span <= each * (points - 1)), LENGTHS[-1])


def chosen(ts: Times, values: Values, points: int) -> NDArray[np.intp]:
    """Which of the points to draw: the first, the last, and the extremes of each stretch of time.

    Args:
        ts: (n,), in order.
        values: (n,), without NaN.
        points: how many at most, at least 6.

    Returns:
        Indices, in order.
    """
    if len(ts) <= points:
        return np.arange(len(ts))
    extremes = DOWNSAMPLER.downsample(ts, values, n_out=(points - 2) // 2 * 2)
    return np.union1d(extremes, [0, len(ts) - 1]).astype(np.intp)


def outline(
    starts: Times, length: int, low: Values, high: Values, rises: NDArray[np.bool_]
) -> tuple[Times, Values]:
    """A line through the least and the greatest value of each bucket, as two points of it.

    Args:
        starts: (n,), the buckets' beginnings.
        length: of the buckets, µs.
        low: (n,), the least values.
        high: (n,), the greatest.
        rises: (n,), whether the least comes first.

    Returns:
        (2 n,) times, a quarter and three quarters into each bucket, and values.
    """
    ts = np.column_stack((starts + length // 4, starts + 3 * length // 4))
    values = np.where(rises[:, None], np.column_stack((low, high)), np.column_stack((high, low)))
    return ts.ravel(), values.ravel()
