"""Times of devices: read in every unit of the contract, and held to a plausible range."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.payloads.decoded import Decoded, Reason, shown
from broker.payloads.values import as_numbers

MICROSECONDS = 1_000_000
# The contract: later than an hour ahead or earlier than this is a wrong clock, not a reading.
CLOCK_TOLERANCE_US = 3600 * MICROSECONDS
EARLIEST_US = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * MICROSECONDS
ADVICE = "send epoch milliseconds, or a text like 2026-01-01T07:00:00+07:00 with its offset"


def read_time(value: object, arrival_us: int, decoded: Decoded) -> int | None:
    """A time stamp in µs since 1970; None, with a rejection, where it is none.

    Args:
        value: epoch seconds, milliseconds, microseconds or nanoseconds, told apart by size, or
            an RFC 3339 text with an offset.
        arrival_us: the server's clock.
        decoded: gets the rejection.
    """
    ts = time_of(value)
    if ts is None:
        decoded.reject(Reason.BAD_TIME, lambda: f"{shown(value)} is no time: {ADVICE}")
        return None
    return plausible(ts, arrival_us, decoded)


def time_of(value: object) -> int | None:
    """µs since 1970, however implausible; None where the value is no time."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return from_text(value) if isinstance(value, str) else from_epoch(value)
    except (ValueError, OverflowError):
        return None


def plausible(ts: int, arrival_us: int, decoded: Decoded) -> int | None:
    """The time; None, with a rejection, where no clock can be right that says it."""
    if ts > arrival_us + CLOCK_TOLERANCE_US:
        reject_ahead(ts, decoded)
    elif ts < EARLIEST_US:
        reject_old(ts, decoded)
    else:
        return ts
    return None


def reject_ahead(ts: int, decoded: Decoded, count: int = 1) -> None:
    """Note readings that are from the future."""
    decoded.reject(
        Reason.CLOCK_AHEAD,
        lambda: f"{moment(ts)} is more than an hour ahead of the server: set the device's clock",
        count,
    )


def reject_old(ts: int, decoded: Decoded, count: int = 1) -> None:
    """Note readings that are from before the platform's time."""
    decoded.reject(
        Reason.TOO_OLD,
        lambda: f"{moment(ts)} is before the year 2000: set the device's clock",
        count,
    )


def from_epoch(value: float) -> int:
    """µs since 1970. The thresholds lie in the years 5138, and 1973 for the next finer unit."""
    size = abs(value)
    if size < 1e11:
        return round(value * 1e6)
    if size < 1e14:
        return round(value * 1000)
    if size < 1e17:
        return int(value)
    if size < 1e20:
        return int(value) // 1000
    raise ValueError(value)


def from_text(value: str) -> int:
    """µs since 1970 of an RFC 3339 text."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(value)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * MICROSECONDS + since.microseconds


def moment(ts: int) -> str:
    """A time for people, as far as the calendar goes."""
    try:
        return datetime.fromtimestamp(ts / MICROSECONDS, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return "a time that no calendar has"


def read_times(
    values: Any, arrival_us: int, decoded: Decoded
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Many times at once.

    Args:
        values: a list, or an array, of what ``read_time`` takes.
        arrival_us: the server's clock.
        decoded: gets the rejections.

    Returns:
        (n,) µs since 1970, and (n,) which of them are good.
    """
    array = as_numbers(values)
    if array is None or array.dtype.kind == "b":
        ts, good = from_singles(values)
    else:
        ts, good = from_epochs(array)
    if not good.all():
        bad = values[int(np.argmin(good))]
        decoded.reject(
            Reason.BAD_TIME, lambda: f"{shown(bad)} is no time: {ADVICE}", int((~good).sum())
        )
    return ts, good & check_range(ts, good, arrival_us, decoded)


def from_singles(values: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """``time_of`` of every value, and which have one: for texts and for what is no time."""
    ts, good = np.zeros(len(values), np.int64), np.zeros(len(values), bool)
    for index, value in enumerate(values):
        # A number has at most 17 digits as µs; a text ends with the year 9999.
        if (read := time_of(value)) is not None:
            ts[index], good[index] = read, True
    return ts, good


def from_epochs(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """``from_epoch`` of every value, and which have one."""
    numbers = values.astype(np.float64)
    size = np.abs(numbers)
    seconds, millis, micros = size < 1e11, size < 1e14, size < 1e17
    if values.dtype.kind == "f":
        good = size < 1e20
        safe = np.where(good, numbers, 0)
        scaled = np.select([seconds, millis, micros], [safe * 1e6, safe * 1e3, safe], safe / 1e3)
        return np.rint(scaled).astype(np.int64), good
    good = size < 9e18
    whole = np.where(good, values, 0).astype(np.int64)
    return (
        np.select(
            [seconds, millis, micros],
            [np.where(seconds, whole, 0) * MICROSECONDS, np.where(millis, whole, 0) * 1000, whole],
            whole // 1000,
        ),
        good,
    )


def check_range(
    ts: NDArray[np.int64], good: NDArray[np.bool_], arrival_us: int, decoded: Decoded
) -> NDArray[np.bool_]:
    """Which times are plausible; rejections for the others that were good so far."""
    ahead, old = ts > arrival_us + CLOCK_TOLERANCE_US, ts < EARLIEST_US
    if (wrong := ahead & good).any():
        reject_ahead(int(ts[np.argmax(wrong)]), decoded, int(wrong.sum()))
    if (wrong := old & good).any():
        reject_old(int(ts[np.argmax(wrong)]), decoded, int(wrong.sum()))
    return ~(ahead | old)
