"""The platform's own shapes, as JSON or CBOR: flat, timed and columnar."""

from __future__ import annotations

from typing import Any

import numpy as np

from broker.payloads.decoded import Decoded, Reason, Rejection, shown
from broker.payloads.times import check_range, read_time, read_times
from broker.payloads.values import read_column, read_values

TIMED = {"ts", "values"}
SAMPLED = {"t0", "dt", "values"}
# A sampled block has no more than this: it is a message, not an archive.
MAX_SAMPLES = 10_000_000


def read_document(document: Any, arrival_us: int, decoded: Decoded) -> None:
    """Read an object, or a list of objects."""
    if isinstance(document, dict):
        read_entry(document, arrival_us, arrival_us, decoded)
    elif isinstance(document, list):
        for index, entry in enumerate(document):
            if isinstance(entry, dict):
                # Entries without a time of their own stay apart by a microsecond each.
                read_entry(entry, arrival_us + index, arrival_us, decoded)
            else:
                decoded.reject(Reason.UNKNOWN_FORMAT, f"{shown(entry)} in the list is no object")
    else:
        decoded.reject(
            Reason.UNKNOWN_FORMAT,
            f"{shown(document)} is neither an object nor a list: "
            'send for example {"temperature": 21.5}',
        )


def read_entry(entry: dict[Any, Any], default_us: int, arrival_us: int, decoded: Decoded) -> None:
    """Read one object, whose shape its keys tell."""
    values = entry.get("values")
    if not isinstance(values, dict):
        read_values(entry, default_us, decoded)
    elif entry.keys() == TIMED:
        if isinstance(entry["ts"], list | np.ndarray):
            read_columns(entry["ts"], values, arrival_us, decoded)
        else:
            read_moment(entry["ts"], values, arrival_us, decoded)
    elif entry.keys() == SAMPLED:
        read_samples(entry["t0"], entry["dt"], values, arrival_us, decoded)
    else:
        read_values(entry, default_us, decoded)


def read_moment(when: Any, values: dict[Any, Any], arrival_us: int, decoded: Decoded) -> None:
    """Read ``{"ts": …, "values": {…}}``."""
    ts = read_time(when, arrival_us)
    if isinstance(ts, Rejection):
        decoded.reject(ts.reason, ts.detail)
    else:
        read_values(values, ts, decoded)


def read_columns(when: Any, values: dict[Any, Any], arrival_us: int, decoded: Decoded) -> None:
    """Read ``{"ts": […], "values": {"a": […]}}``."""
    ts, good = read_times(when, arrival_us, decoded)
    for name, column in values.items():
        read_column(name, column, ts, good, decoded)


def read_samples(
    start: Any, step: Any, values: dict[Any, Any], arrival_us: int, decoded: Decoded
) -> None:
    """Read ``{"t0": …, "dt": 1.0, "values": {"a": […]}}``; dt is in milliseconds."""
    t0 = read_time(start, arrival_us)
    if isinstance(t0, Rejection):
        decoded.reject(t0.reason, t0.detail)
        return
    if isinstance(step, bool) or not isinstance(step, int | float) or not 0 < step < 1e9:
        decoded.reject(
            Reason.BAD_TIME, f"dt is {shown(step)}: send the milliseconds between two values"
        )
        return
    for name, column in values.items():
        count = len(column) if isinstance(column, list | np.ndarray) else 0
        if not 0 < count <= MAX_SAMPLES:
            decoded.reject(Reason.BAD_SHAPE, f"{str(name)[:80]!r} is no list of values")
            continue
        ts = t0 + np.rint(np.arange(count) * (step * 1000)).astype(np.int64)
        good = check_range(ts, np.ones(count, bool), arrival_us, decoded)
        read_column(name, column, ts, good, decoded)
