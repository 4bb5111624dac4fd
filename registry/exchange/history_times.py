"""Times of a column, in whatever form they come: µs since 1970, and which of them are good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from broker.payloads.times import from_epochs
from registry.exchange.history_options import EPOCHS, HistoryOptions
from registry.http.problems import UnprocessableError

Times = tuple[NDArray[np.int64], NDArray[np.bool_]]
NUMBER = r"^[+-]?\d+(\.\d*)?$"
NO_ZONE = "the times of this file have no zone: give `time_zone`, for example Asia/Jakarta"


def read_times(column: pa.Array, options: HistoryOptions) -> Times:
    """The times of a column.

    Raises:
        UnprocessableError: the column holds no times at all, or local ones of no zone.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            return localised(column.cast(pa.timestamp("us"), safe=False), options)
        return microseconds(column.cast(pa.timestamp("us", "UTC"), safe=False))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return epochs(column, options.time_format)
    if pa.types.is_string(kind):
        return texts(pc.utf8_trim_whitespace(column), options)
    raise UnprocessableError(f"{options.time_column!r} holds no times, but {kind}")


def texts(column: pa.Array, options: HistoryOptions) -> Times:
    """Times that are written."""
    style = options.time_format
    if style == "local":
        return localised(cast_or_null(column, pa.timestamp("us")), options)
    if "%" in style:
        return patterned(column, options)
    numbers = pc.match_substring_regex(column, NUMBER)
    if style in (*EPOCHS, "ns") or (style == "auto" and pc.any(numbers).as_py()):
        digits = pc.if_else(numbers, column, pa.scalar(None, pa.string()))
        whole = pc.match_substring_regex(digits, r"^[+-]?\d{1,18}$")
        exact = pc.all(pc.fill_null(whole, True)).as_py()
        return epochs(pc.cast(digits, pa.int64() if exact else pa.float64()), style)
    try:
        return microseconds(column.cast(pa.timestamp("ns", "UTC")).cast(
            pa.timestamp("us", "UTC"), safe=False))  # fmt: skip
    except pa.ArrowException:
        return one_by_one(column, with_offset)


def cast_or_null(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values as another type, null where that cannot be."""
    try:
        return column.cast(kind)
    except pa.ArrowException:
        values = [naive_or_none(text) for text in column.to_pylist()]
        return pa.array(values, kind)


def naive_or_none(text: str | None) -> datetime | None:
    """A local time; None where there is none, or one with an offset."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is None else None


def patterned(column: pa.Array, options: HistoryOptions) -> Times:
    """Times of a pattern of strptime."""
    style, zone = options.time_format, options.zone
    if "%z" in style:
        return one_by_one(column, lambda text: datetime.strptime(text, style))  # noqa: DTZ007
    if "%f" in style:
        moments = [parsed_or_none(text, style) for text in column.to_pylist()]
        return localised(pa.array(moments, pa.timestamp("us")), options)
    assert zone is not None, "the options require it"  # noqa: S101
    return localised(pc.strptime(column, format=style, unit="us", error_is_null=True), options)


def parsed_or_none(text: str | None, style: str) -> datetime | None:
    """A local time of a pattern; None where there is none."""
    try:
        return datetime.strptime(text or "", style)  # noqa: DTZ007  # it gets its zone later
    except ValueError:
        return None


def with_offset(text: str) -> datetime:
    """A time of RFC 3339.

    Raises:
        ValueError: it is none, or has no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def one_by_one(column: pa.Array, read: Any) -> Times:
    """Times that a function reads, which raises ValueError where there is none."""
    ts, good = np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    since = datetime(1970, 1, 1, tzinfo=UTC)
    for index, text in enumerate(column.to_pylist()):
        try:
            passed = read(text or "") - since
        except (ValueError, OverflowError):
            continue
        ts[index] = (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
        good[index] = True
    return ts, good


def localised(naive: pa.Array, options: HistoryOptions) -> Times:
    """Local times; one that the clock skips or has twice is not good."""
    if options.time_zone is None:
        raise UnprocessableError(NO_ZONE)
    zone = options.time_zone
    first, second = (
        microseconds(pc.assume_timezone(naive, zone, ambiguous=way, nonexistent=way))
        for way in ("earliest", "latest")
    )
    return first[0], first[1] & (first[0] == second[0])


def epochs(column: pa.Array, unit: str) -> Times:
    """Numbers since 1970; without a unit they are told apart by their size."""
    good = column.is_valid().to_numpy(zero_copy_only=False)
    values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
    finite = good & np.isfinite(values)
    values = np.where(finite, values, 0)
    if unit in EPOCHS:
        bounded = np.abs(values.astype(np.float64)) < 9e18 / EPOCHS[unit]
        scaled = np.where(bounded, values, 0) * EPOCHS[unit]
        whole = scaled if scaled.dtype.kind == "i" else np.rint(scaled)
        return whole.astype(np.int64), finite & bounded
    if unit == "ns":
        return (values // 1000).astype(np.int64), finite
    ts, read = from_epochs(values)
    return ts, finite & read


def microseconds(column: pa.Array) -> Times:
    """Timestamps of Arrow in µs."""
    good = column.is_valid().to_numpy(zero_copy_only=False)
    numbers = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return numbers, good
