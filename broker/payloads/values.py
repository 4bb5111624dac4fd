"""Names and values, sorted into readings, states and rejections."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from broker.payloads.decoded import Column, Decoded, Reason
from broker.topics import METRIC_NAME

# Deeper than any telemetry, and far from the limits of every parser involved.
MAX_DEPTH = 16
# Names that were checked once. A name comes back with every message, so this is nearly all.
GOOD_NAMES: set[str] = set()
GOOD_NAMES_LIMIT = 100_000


def read_values(values: Mapping[Any, Any], ts: int, decoded: Decoded) -> None:
    """Sort names and values of one moment."""
    readings = decoded.readings
    for name, value in values.items():
        kind = type(value)
        if name in GOOD_NAMES and (
            kind is bool or ((kind is float or kind is int) and -1e300 < value < 1e300)
        ):
            readings.append((name, ts, value))
        elif value is not None:
            read_value(name, value, ts, decoded)


def read_value(name: Any, value: Any, ts: int, decoded: Decoded, depth: int = 1) -> None:
    """Read what is no plain number under a known name."""
    if isinstance(value, dict):
        if depth >= MAX_DEPTH:
            decoded.reject(Reason.TOO_DEEP, f"{str(name)[:80]!r} is nested too deep")
            return
        for key, inner in value.items():
            read_value(f"{name}.{key}", inner, ts, decoded, depth + 1)
    elif value is None or not check_name(name, decoded):
        return
    elif isinstance(value, bool):
        decoded.readings.append((name, ts, value))
    elif isinstance(value, int | float):
        read_number(name, value, ts, decoded)
    else:
        read_state(name, value, ts, decoded)


def read_number(name: str, value: float, ts: int, decoded: Decoded) -> None:
    """Read a number that a double may or may not hold."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isfinite(number):
        decoded.readings.append((name, ts, number))
    else:
        decoded.reject(Reason.NOT_A_NUMBER, f"{name!r} is not a number that can be stored")


def read_state(name: str, value: Any, ts: int, decoded: Decoded) -> None:
    """Read a text or a list, as JSON that PostgreSQL takes."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:
        decoded.reject(Reason.BAD_TEXT, f"{name!r} holds half of a surrogate pair")
    except RecursionError:
        decoded.reject(Reason.TOO_DEEP, f"{name!r} is nested too deep")
    except (TypeError, ValueError):
        decoded.reject(Reason.NOT_A_NUMBER, f"{name!r} holds what JSON does not have")
    else:
        if "\\u0000" in text:
            decoded.reject(Reason.BAD_TEXT, f"{name!r} holds a NUL character")
        else:
            decoded.states.append((name, ts, text))


def read_column(name: Any, values: Any, ts: Any, good: Any, decoded: Decoded) -> None:
    """Read many values of one metric.

    Args:
        name: of the metric.
        values: a list, or an array, of n values.
        ts: (n,) µs since 1970.
        good: (n,) which of the times may be stored.
        decoded: gets the column, and what does not fit into one.
    """
    if not isinstance(values, list | np.ndarray) or len(values) != len(ts):
        decoded.reject(
            Reason.BAD_SHAPE,
            f"{str(name)[:80]!r} is no list of {len(ts)} values, one for each time",
        )
        return
    if not check_name(name, decoded):
        return
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):
        array = np.empty(0, dtype=object)
    if array.ndim == 1 and array.dtype.kind in "biuf" and len(array) == len(ts):
        numbers = array.astype(np.float64)
        kept = good & np.isfinite(numbers)
        if (refused := int((good & ~kept).sum())) > 0:
            decoded.reject(
                Reason.NOT_A_NUMBER, f"{name!r} is not a number that can be stored", refused
            )
        decoded.columns.append(Column(name, ts[kept], numbers[kept], array.dtype.kind == "b"))
    else:
        for index in np.flatnonzero(good):
            if values[index] is not None:
                read_value(name, values[index], int(ts[index]), decoded)


def check_name(name: Any, decoded: Decoded) -> bool:
    """Whether the contract allows the name; a rejection where it does not."""
    if name in GOOD_NAMES:
        return True
    if not isinstance(name, str) or not METRIC_NAME.fullmatch(name):
        decoded.reject(
            Reason.BAD_METRIC_NAME,
            f"{str(name)[:80]!r} is no metric name: use 1 to 64 letters, digits, '_', '.' or '-', "
            "beginning with a letter or '_'",
        )
        return False
    if len(GOOD_NAMES) < GOOD_NAMES_LIMIT:
        GOOD_NAMES.add(name)
    return True
