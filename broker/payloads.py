"""What a device's payload says: readings and states, and what of it cannot be stored.

One bad value costs only itself: everything else in the same message is returned. Nothing here
raises for what a device sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from broker.topics import METRIC_NAME

MICROSECONDS = 1_000_000
# The contract: later than an hour ahead or earlier than this is a wrong clock, not a reading.
CLOCK_TOLERANCE_US = 3600 * MICROSECONDS
EARLIEST_US = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * MICROSECONDS
# Deeper than any telemetry, and far from the limits of every parser involved.
MAX_DEPTH = 16
JSON_TYPES = frozenset({"", "application/json", "text/json", "text/plain"})
# Names that were checked once. A name comes back with every message, so this is nearly all.
GOOD_NAMES: set[str] = set()
GOOD_NAMES_LIMIT = 100_000


class Reason(StrEnum):
    """Why something was not stored: stable, for machines."""

    UNKNOWN_FORMAT = "unknown-format"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    BAD_METRIC_NAME = "bad-metric-name"
    NOT_A_NUMBER = "not-a-number"
    BAD_TEXT = "bad-text"
    BAD_TIME = "bad-time"
    CLOCK_AHEAD = "clock-ahead"
    TOO_OLD = "too-old"
    BAD_TOPIC = "bad-topic"
    BAD_STATUS = "bad-status"
    UNKNOWN_DEVICE = "unknown-device"
    REFUSED_BY_STORAGE = "refused-by-storage"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A part of a message that was not stored.

    Attributes:
        reason: for machines.
        detail: a sentence for the device's maker.
    """

    reason: Reason
    detail: str


@dataclass(slots=True)
class Decoded:
    """What one message holds.

    Attributes:
        readings: metric, time in µs since 1970, and a number or a boolean.
        states: metric, time in µs since 1970, and JSON text.
        rejections: one for each reason, so that a bad message cannot grow into thousands.
    """

    readings: list[tuple[str, int, float]] = field(default_factory=list)
    states: list[tuple[str, int, str]] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def reject(self, reason: Reason, detail: str) -> None:
        """Note a refused part; further ones of the same reason are counted in its sentence."""
        for index, known in enumerate(self.rejections):
            if known.reason is reason:
                sentence, _, more = known.detail.partition(" (and ")
                count = int(more.split()[0]) + 1 if more else 1
                self.rejections[index] = Rejection(reason, f"{sentence} (and {count} more)")
                return
        self.rejections.append(Rejection(reason, detail))


def decode(content_type: str | None, payload: bytes, arrival_us: int) -> Decoded:
    """Decode a telemetry payload.

    Args:
        content_type: of MQTT 5 or HTTP, parameters allowed; None where the sender gave none.
        payload: as it was received.
        arrival_us: when it was received, µs since 1970; the time of values without one.

    Returns:
        Readings, states and rejections; all empty for a payload like ``{}``.
    """
    decoded = Decoded()
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type not in JSON_TYPES:
        decoded.reject(
            Reason.UNKNOWN_FORMAT,
            f"the content type {media_type[:80]!r} is not understood: send application/json",
        )
        return decoded
    document = parse_json(payload, decoded)
    if isinstance(document, dict):
        read_entry(document, arrival_us, decoded, arrival_us)
    elif isinstance(document, list):
        for index, entry in enumerate(document):
            if isinstance(entry, dict):
                # Entries without a time of their own stay apart by a microsecond each.
                read_entry(entry, arrival_us + index, decoded, arrival_us)
            else:
                decoded.reject(Reason.UNKNOWN_FORMAT, f"{shown(entry)} in the list is no object")
    elif not decoded.rejections:
        decoded.reject(
            Reason.UNKNOWN_FORMAT,
            f"{shown(document)} is neither an object nor a list: "
            'send for example {"temperature": 21.5}',
        )
    return decoded


def parse_json(payload: bytes, decoded: Decoded) -> Any:
    """The document that ``payload`` holds; None, with a rejection, where it holds none.

    What strict JSON refuses but devices send, such as NaN, is read by a slower parser, so that
    it costs only the value that has it.
    """
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    except RecursionError:
        decoded.reject(Reason.TOO_DEEP, f"the payload is nested deeper than {MAX_DEPTH} levels")
        return None
    try:
        return json.loads(payload.decode("utf-8-sig"), parse_int=bounded_int)
    except UnicodeDecodeError as error:
        why = f"it is no UTF-8 text: byte {error.start} is {payload[error.start]:#04x}"
    except RecursionError:
        decoded.reject(Reason.TOO_DEEP, f"the payload is nested deeper than {MAX_DEPTH} levels")
        return None
    except json.JSONDecodeError as error:
        why = f"{error.msg} at byte {error.pos}" if payload else "it is empty"
    decoded.reject(Reason.UNKNOWN_FORMAT, f"the payload is no JSON: {why}")
    return None


def bounded_int(digits: str) -> float:
    """An integer; infinity where it is beyond every number that can be stored."""
    return int(digits) if len(digits) < 400 else math.inf


def read_entry(entry: dict[str, Any], default_us: int, decoded: Decoded, arrival_us: int) -> None:
    """Read one object: ``{"ts": …, "values": {…}}``, else names and values themselves."""
    values = entry.get("values")
    if len(entry) != 2 or "ts" not in entry or not isinstance(values, dict):
        read_values(entry, default_us, decoded)
        return
    ts = read_time(entry["ts"], arrival_us)
    if isinstance(ts, Rejection):
        decoded.reject(ts.reason, ts.detail)
    else:
        read_values(values, ts, decoded)


def read_values(values: Mapping[str, Any], ts: int, decoded: Decoded) -> None:
    """Sort names and values into readings, states and rejections."""
    readings = decoded.readings
    for name, value in values.items():
        kind = type(value)
        if name in GOOD_NAMES and (
            kind is bool or ((kind is float or kind is int) and -1e300 < value < 1e300)
        ):
            readings.append((name, ts, value))
        elif value is not None:
            read_value(name, value, ts, decoded, 1)


def read_value(name: str, value: Any, ts: int, decoded: Decoded, depth: int) -> None:
    """Read what is no plain number under a known name."""
    if isinstance(value, dict):
        if depth >= MAX_DEPTH:
            decoded.reject(Reason.TOO_DEEP, f"{name[:80]!r} is nested too deep")
            return
        for key, inner in value.items():
            read_value(f"{name}.{key}", inner, ts, decoded, depth + 1)
    elif value is None:
        return
    elif not is_metric_name(name):
        decoded.reject(
            Reason.BAD_METRIC_NAME,
            f"{name[:80]!r} is no metric name: use 1 to 64 letters, digits, '_', '.' or '-', "
            "beginning with a letter or '_'",
        )
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
    """Read a text or a list."""
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        decoded.reject(Reason.BAD_TEXT, f"{name!r} holds half of a surrogate pair")
    except RecursionError:
        decoded.reject(Reason.TOO_DEEP, f"{name!r} is nested too deep")
    else:
        if "\\u0000" in text:
            decoded.reject(Reason.BAD_TEXT, f"{name!r} holds a NUL character")
        else:
            decoded.states.append((name, ts, text))


def is_metric_name(name: str) -> bool:
    """Whether the contract allows the name."""
    if name in GOOD_NAMES:
        return True
    if not METRIC_NAME.fullmatch(name):
        return False
    if len(GOOD_NAMES) < GOOD_NAMES_LIMIT:
        GOOD_NAMES.add(name)
    return True


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


def shown(value: object) -> str:
    """A value in a sentence, cut to a readable length."""
    text = ascii(value) if not isinstance(value, int) else "the number"
    return text if len(text) <= 60 else f"{text[:57]}..."


def decode_attributes(payload: bytes) -> dict[str, Any] | Rejection:
    """The object that a device says of itself, or why it is none.

    Returns:
        Names and JSON values, safe to be stored as jsonb.
    """
    decoded = Decoded()
    document = parse_json(payload, decoded)
    if decoded.rejections:
        return decoded.rejections[0]
    if not isinstance(document, dict):
        return Rejection(Reason.UNKNOWN_FORMAT, "attributes are a JSON object")
    try:
        text = json.dumps(document, allow_nan=False)
    except (ValueError, RecursionError):
        return Rejection(Reason.NOT_A_NUMBER, "attributes hold a number that JSON does not have")
    if "\\u0000" in text or ("\\ud" in text and not is_encodable(text)):
        return Rejection(Reason.BAD_TEXT, "attributes hold a character that cannot be stored")
    return document


def is_encodable(text: str) -> bool:
    """Whether every surrogate of a JSON text has its other half."""
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def decode_status(payload: bytes) -> bool | Rejection:
    """Whether the device says that it is online."""
    known: Sequence[bytes] = (b"offline", b"online")
    text = payload.strip().strip(b'"')
    if text in known:
        return bool(known.index(text))
    return Rejection(Reason.BAD_STATUS, "a status is the word online or offline")
