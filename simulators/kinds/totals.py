"""Counters: what adds up from one moment to the next."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from simulators.chance import FloatArray, IntArray


def total(before: FloatArray, steps: FloatArray) -> FloatArray:
    """A counter that goes on from ``before`` (n,) by steps (n, T): (n, T)."""
    return np.cumsum(np.concatenate([before[:, None], steps], axis=1), axis=1)[:, 1:]


def since_midnight(before: FloatArray, day: int, steps: FloatArray, days: IntArray) -> FloatArray:
    """A counter that begins each day at 0: (n, T).

    Args:
        before: (n,) what it had counted.
        day: on which it had.
        steps: (n, T) what is added.
        days: (T,) on which day.
    """
    result = np.empty_like(steps)
    edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), days.size]
    for first, last in pairwise(edges):
        kept = before if days[first] == day else np.zeros_like(before)
        result[:, first:last] = total(kept, steps[:, first:last])
        before, day = result[:, last - 1], int(days[first])
    return result


def trapezoids(before: FloatArray, rates: FloatArray, seconds: float) -> FloatArray:
    """What a rate (n, T) adds in each step of some seconds, after ``before`` (n,): (n, T)."""
    earlier = np.concatenate([before[:, None], rates[:, :-1]], axis=1)
    return (earlier + rates) / 2 * seconds
