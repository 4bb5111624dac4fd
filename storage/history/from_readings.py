"""What only the readings themselves tell: percentiles, means over time, deltas of counters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storage.history.columns import Times, Values
from storage.history.readings import Stretch


def places(ts: Times, edges: Times) -> NDArray[np.intp]:
    """In which bucket each time is."""
    return np.searchsorted(edges, ts, "right") - 1


def summed(place: NDArray[np.intp], values: Values, edges: Times) -> Values:
    """The sum of the values of each bucket."""
    return np.bincount(place, values, len(edges) - 1).astype(np.float64)


def ratio(sums: Values, weights: Values) -> Values:
    """The means; NaN where the weight is 0."""
    means = np.full(len(sums), np.nan)
    np.divide(sums, weights, out=means, where=weights > 0)
    return means


def percentile(stretches: Sequence[Stretch], edges: Times, share: float) -> Values:
    """The value below which a share of a bucket's readings is, between two of them linearly.

    As PostgreSQL's ``percentile_cont`` and numpy's default: R-7 of Hyndman and Fan, 1996.

    Args:
        stretches: of one series.
        edges: (k + 1,), of the k buckets.
        share: from 0 to 1.

    Returns:
        (k,), NaN where no reading is.
    """
    place = np.concatenate([places(each.ts, edges) for each in stretches] or [np.empty(0, int)])
    value = np.concatenate([each.value for each in stretches] or [np.empty(0)])
    value = value[np.lexsort((value, place))]
    number = np.bincount(place, minlength=len(edges) - 1)
    there = number > 0
    rank = (np.cumsum(number) - number)[there] + share * (number[there] - 1)
    below = np.floor(rank).astype(np.int64)
    weight = rank - below
    above = np.ceil(rank).astype(np.int64)
    result = np.full(len(number), np.nan)
    # Not value[below] + weight * difference, as the difference of two huge values is none.
    result[there] = value[below] * (1 - weight) + value[above] * weight
    return result


def mean_over_time(stretches: Sequence[Stretch], edges: Times, now: int) -> Values:
    """The mean of a bucket, each reading weighted with the time until the next one.

    A reading holds until the next one, also over the ends of buckets, and the last of a stretch
    until the stretch ends, or until now. What held before its first reading is not known.

    Args:
        stretches: of one series.
        edges: (k + 1,), of the k buckets.
        now: µs since 1970.

    Returns:
        (k,), NaN where nothing is known.
    """
    area, time = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for part, ts, value in stretches:
        if not len(ts):
            continue
        end = max(min(part.end, now), int(ts[-1]))
        cuts = np.union1d(ts, edges[(edges > ts[0]) & (edges < end)])
        lasting = np.diff(cuts, append=end) / 1e6
        place = places(cuts, edges)
        area += summed(place, value[places(cuts, ts)] * lasting, edges)
        time += summed(place, lasting, edges)
    return ratio(area, time)


def delta(stretches: Sequence[Stretch], edges: Times) -> Values:
    """By how much a counter grew in each bucket; where it fell it began again at zero.

    What it grew from one reading to the next is of the bucket of the later one, so that the deltas
    of buckets add up. Nothing is known of the time before a stretch's first reading.

    Args:
        stretches: of one series.
        edges: (k + 1,), of the k buckets.

    Returns:
        (k,), NaN where nothing is known.
    """
    grown, pairs = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for _, ts, value in stretches:
        steps = np.diff(value)
        place = places(ts[1:], edges)
        grown += summed(place, np.where(steps < 0, value[1:], steps), edges)
        pairs += summed(place, np.ones(len(steps)), edges)
    return np.where(pairs > 0, grown, np.nan)
