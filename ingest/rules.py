"""What the models of devices allow: kind, unit and range of each series.

Nearly every value obeys, so all of them are compared at once, and only the others are looked at
one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from broker.payloads import Reason, Rejection
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
