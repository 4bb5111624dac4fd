"""What the models of devices allow, kind, unit and range of each series, and how long it is kept.

Nearly every value obeys, so all of them are compared at once, and only the others are looked at
one by one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from broker.payloads import Reason, Rejection
from broker.payloads.times import moment
from ingest import units
from storage.ingest import Series
from storage.writer import Readings

NUMERIC = ("number", "boolean")
ARTICLED = {"number": "a number", "boolean": "a boolean", "text": "a text", "object": "an object"}
HOW_TO_SEND = {
    "number": "send a number",
    "boolean": "send true, false, 1 or 0",
    "text": "send a text",
    "object": "send a list",
}


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

    def __bool__(self) -> bool:
        return bool(self._ruled)

    def get(self, number: int) -> Series | None:
        """The series, where its model has rules for it."""
        return self._ruled.get(number)

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
        expired = self.expired(rows)
        rows, refused = self.apply(rows)
        if len(expired):
            refused = np.setdiff1d(refused, expired, assume_unique=True)
        return rows, refused, expired

    def expired(self, rows: Readings) -> NDArray[np.intp]:
        """The indices of readings that were older when they came than their device's are kept.

        Compared with the arrival and not with the clock: a message that waited in the journal, or
        is stored again after a crash, is decided as it would have been then.
        """
        if not self._kept or not len(rows) or rows.delay is None:
            return NOTHING
        self._cover(int(rows.series.max()))
        suspects = np.flatnonzero(rows.delay > self._keep[rows.series])
        found = [
            self.is_expired(int(rows.series[i]), int(rows.ts[i]), int(rows.delay[i]))
            for i in suspects
        ]
        expired: NDArray[np.intp] = suspects[np.array(found, bool)]
        return expired

    def is_expired(self, number: int, ts: int, delay: int) -> bool:
        """Whether a value that came so many µs after its time is not kept any more."""
        series = self._kept.get(number)
        days = None if series is None else days_of(series, ts)
        return days is not None and delay > days * DAY_US

    def too_old(self, number: int, ts: int) -> Rejection:
        """The rejection of a value that is not kept any more."""
        series = self._kept[number]
        return Rejection(
            Reason.OLDER_THAN_RETENTION,
            f"{series.metric!r} of {moment(ts)} is older than the {days_of(series, ts)} days for "
            "which data of this device are kept: send it earlier, or have them kept longer",
        )


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


def refusal(series: Series, value: float) -> Rejection:
    """Why a number is not stored that breaks the rules of its series."""
    if series.kind == "number":
        return out_of_range(series, value)
    return wrong_kind(series, f"{value:.15g}")


def unfit(series: Series, value: object, unit: str | None) -> Rejection | None:
    """Why a value is not stored, whatever number it is; None where it may be.

    Args:
        series: with its rules.
        value: a text is the JSON of a state; everything else is a number, or numbers.
        unit: what the message itself says; None where it says nothing.
    """
    if isinstance(value, str) and series.kind in NUMERIC:
        return wrong_kind(series, value if len(value) <= 60 else f"{value[:57]}...")
    if unit is not None and series.unit and not units.is_same(unit, series.unit):
        return Rejection(
            Reason.WRONG_UNIT,
            f"{series.metric!r} came in {unit!r}, and the model {series.model!r} has it in "
            f"{series.unit!r}: send it in that unit, or change the model",
        )
    return None


def out_of_range(series: Series, value: float) -> Rejection:
    """The rejection of a number outside minimum and maximum."""
    above = series.maximum is not None and value > series.maximum
    side, limit = ("above", series.maximum) if above else ("below", series.minimum)
    unit = f" {series.unit}" if series.unit else ""
    return Rejection(
        Reason.OUT_OF_RANGE,
        f"{series.metric!r} is {value:.15g}{unit}, {side} the limit of {limit:.15g}{unit} in the "
        f"model {series.model!r}: check the sensor, or change the limit in the model",
    )


def wrong_kind(series: Series, value: str) -> Rejection:
    """The rejection of a value of another kind than the model says."""
    kind = series.kind or "number"
    return Rejection(
        Reason.WRONG_KIND,
        f"{series.metric!r} is {value}, and in the model {series.model!r} it is {ARTICLED[kind]}: "
        f"{HOW_TO_SEND[kind]}, or change the kind in the model",
    )
