"""Times of devices: read in every unit of the contract, and held to a plausible range."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.payloads.decoded import Decoded, Reason, Rejection, shown

MICROSECONDS = 1_000_000
# The contract: later than an hour ahead or earlier than this is a wrong clock, not a reading.
CLOCK_TOLERANCE_US = 3600 * MICROSECONDS
EARLIEST_US = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * MICROSECONDS


def read_time(value: object, arrival_us: int) -> int | Rejection:
    """A time stamp in µs since 1970, or why it is none.

    Args:
        value: epoch seconds, milliseconds, microseconds or nanoseconds, told apart by size, or
            an RFC 3339 text with an offset.
        arrival_us: the server's clock.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return Rejection(Reason.BAD_TIME, f"{shown(value)} is no time: send epoch milliseconds")
    try:
        ts = from_text(value) if isinstance(value, str) else from_epoch(value)
    except (ValueError, OverflowError):
        return Rejection(
            Reason.BAD_TIME,
            f"{shown(value)} is no time: send epoch milliseconds, or a text like "
            "2026-01-01T07:00:00+07:00 with its offset",
        )
    return plausible(ts, arrival_us)


def plausible(ts: int, arrival_us: int) -> int | Rejection:
    """The time, or why a clock cannot be right that says it."""
    if ts > arrival_us + CLOCK_TOLERANCE_US:
        return Rejection(
            Reason.CLOCK_AHEAD,
            f"{moment(ts)} is more than an hour ahead of the server: set the device's clock",
        )
    if ts < EARLIEST_US:
        return Rejection(
            Reason.TOO_OLD, f"{moment(ts)} is before the year 2000: set the device's clock"
        )
    return ts


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
        return f"{ts} µs"


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
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):
        array = np.empty(0, dtype=object)
    if array.ndim != 1 or array.dtype.kind not in "iuf" or len(array) != len(values):
        return read_times_singly(values, arrival_us, decoded)
    ts, good = from_epochs(array)
    if not good.all():
        bad = int(np.argmin(good))
        decoded.reject(
            Reason.BAD_TIME,
            f"{shown(array[bad].item())} is no time: send epoch milliseconds",
            int((~good).sum()),
        )
    return ts, good & check_range(ts, good, arrival_us, decoded)


def read_times_singly(
    values: Any, arrival_us: int, decoded: Decoded
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The slow way, for texts and for what is no time."""
    ts, good = np.zeros(len(values), np.int64), np.zeros(len(values), bool)
    for index, value in enumerate(values):
        read = read_time(value, arrival_us)
        if isinstance(read, Rejection):
            decoded.reject(read.reason, read.detail)
        else:
            ts[index], good[index] = read, True
    return ts, good


def from_epochs(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """``from_epoch`` of every value, and which have one."""
    size = np.abs(values.astype(np.float64))
    good = size < 1e18 if values.dtype.kind == "f" else size < 9e18
    safe = np.where(good, values, 0)
    seconds, millis, micros = size < 1e11, size < 1e14, size < 1e17
    if values.dtype.kind == "f":
        scaled = np.select([seconds, millis, micros], [safe * 1e6, safe * 1e3, safe], safe / 1e3)
        return np.rint(scaled).astype(np.int64), good
    whole = safe.astype(np.int64)
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
    for wrong in (ahead & good, old & good):
        if wrong.any():
            why = plausible(int(ts[np.argmax(wrong)]), arrival_us)
            assert isinstance(why, Rejection)  # noqa: S101 - it is out of the same range
            decoded.reject(why.reason, why.detail, int(wrong.sum()))
    return ~(ahead | old)
