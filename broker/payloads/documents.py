"""The platform's own shapes, as JSON or CBOR: flat, timed and columnar."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.payloads.decoded import Decoded, Reason, shown
from broker.payloads.times import CLOCK_TOLERANCE_US, read_time, read_times, reject_ahead
from broker.payloads.values import read_column, read_values

TIMED = {"ts", "values"}
SAMPLED = {"t0", "dt", "values"}
# A sampled block has no more than this: it is a message, not an archive.
MAX_SAMPLES = 10_000_000
# The offset of a sample, in µs, is held below this, which is far ahead and far from overflow.
FAR_AHEAD_US = 2**62


def read_document(document: Any, arrival_us: int, decoded: Decoded) -> None:
    """Read an object, or a list of objects."""
    if isinstance(document, dict):
        read_entry(document, arrival_us, arrival_us, decoded)
    elif isinstance(document, list):
        read_entries(document, arrival_us, decoded)
    else:
        decoded.reject(
            Reason.UNKNOWN_FORMAT,
            lambda: (
                f"{shown(document)} is neither an object nor a list: "
                'send for example {"temperature": 21.5}'
            ),
        )


def read_entries(entries: list[Any], arrival_us: int, decoded: Decoded) -> None:
    """Read a list of objects; what is none costs only itself."""
    strangers = [entry for entry in entries if not isinstance(entry, dict)]
    if strangers:
        decoded.reject(
            Reason.UNKNOWN_FORMAT,
            lambda: f"{shown(strangers[0])} in the list is no object",
            len(strangers),
        )
    for index, entry in enumerate(entries):
        if isinstance(entry, dict):
            # Entries without a time of their own stay apart by a microsecond each.
            read_entry(entry, arrival_us + index, arrival_us, decoded)


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
    ts = read_time(when, arrival_us, decoded)
    if ts is not None:
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
    t0 = read_time(start, arrival_us, decoded)
    if t0 is None:
        return
    if isinstance(step, bool) or not isinstance(step, int | float) or not 0 < step < 1e9:
        decoded.reject(
            Reason.BAD_TIME,
            lambda: f"dt is {shown(step)}: send the milliseconds between two values",
        )
        return
    # Columns of one message have nearly always one length.
    times: dict[int, NDArray[np.int64]] = {}
    for name, column in values.items():
        count = len(column) if isinstance(column, list | np.ndarray) else 0
        if count not in times:
            times[count] = sample_times(t0, step, count)
        read_sampled(name, column, times[count], arrival_us, decoded)


def sample_times(t0: int, step: float, count: int) -> NDArray[np.int64]:
    """(n,) µs since 1970, from t0 on, step ms apart; none where they are too many."""
    if count > MAX_SAMPLES:
        return np.empty(0, np.int64)
    offsets = np.minimum(np.rint(np.arange(count) * (step * 1000)), FAR_AHEAD_US)
    return np.asarray(t0 + offsets.astype(np.int64))


def read_sampled(
    name: Any, column: Any, ts: NDArray[np.int64], arrival_us: int, decoded: Decoded
) -> None:
    """Read one column of samples, as far as the server's clock allows."""
    if not len(ts):
        decoded.reject(Reason.BAD_SHAPE, lambda: f"{shown(name)} is no list of values")
        return
    good = ts <= arrival_us + CLOCK_TOLERANCE_US
    if (stored := int(np.count_nonzero(good))) < len(ts):
        reject_ahead(int(ts[stored]), decoded, len(ts) - stored)
    read_column(name, column, ts, good, decoded)
