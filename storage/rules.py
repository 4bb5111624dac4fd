"""What the models of devices allow: kind and range of each series.

Nearly every value obeys, so all of them are compared at once, and only the others are looked at
one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storage.ingest import Series
from storage.writer import Readings

NUMERIC = ("number", "boolean")


class Rules:
    """The rules of all series whose device has a model that lists their metric.

    The arrays are indexed by series id, and grow with the ids. Ids are given out without gaps, so
    they take 18 bytes a series.
    """

    def __init__(self) -> None:
        self._ruled: dict[int, Series] = {}
        self._low = np.empty(0)
        self._high = np.empty(0)
        self._boolean = np.empty(0, bool)
        self._flagging = np.empty(0, bool)

    def __bool__(self) -> bool:
        return bool(self._ruled)

    def get(self, number: int) -> Series | None:
        """The series, where its model has rules for it."""
        return self._ruled.get(number)

    def learn(self, series: Series) -> None:
        """Note what the model says of a series, or that none does."""
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

    def _cover(self, number: int) -> None:
        """Make room for a series id."""
        more = max(number + 1, 2 * len(self._low)) - len(self._low)
        if number >= len(self._low):
            self._low = np.append(self._low, np.full(more, -np.inf))
            self._high = np.append(self._high, np.full(more, np.inf))
            self._boolean = np.append(self._boolean, np.zeros(more, bool))
            self._flagging = np.append(self._flagging, np.zeros(more, bool))

    def apply(self, rows: Readings) -> tuple[Readings, NDArray[np.intp]]:
        """Flag the readings that break the rules of their series, and find those to refuse.

        Returns:
            The same rows, flagged, and the indices of those that must not be stored.
        """
        nothing = np.empty(0, np.intp)
        if not self._ruled or not len(rows):
            return rows, nothing
        series, value = rows.series, rows.value
        self._cover(int(series.max()))
        below, above = value < self._low[series], value > self._high[series]
        between = (value > 0) & (value < 1) & self._boolean[series]
        breaking = np.flatnonzero(below | above | between)
        if not len(breaking):
            return rows, nothing
        flagging = self._flagging[series]
        flag = np.where(flagging, above.astype(np.int8) - below.astype(np.int8), 0)
        flagged = Readings(series, rows.ts, value, flag.astype(np.int8)) if flag.any() else rows
        return flagged, breaking[~flagging[breaking]]


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
