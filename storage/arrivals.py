"""How long after their time readings came: counted by classes of delays, for each series and day.

A class holds the delays from one limit on until before the next. Zero has a class of its own: what
has no time of its own has that of its arrival, and tells nothing of a clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import psycopg
from numpy.typing import NDArray

from storage.queries import load
from storage.writer import Readings

QUERIES = load("arrivals")
SECOND = 1_000_000
# Seconds. Each is at most twice the one before, up to five minutes.
LIMITS_S = (
    0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30,
    45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
    604_800, 2_592_000,
)  # fmt: skip
AFTER = [round(limit * SECOND) for limit in LIMITS_S]
# µs. A device's clock is at most an hour ahead: what is more was rejected.
EDGES = np.array([*(-limit for limit in reversed(AFTER) if limit <= 3600 * SECOND), 0, 1, *AFTER])
NO_TIME = int(np.searchsorted(EDGES, 0, "right"))
# Later than this is late.
LATE_SECONDS = 60
FIRST_LATE = int(np.searchsorted(EDGES, LATE_SECONDS * SECOND, "right"))
DUPLICATE = -1
# Every zone of the world begins its days at a quarter of an hour.
QUARTER_US = 900 * SECOND
# A key has the series' number, the quarter of an hour since 1970 (until the year 2209), and the
# class, with 1 for the duplicates added.
QUARTER_BITS, CLASS_BITS = 23, 7
# So many parts of keys are put together before they grow any further.
MOST = 1_000_000


class Arrivals:
    """Counts since they were last written; a batch costs a few passes over its arrays."""

    def __init__(self) -> None:
        self._keys: list[NDArray[np.int64]] = []
        self._counts: list[NDArray[np.int64]] = []
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._keys)

    def add(self, given: Readings, stored: Readings) -> None:
        """Count a batch that is committed.

        Args:
            given: what came, in any order.
            stored: what of it was new, in key order, with the delays.
        """
        if len(stored) and stored.delay is not None:
            classes = np.searchsorted(EDGES, stored.delay, "right")
            self._append(*runs(keys(stored, classes + 1)))
        if len(given) > len(stored):
            self._append(*duplicates(given, stored))
        if self._size > MOST:
            self._keys, self._counts = ([part] for part in self.sums())
            self._size = len(self._keys[0])

    def _append(self, keys: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self._keys.append(keys)
        self._counts.append(counts)
        self._size += len(keys)

    def sums(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All keys, each once and in order, and their counts."""
        keys, place = np.unique(np.concatenate(self._keys), return_inverse=True)
        counts = np.bincount(place, np.concatenate(self._counts), len(keys))
        return keys, counts.astype(np.int64)

    def write(self, connection: psycopg.Connection) -> None:
        """Add what was counted to the database; it is forgotten by ``clear``, once committed."""
        keys, counts = self.sums()
        parameters = {
            "series": (keys >> (QUARTER_BITS + CLASS_BITS)).tolist(),
            "quarter": (keys >> CLASS_BITS & (1 << QUARTER_BITS) - 1).tolist(),
            "class": ((keys & (1 << CLASS_BITS) - 1) - 1).tolist(),
            "readings": counts.tolist(),
        }
        connection.execute(QUERIES["add"], parameters, binary=True)

    def clear(self) -> None:
        """Forget what was written."""
        self._keys.clear()
        self._counts.clear()
        self._size = 0


def keys(rows: Readings, classes: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """(n,) the key of each reading."""
    quarters = (rows.series.astype(np.int64) << QUARTER_BITS) + rows.ts // QUARTER_US
    found: NDArray[np.int64] = (quarters << CLASS_BITS) + classes
    return found


def runs(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first of each run of equal values, and how long it is: readings come in key order."""
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])
    return values[starts], np.diff(starts, append=len(values))


def duplicates(given: Readings, stored: Readings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The keys of readings that were there before, and how many they are; seldom any."""
    class_ = DUPLICATE + 1
    found = Counter(keys(given, class_).tolist()) - Counter(keys(stored, class_).tolist())
    return np.array(list(found), np.int64), np.array(list(found.values()), np.int64)


def quantile(counts: Sequence[int], share: float) -> float | None:
    """The delay in seconds below which a share of the readings came.

    Args:
        counts: by class, without duplicates.
        share: from 0 to 1.

    Returns:
        Between the limits of the class where it falls, as if delays were spread evenly in it.
        None where no reading has a time of its own.
    """
    timed = np.array(counts, np.float64)
    timed[NO_TIME] = 0
    wanted, below = timed.sum() * share, np.cumsum(timed)
    if not below[-1]:
        return None
    place = int(np.searchsorted(below, max(wanted, 1e-9)))
    low = EDGES[max(place - 1, 0)]
    high = EDGES[min(place, len(EDGES) - 1)]
    within = (wanted - (below[place] - timed[place])) / timed[place]
    return float(low + within * (high - low)) / SECOND


CLASSES = len(EDGES) + 1
