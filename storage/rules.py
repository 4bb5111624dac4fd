"""What the models of devices allow, kind and range of each series, and how long it is kept.

Nearly every value obeys, so all of them are compared at once, and only the others are looked at
one by one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from storage.ingest import Series
from storage.writer import Readings

NUMERIC = ("number", "boolean")
DAY_US = 86_400 * 1_000_000
# Further back than any time that is stored, and still a time when an arrival is added.
FOR_EVER = 1 << 62
NOTHING = np.empty(0, np.intp)


class Rules:
    """The rules of all series whose device has a model that lists their metric, or a retention.

    The arrays are indexed by series id, and grow with the ids. Ids are given out without gaps, so
    they take 26 bytes a series.
    """

    def __init__(self) -> None:
        self._ruled: dict[int, Series] = {}
        self._low = np.empty(0)
        self._high = np.empty(0)
        self._boolean = np.empty(0, bool)
        self._flagging = np.empty(0, bool)
        self._kept: dict[int, Series] = {}
        # µs: the shortest for which any time of the series' device is kept.
        self._keep = np.empty(0, np.int64)

    def get(self, number: int) -> Series | None:
        """The series, where its model has rules for it."""
        return self._ruled.get(number)

    def kept(self, number: int) -> Series:
        """The series, where its data are not kept for ever."""
        return self._kept[number]

    def learn(self, series: Series) -> None:
        """Note what the model says of a series, or that none does, and how long it is kept."""
        self._learn_retention(series)
        if series.model is None:
            if self._ruled.pop(series.id, None) is not None:
                self._low[series.id], self._high[series.id] = -np.inf, np.inf
                self._boolean[series.id] = self._flagging[series.id] = False
            return
        self._cover(series.id)
        self._ruled[series.id] = series
        low, high = allowed(series)
        self._low[series.id], self._high[series.id] = low, high
        self._boolean[series.id] = series.kind == "boolean"
        self._flagging[series.id] = series.kind == "number" and series.out_of_range == "flag"

    def _learn_retention(self, series: Series) -> None:
        if series.kept:
            self._cover(series.id)
            self._kept[series.id] = series
            self._keep[series.id] = min(days for _, _, days in series.kept) * DAY_US
        elif self._kept.pop(series.id, None) is not None:
            self._keep[series.id] = FOR_EVER

    def _cover(self, number: int) -> None:
        """Make room for a series id."""
        more = max(number + 1, 2 * len(self._low)) - len(self._low)
        if number >= len(self._low):
            self._low = np.append(self._low, np.full(more, -np.inf))
            self._high = np.append(self._high, np.full(more, np.inf))
            self._boolean = np.append(self._boolean, np.zeros(more, bool))
            self._flagging = np.append(self._flagging, np.zeros(more, bool))
            self._keep = np.append(self._keep, np.full(more, FOR_EVER))

    def apply(self, rows: Readings) -> tuple[Readings, NDArray[np.intp]]:
        """Flag the readings that break the rules of their series, and find those to refuse.

        Returns:
            The same rows, flagged, and the indices of those that must not be stored.
        """
        if not self._ruled or not len(rows):
            return rows, NOTHING
        series, value = rows.series, rows.value
        self._cover(int(series.max()))
        below, above = value < self._low[series], value > self._high[series]
        between = (value > 0) & (value < 1) & self._boolean[series]
        breaking = np.flatnonzero(below | above | between)
        if not len(breaking):
            return rows, NOTHING
        flagging = self._flagging[series]
        flag = np.where(flagging, above.astype(np.int8) - below.astype(np.int8), 0)
        flagged = replace(rows, flag=flag.astype(np.int8)) if flag.any() else rows
        return flagged, breaking[~flagging[breaking]]

    def judge(self, rows: Readings) -> tuple[Readings, NDArray[np.intp], NDArray[np.intp]]:
        """Flag what breaks rules, and find what must not be stored.

        Returns:
            The same rows, flagged; the indices of those that a model refuses; and of those that
            are too old to be kept, whatever else they are.
        """
        expired = NOTHING
        if rows.delay is not None:
            expired = self.expired(rows.series, rows.ts, rows.delay)
        rows, refused = self.apply(rows)
        if len(expired):
            refused = np.setdiff1d(refused, expired, assume_unique=True)
        return rows, refused, expired

    def expired(
        self, series: NDArray[np.int32], ts: NDArray[np.int64], delay: NDArray[np.int64]
    ) -> NDArray[np.intp]:
        """The indices of values that were older when they came than their device's are kept.

        Compared with the arrival and not with the clock: a message that waited in the journal, or
        is stored again after a crash, is decided as it would have been then.

        Args:
            series: (n,) ids of the table ``series``.
            ts: (n,) µs since 1970.
            delay: (n,) µs from then until the value came.
        """
        if not self._kept or not len(series):
            return NOTHING
        self._cover(int(series.max()))
        suspects = np.flatnonzero(delay > self._keep[series])
        found = [self.is_expired(int(series[i]), int(ts[i]), int(delay[i])) for i in suspects]
        expired: NDArray[np.intp] = suspects[np.array(found, bool)]
        return expired

    def is_expired(self, number: int, ts: int, delay: int) -> bool:
        """Whether a value that came so many µs after its time is not kept any more."""
        series = self._kept.get(number)
        days = None if series is None else days_of(series, ts)
        return days is not None and delay > days * DAY_US


def days_of(series: Series, ts: int) -> int | None:
    """How many days a value of this time is kept; None: for ever.

    Times of one tenant may lie on both sides of another's; they do not overlap.
    """
    for start, end, days in series.kept or ():
        if (start is None or start <= ts) and (end is None or ts < end):
            return days
    return None


def allowed(series: Series) -> tuple[float, float]:
    """The smallest and the largest number that a series takes; no number where it has states."""
    if series.kind == "boolean":
        return 0, 1
    if series.kind not in NUMERIC:
        return np.inf, -np.inf
    return (
        -np.inf if series.minimum is None else series.minimum,
        np.inf if series.maximum is None else series.maximum,
    )
