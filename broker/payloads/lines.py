"""InfluxDB's line protocol, one point a line."""

from __future__ import annotations

import re
from typing import Any

from line_protocol_parser import LineFormatError, parse_line

from broker.payloads.decoded import Decoded, Reason, Rejection, shown
from broker.payloads.times import read_time
from broker.payloads.values import read_values

# A measurement, tags if any, then fields: enough to tell it from a text that is something else.
LINE = re.compile(rb"[^\s,={}\[\]\"][^\n]*? [^\n]*=")


def looks_like_lines(payload: bytes) -> bool:
    """Whether the first line that is no comment has the shape of a point."""
    for line in payload.splitlines():
        if line.strip() and not line.startswith(b"#"):
            return LINE.match(line) is not None
    return False


def read_lines(payload: bytes, arrival_us: int, decoded: Decoded) -> None:
    """Read every line; a bad one costs only itself.

    Fields are the metrics. Where a message has several measurements, they become prefixes. Tags
    are facts about the device, so they are kept as attributes.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        decoded.reject(Reason.UNKNOWN_FORMAT, f"the payload is no UTF-8 text at byte {error.start}")
        return
    points = [point for line in text.splitlines() if (point := parse(line, decoded)) is not None]
    several = len({point["measurement"] for point in points}) > 1
    for index, point in enumerate(points):
        prefix = f"{point['measurement']}." if several else ""
        ts = arrival_us + index if point["time"] is None else read_time(point["time"], arrival_us)
        if isinstance(ts, Rejection):
            decoded.reject(ts.reason, ts.detail)
            continue
        read_values({prefix + name: value for name, value in point["fields"].items()}, ts, decoded)
        decoded.attributes.update(point["tags"])


def parse(line: str, decoded: Decoded) -> dict[str, Any] | None:
    """One point; None for an empty line, a comment, or, with a rejection, a bad line."""
    if not line.strip() or line.startswith("#"):
        return None
    if "\x00" in line:
        decoded.reject(Reason.BAD_TEXT, "a line holds a NUL character")
        return None
    try:
        point: dict[str, Any] = parse_line(line)
    except (LineFormatError, OverflowError, ValueError) as error:
        decoded.reject(
            Reason.UNKNOWN_FORMAT,
            f"{shown(line)} is no line protocol: {error}".rstrip("."),
        )
        return None
    return point
