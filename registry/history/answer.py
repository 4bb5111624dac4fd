"""Answers as columns of JSON, or as rows of CSV. A million values take a second, in a thread."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from storage.history.columns import MICROSECOND, Times, Values, moment
from storage.history.grid import MINUTE, SECOND
from storage.history.questions import Line

Json = dict[str, Any]


def as_json(head: Json, lines: Sequence[Line], *, as_text: bool) -> bytes:
    """The document: an item for each series, then the head.

    Args:
        head: what is said of all.
        lines: the series.
        as_text: whether times are text, else milliseconds.
    """
    items = [item(line, as_text=as_text) for line in lines]
    # NaN becomes null.
    return msgspec.json.encode({"items": items, **head})


def item(line: Line, *, as_text: bool) -> Json:
    """A series with its columns."""
    return {
        "device_id": line.series.device_id,
        "metric": line.series.metric,
        "unit": line.series.unit,
        "time_zone": line.time_zone,
        "ts": texts(line.ts, line.time_zone) if as_text else milliseconds(line.ts),
        "values": {name: plain(name, values) for name, values in line.values.items()},
        "thinned_from": line.thinned_from,
    }


def plain(name: str, values: Values) -> list[Any]:
    """A column as Python has it; counts are whole."""
    found: list[Any] = (values.astype(np.int64) if name == "count" else values).tolist()
    return found


def milliseconds(ts: Times) -> list[Any]:
    """Milliseconds since 1970: whole ones, where all are, else with decimals."""
    found: list[Any] = (ts // 1000 if not (ts % 1000).any() else ts / 1000).tolist()
    return found


def texts(ts: Times, zone: str) -> list[str]:
    """RFC 3339 in a time zone, with seconds, or with microseconds where one has them."""
    # No zone of this century changes its offset within a minute.
    minutes, place = np.unique(ts // MINUTE, return_inverse=True)
    offsets = [offset(each * MINUTE, ZoneInfo(zone)) for each in minutes.tolist()]
    shift = np.array([each // MICROSECOND for each in offsets], np.int64)
    local = (ts + shift[place]).astype("datetime64[us]")
    found = np.datetime_as_string(local, unit="us" if (ts % SECOND).any() else "s")
    endings = np.array([written(each) for each in offsets], dtype=str)
    joined: list[str] = np.strings.add(found, endings[place]).tolist()
    return joined


def offset(us: int, zone: ZoneInfo) -> timedelta:
    """By how much clocks of the zone are ahead of UTC."""
    return moment(us).astimezone(zone).utcoffset() or timedelta(0)


def written(ahead: timedelta) -> str:
    """An offset as RFC 3339 writes it."""
    minutes = ahead // timedelta(minutes=1)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}" if minutes else "Z"


def as_csv(lines: Sequence[Line], columns: Sequence[str]) -> bytes:
    """A table (RFC 4180) with a header and a row for each time of each series."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("device_id", "metric", "ts", *columns))
    for line in lines:
        each = (cells(plain(name, line.values[name])) for name in columns)
        key = line.series.device_id, line.series.metric
        times = texts(line.ts, line.time_zone)
        writer.writerows((*key, *row) for row in zip(times, *each, strict=True))
    return text.getvalue().encode()


def cells(column: list[Any]) -> list[Any]:
    """A column with nothing in the place of NaN."""
    return [None if value != value else value for value in column]
