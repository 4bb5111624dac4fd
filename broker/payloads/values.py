"""Names and values, sorted into readings, states and rejections."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.payloads.decoded import Column, Decoded, Reason, Rejection, shown
from broker.topics import METRIC_NAME

# Deeper than any telemetry, and far from the limits of every parser involved.
MAX_DEPTH = 16
# Names that were checked once. A name comes back with every message, so this is nearly all.
GOOD_NAMES: set[str] = set()
GOOD_NAMES_LIMIT = 100_000
# A name that is longer is bad whatever follows, so it need not grow any further.
LONG_NAME = 80
ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
NUMBERS, NESTING = frozenset({int, float, bool}), frozenset({list, dict})
# An escaped NUL, whose backslash is not itself escaped.
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
# Why a value is no jsonb.
DEEP = Rejection(Reason.TOO_DEEP, f"is nested deeper than {MAX_DEPTH} levels")
STRANGE = Rejection(Reason.NOT_A_NUMBER, "holds what JSON does not have")
HALF_A_PAIR = Rejection(Reason.BAD_TEXT, "holds half of a surrogate pair")
WITH_NUL = Rejection(Reason.BAD_TEXT, "holds a NUL character")


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
        read_object(name, value, ts, decoded, depth)
    elif value is None or not check_name(name, decoded):
        return
    elif isinstance(value, bool):
        decoded.readings.append((name, ts, value))
    elif isinstance(value, int | float):
        read_number(name, value, ts, decoded)
    else:
        read_state(name, value, ts, decoded)


def read_object(name: Any, value: dict[Any, Any], ts: int, decoded: Decoded, depth: int) -> None:
    """Read the values of an object under their joined names."""
    if depth >= MAX_DEPTH:
        decoded.reject(Reason.TOO_DEEP, lambda: f"{shown(name)} is nested too deep")
        return
    if not is_key(name):
        check_name(name, decoded)
        return
    prefix = str(name)[:LONG_NAME]
    for key, inner in value.items():
        if is_key(key):
            read_value(f"{prefix}.{key}", inner, ts, decoded, depth + 1)
        elif inner is not None:
            check_name(key, decoded)


def is_key(key: Any) -> bool:
    """Whether a key can be part of a name; keys of CBOR may be anything."""
    return isinstance(key, str) or (type(key) is int and abs(key) < 2**63)


def read_number(name: str, value: float, ts: int, decoded: Decoded) -> None:
    """Read a number that a double may or may not hold."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isfinite(number):
        decoded.readings.append((name, ts, number))
    else:
        reject_number(name, decoded)


def reject_number(name: str, decoded: Decoded, count: int = 1) -> None:
    """Note values that no double holds."""
    decoded.reject(
        Reason.NOT_A_NUMBER, lambda: f"{name!r} is not a number that can be stored", count
    )


def read_state(name: str, value: Any, ts: int, decoded: Decoded) -> None:
    """Read a text or a list."""
    text = to_json(value)
    if isinstance(text, Rejection):
        decoded.reject(text.reason, lambda: f"{name!r} {text.detail}")
    else:
        decoded.states.append((name, ts, text))


def to_json(value: Any) -> str | Rejection:
    """JSON text that PostgreSQL takes as jsonb, or what is wrong with the value."""
    if is_deeper(value, MAX_DEPTH):
        return DEEP
    try:
        text = ENCODER.encode(value)
        text.encode()
    except UnicodeEncodeError:
        return HALF_A_PAIR
    except (TypeError, ValueError):
        return STRANGE
    return WITH_NUL if "\\u0000" in text and NUL.search(text) else text


def is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested deeper."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    # The types are looked at first: nearly every list has no other list in it.
    return levels == 0 or (
        not NESTING.isdisjoint(map(type, value))
        and any(is_deeper(each, levels - 1) for each in value)
    )


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
            lambda: f"{shown(name)} is no list of {len(ts)} values, one for each time",
        )
        return
    if not check_name(name, decoded):
        return
    array = as_numbers(values)
    if array is None:
        for value, when, kept in zip(values, ts.tolist(), good.tolist(), strict=True):
            if kept and value is not None:
                read_value(name, value, when, decoded)
        return
    numbers = array.astype(np.float64)
    kept = good & np.isfinite(numbers)
    if (count := int(np.count_nonzero(kept))) < len(kept):
        if (refused := int(np.count_nonzero(good)) - count) > 0:
            reject_number(name, decoded, refused)
        ts, numbers = ts[kept], numbers[kept]
    decoded.columns.append(Column(name, ts, numbers, array.dtype.kind == "b"))


def as_numbers(values: Any) -> NDArray[Any] | None:
    """A list of numbers or booleans as an array of them; None where it holds something else.

    The types are looked at first: NumPy would read texts as numbers, and makes all texts of a
    list as long as the longest.
    """
    if isinstance(values, np.ndarray):
        return values
    if not NUMBERS.issuperset(map(type, values)):
        return None
    try:
        array = np.array(values)
    except OverflowError:
        return None
    return array if array.dtype.kind in "biuf" else None


def check_name(name: Any, decoded: Decoded) -> bool:
    """Whether the contract allows the name; a rejection where it does not."""
    if name in GOOD_NAMES:
        return True
    if not isinstance(name, str) or not METRIC_NAME.fullmatch(name):
        decoded.reject(
            Reason.BAD_METRIC_NAME,
            lambda: (
                f"{shown(name)} is no metric name: use 1 to 64 letters, digits, '_', '.' or '-', "
                "beginning with a letter or '_'"
            ),
        )
        return False
    if len(GOOD_NAMES) < GOOD_NAMES_LIMIT:
        GOOD_NAMES.add(name)
    return True
