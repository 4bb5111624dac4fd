"""InfluxDB's line protocol, one point a line."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any

from line_protocol_parser import LineFormatError, parse_line

from broker.payloads.decoded import Decoded, Reason, shown
from broker.payloads.times import read_time
from broker.payloads.values import LONG_NAME, read_values

# What no measurement begins with: enough to tell a point from a text that is something else.
NO_MEASUREMENT = re.compile(rb"[\s,={}\[\]\"]")
# The measurement and the tags, as far as the first blank that is not escaped.
HEAD = re.compile(r"(?:[^\\ ]|\\.|\\$)*", re.DOTALL)
ESCAPED = re.compile(r"\\.")
# The parser compares every tag with every other.
MAX_TAGS = 1000


def looks_like_lines(payload: bytes) -> bool:
    """Whether the first line that is no comment has the shape of a point."""
    for line in payload.splitlines():
        if line.strip() and not line.startswith(b"#"):
            return not NO_MEASUREMENT.match(line) and b"=" in line.partition(b" ")[2]
    return False


def read_lines(payload: bytes, arrival_us: int, decoded: Decoded) -> None:
    """Read every line; a bad one costs only itself.

    Fields are the metrics. Where a message has several measurements, they become prefixes. Tags
    are facts about the device, so they are kept as attributes.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        where = error.start
        decoded.reject(
            Reason.UNKNOWN_FORMAT, lambda: f"the payload is no UTF-8 text at byte {where}"
        )
        return
    points = [point for line in split(text) if (point := parse(line, decoded)) is not None]
    several = len({point["measurement"] for point in points}) > 1
    for index, point in enumerate(points):
        when, fields = point["time"], point["fields"]
        ts = arrival_us + index if when is None else read_time(when, arrival_us, decoded)
        if ts is None:
            continue
        if several:
            prefix = point["measurement"][:LONG_NAME]
            fields = {f"{prefix}.{name}": value for name, value in fields.items()}
        read_values(fields, ts, decoded)
        decoded.attributes.update(point["tags"])


def split(text: str) -> list[str]:
    """The lines, of which one with a text of several lines is one."""
    lines = text.split("\n")
    if '"' not in text:
        return lines
    ends = [index for index, line in enumerate(lines) if is_odd(line)]
    points, index = [], 0
    while index < len(lines):
        last = index
        if has_open_text(lines[index]) and (after := bisect_right(ends, index)) < len(ends):
            last = ends[after]
        points.append("\n".join(lines[index : last + 1]))
        index = last + 1
    return points


def is_odd(text: str) -> bool:
    """Whether the number of quotes that are not escaped is odd."""
    return '"' in text and ESCAPED.sub("", text).count('"') % 2 == 1


def has_open_text(line: str) -> bool:
    """Whether a field's text goes on in the next line."""
    return '"' in line and not line.startswith("#") and is_odd(line[head_of(line) :])


def head_of(line: str) -> int:
    """How many characters the measurement and the tags have."""
    found = HEAD.match(line)
    return found.end() if found else 0


def parse(line: str, decoded: Decoded) -> dict[str, Any] | None:
    """One point; None for an empty line, a comment, or, with a rejection, a bad line."""
    if not line.strip() or line.startswith("#"):
        return None
    if "\x00" in line:
        decoded.reject(Reason.BAD_TEXT, lambda: "a line holds a NUL character")
        return None
    if line.count(",") > MAX_TAGS and line.count(",", 0, head_of(line)) > MAX_TAGS:
        decoded.reject(
            Reason.BAD_SHAPE, lambda: f"{shown(line)} has more than {MAX_TAGS} tags: send fewer"
        )
        return None
    try:
        point: dict[str, Any] = parse_line(line.removesuffix("\r"))
    except (LineFormatError, OverflowError, ValueError) as error:
        why = error
        decoded.reject(
            Reason.UNKNOWN_FORMAT, lambda: f"{shown(line)} is no line protocol: {why}".rstrip(".")
        )
        return None
    return point
