"""What a decoder hands on: readings, states, and rejections with their reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Reason(StrEnum):
    """Why something was not stored: stable, for machines."""

    UNKNOWN_FORMAT = "unknown-format"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    BAD_SHAPE = "bad-shape"
    BAD_METRIC_NAME = "bad-metric-name"
    NOT_A_NUMBER = "not-a-number"
    BAD_TEXT = "bad-text"
    BAD_TIME = "bad-time"
    CLOCK_AHEAD = "clock-ahead"
    TOO_OLD = "too-old"
    BAD_TOPIC = "bad-topic"
    BAD_STATUS = "bad-status"
    UNKNOWN_DEVICE = "unknown-device"
    OUT_OF_RANGE = "out-of-range"
    WRONG_KIND = "wrong-kind"
    WRONG_UNIT = "wrong-unit"
    QUOTA = "quota"
    OLDER_THAN_RETENTION = "older-than-retention"
    REFUSED_BY_STORAGE = "refused-by-storage"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A part of a message that was not stored.

    Attributes:
        reason: for machines.
        detail: a sentence for the device's maker.
    """

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Column:
    """Many readings of one metric, of equal length n.

    Attributes:
        metric: a good name.
        ts: (n,) int64, µs since 1970.
        value: (n,) float64, finite.
        boolean: whether the values were booleans.
    """

    metric: str
    ts: NDArray[np.int64]
    value: NDArray[np.float64]
    boolean: bool = False


@dataclass(slots=True)
class Decoded:
    """What one message holds.

    Attributes:
        readings: metric, time in µs since 1970, and a number or a boolean.
        columns: readings of testbeds, which come by the thousand.
        states: metric, time in µs since 1970, and JSON text.
        units: metric to unit, where the message itself tells it.
        attributes: what the message tells of the device beside its values.
        refused: reason to the sentence about the first refused part, and how many there are. One
            for each reason, so that a bad message cannot grow into thousands of rejections.
    """

    readings: list[tuple[str, int, float]] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    states: list[tuple[str, int, str]] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    refused: dict[Reason, tuple[str, int]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many readings there are, in columns or not."""
        return len(self.readings) + sum(len(column.ts) for column in self.columns)

    @property
    def rejections(self) -> list[Rejection]:
        """One for each reason."""
        return [
            Rejection(reason, f"{detail} (and {count - 1} more)" if count > 1 else detail)
            for reason, (detail, count) in self.refused.items()
        ]

    def reject(self, reason: Reason, detail: Callable[[], str], count: int = 1) -> None:
        """Note refused parts.

        Args:
            reason: for machines.
            detail: makes the sentence about the first of them, which is the one that stays. It is
                called only for that one: a message may have half a million bad parts.
            count: how many they are.
        """
        known = self.refused.get(reason)
        first, before = known or (detail(), 0)
        self.refused[reason] = first, before + count


def shown(value: object) -> str:
    """A value in a sentence, of 60 characters at most, whatever a device put into it."""
    if isinstance(value, str | bytes):
        text = ascii(value[:60])
    elif isinstance(value, dict):
        text = "an object"
    elif isinstance(value, list | tuple | np.ndarray):
        text = "a list"
    elif isinstance(value, int) and abs(value) >= 10**20:
        text = "the number"
    else:
        text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
