"""What a payload says, read a second time: slowly, simply, and by other code than the decoder's.

The platform's shapes and SenML are walked as trees of plain Python values. What comes out has to be
what the decoder says, to the value and to the microsecond.
"""

from __future__ import annotations

import calendar
import json
import math
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}\Z")
FIRST_US = 946_684_800_000_000  # 2000-01-01T00:00:00Z
HOUR_US = 3_600_000_000
LEVELS = 16
SAMPLES = 10_000_000


class BeyondError(Exception):
    """The oracle does not know what this payload says."""


@dataclass
class Said:
    """What a payload says.

    Attributes:
        readings: metric, time in µs since 1970, number.
        states: metric, time, canonical JSON.
        units: metric to unit.
        refused: how many parts cannot be stored.
    """

    readings: list[tuple[str, int, float]] = field(default_factory=list)
    states: list[tuple[str, int, str]] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    refused: int = 0

    def leaf(self, name: Any, value: Any, ts: int) -> None:
        """Sort one value in."""
        if value is None:
            return
        if not isinstance(name, str) or not NAME.match(name):
            self.refused += 1
        elif isinstance(value, int | float):
            number = as_double(value)
            if math.isfinite(number):
                self.readings.append((name, ts, number))
            else:
                self.refused += 1
        elif is_storable(value, LEVELS):
            self.states.append((name, ts, canonical(value)))
        else:
            self.refused += 1

    def tree(self, path: tuple[Any, ...], value: Any, ts: int) -> None:
        """Sort the leaves of a value in."""
        if isinstance(value, dict) and len(path) >= LEVELS:
            self.refused += 1
        elif isinstance(value, dict):
            for key, inner in value.items():
                self.tree((*path, key), inner, ts)
        else:
            self.leaf(".".join(path), value, ts)


def as_double(value: float) -> float:
    """The nearest double; infinity beyond all of them."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def is_storable(value: Any, levels: int) -> bool:
    """Whether JSON and PostgreSQL have a value."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return levels > 0 and all(is_storable(each, levels - 1) for each in value)
    if isinstance(value, dict):
        return levels > 0 and all(
            is_storable(key, 0) and is_storable(each, levels - 1) for key, each in value.items()
        )
    return value is None or isinstance(value, int)


def canonical(value: Any) -> str:
    """JSON text in which equal values are equal; integers beyond 64 bits are doubles."""
    return json.dumps(rounded(value), sort_keys=True)


def rounded(value: Any) -> Any:
    """The value with its long integers as doubles."""
    if isinstance(value, list):
        return [rounded(each) for each in value]
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        number = as_double(value)
        return number if math.isfinite(number) else "a long number"
    return value


# --- the platform's shapes -------------------------------------------------------------------


def of_document(document: Any, arrival_us: int) -> Said:
    """What a document of the platform's shapes says."""
    said = Said()
    if isinstance(document, dict):
        of_object(document, arrival_us, arrival_us, said)
    elif isinstance(document, list):
        for index, entry in enumerate(document):
            if isinstance(entry, dict):
                of_object(entry, arrival_us + index, arrival_us, said)
            else:
                said.refused += 1
    else:
        said.refused += 1
    return said


def of_object(entry: dict[str, Any], now_us: int, arrival_us: int, said: Said) -> None:
    """Read one object."""
    keys, values = set(entry), entry.get("values")
    if keys == {"ts", "values"} and isinstance(values, dict):
        if isinstance(entry["ts"], list):
            of_columns(entry["ts"], values, arrival_us, said)
        elif (ts := time_of(entry["ts"], arrival_us)) is None:
            said.refused += 1
        else:
            of_values(values, ts, said)
    elif keys == {"t0", "dt", "values"} and isinstance(values, dict):
        of_samples(entry["t0"], entry["dt"], values, arrival_us, said)
    else:
        of_values(entry, now_us, said)


def of_values(values: dict[str, Any], ts: int, said: Said) -> None:
    """Read the values of one moment."""
    for name, value in values.items():
        said.tree((name,), value, ts)


def of_columns(times: list[Any], values: dict[str, Any], arrival_us: int, said: Said) -> None:
    """Read columns with a time for each row."""
    moments = [time_of(each, arrival_us) for each in times]
    said.refused += moments.count(None)
    for name, column in values.items():
        of_column(name, column, moments, said)


def of_column(name: str, column: Any, moments: list[int | None], said: Said) -> None:
    """Read one column."""
    if not isinstance(column, list) or len(column) != len(moments) or not NAME.match(name):
        said.refused += 1
        return
    for value, ts in zip(column, moments, strict=True):
        if ts is not None:
            said.tree((name,), value, ts)


def of_samples(t0: Any, dt: Any, values: dict[str, Any], arrival_us: int, said: Said) -> None:
    """Read columns whose rows are dt milliseconds apart."""
    start = time_of(t0, arrival_us)
    if start is None or isinstance(dt, bool) or not isinstance(dt, int | float):
        said.refused += 1
        return
    if not 0 < dt < 1e9:
        said.refused += 1
        return
    for name, column in values.items():
        if not isinstance(column, list) or not 0 < len(column) <= SAMPLES:
            said.refused += 1
            continue
        times = [start + round(index * (dt * 1000)) for index in range(len(column))]
        moments = [ts if ts <= arrival_us + HOUR_US else None for ts in times]
        said.refused += moments.count(None)
        of_column(name, column, moments, said)


def time_of(value: Any, arrival_us: int) -> int | None:
    """µs since 1970 of a plausible time."""
    ts: int | None = None
    if isinstance(value, str):
        ts = time_of_text(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        ts = time_of_number(value)
    return ts if ts is not None and FIRST_US <= ts <= arrival_us + HOUR_US else None


def time_of_number(value: float) -> int | None:
    """µs since 1970 of epoch seconds, milliseconds, microseconds or nanoseconds."""
    if math.isnan(value) or abs(value) >= 1e20:
        return None
    for bound, factor in ((1e11, 1_000_000), (1e14, 1000), (1e17, 1)):
        if abs(value) < bound:
            return round(value * factor)
    return math.floor(value) // 1000


def time_of_text(value: str) -> int | None:
    """µs since 1970 of a time with an offset."""
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return None
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return calendar.timegm(moment.timetuple()) * 1_000_000 + moment.microsecond


# --- SenML -----------------------------------------------------------------------------------

LABELS = ["bver", "bn", "bt", "bu", "bv", "bs", "n", "u", "v", "vs", "vb", "s", "t", "ut", "vd"]
CODES = dict(zip([*range(-1, -7, -1), *range(9)], LABELS, strict=True))
BASE_LABELS = ("bver", "bn", "bt", "bu", "bv", "bs")


def of_pack(document: Any, arrival_us: int) -> Said:
    """What a pack of SenML says, by the resolution of RFC 8428, 4.6."""
    said = Said()
    if not isinstance(document, list) or not all(isinstance(each, dict) for each in document):
        said.refused += 1
        return said
    records = [
        {CODES.get(key, key): value for key, value in each.items() if value is not None}
        for each in document
    ]
    devices = {each["bn"] for each in records if isinstance(each.get("bn"), str)}
    base: dict[str, Any] = {}
    for record in records:
        base = {**base, **{key: record[key] for key in BASE_LABELS if key in record}}
        of_record({**base, **record}, len(devices) > 1, arrival_us, said)
    return said


def of_record(record: dict[str, Any], several: bool, arrival_us: int, said: Said) -> None:
    """Read a record that has its base fields."""
    held = [label for label in ("v", "vs", "vb", "vd") if label in record]
    if not is_record(record) or len(held) > 1:
        said.refused += 1
        return
    if not held and "s" not in record:
        return
    name = plain_name(record.get("bn", ""), record.get("n", ""), several)
    ts = senml_time(record, arrival_us)
    if not NAME.match(name) or ts is None:
        said.refused += 1
        return
    for label in held:
        value = record[label]
        if label == "v" and "bv" in record:
            value = added(record["bv"], value)
        said.leaf(name, value.hex() if isinstance(value, bytes) else value, ts)
    if "s" in record:
        said.leaf(f"{name}.sum", added(record.get("bs", 0), record["s"]), ts)
    unit = record.get("u", record.get("bu"))
    if isinstance(unit, str) and unit.isprintable() and unit:
        said.units[name] = unit[:64]
    elif unit:
        said.refused += 1


def is_record(record: dict[str, Any]) -> bool:
    """Whether every field has its type, and none has to be understood that is not."""

    def number(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    for key, value in record.items():
        if key in ("bt", "bv", "bs", "v", "s", "t", "ut") and not number(value):
            return False
        if key in ("n", "bn", "vs") and not isinstance(value, str):
            return False
        if key == "vb" and not isinstance(value, bool):
            return False
        if key == "vd" and not isinstance(value, str | bytes):
            return False
        if key not in LABELS and isinstance(key, str) and key[-1:] == "_":
            return False
    version = record.get("bver", 10)
    return isinstance(version, int) and not isinstance(version, bool) and version <= 10


def senml_time(record: dict[str, Any], arrival_us: int) -> int | None:
    """µs since 1970 of a record."""
    seconds = added(record.get("bt", 0), record.get("t", 0))
    if math.isnan(seconds) or abs(seconds) > 1e15:
        return None
    ts = round(seconds * 1_000_000)
    ts += arrival_us if seconds < 2**28 else 0
    return ts if FIRST_US <= ts <= arrival_us + HOUR_US else None


def added(base: float, value: float) -> float:
    """The sum; infinity beyond all doubles."""
    try:
        return base + value
    except OverflowError:
        return math.inf


def plain_name(base: str, name: str, several: bool) -> str:
    """The metric of a SenML name."""
    full = name if name and not several else base + name
    while full and full[0] in ":/":
        full = full[1:]
    while full and full[-1] in ":/":
        full = full[:-1]
    plain = "".join(letter if re.match(r"[A-Za-z0-9_.\-]", letter) else "_" for letter in full)
    return plain if plain[:1].isalpha() or plain[:1] == "_" else f"_{plain}"


def looks_like_pack(document: Any) -> bool:
    """Whether a list whose format nobody named is SenML."""
    if not isinstance(document, list) or not all(isinstance(each, dict) for each in document):
        return False
    told = {"v", "vs", "vb", "vd", "s", *BASE_LABELS}
    return all(told & set(each) for each in document) and any(
        isinstance(each.get("n"), str) or isinstance(each.get("bn"), str) for each in document
    )


# --- from bytes ------------------------------------------------------------------------------


def json_of(payload: bytes) -> Any:
    """The document of JSON.

    Raises:
        ValueError: it is none.
        BeyondError: it is nested deeper than Python follows.
    """
    try:
        return json.loads(payload.decode("utf-8-sig"), parse_int=bounded)
    except RecursionError:
        raise BeyondError from None


def bounded(digits: str) -> float:
    """An integer; infinity where Python has no integer of so many digits."""
    return math.inf if len(digits.lstrip("-")) > sys.get_int_max_str_digits() else int(digits)


class Cbor:
    """A reader of the plain part of RFC 8949: no tags, no marks of an end, only such keys."""

    def __init__(self, data: bytes, *keys: type) -> None:
        self.data, self.position, self.keys = data, 0, keys

    def take(self, count: int) -> bytes:
        """The next bytes."""
        piece = self.data[self.position : self.position + count]
        if len(piece) < count:
            raise ValueError("it ends too early")
        self.position += count
        return piece

    def document(self) -> Any:
        """The one item.

        Raises:
            ValueError: it is not well-formed.
            BeyondError: it has what this reader does not know.
        """
        value = self.item(0)
        if self.position < len(self.data):
            raise ValueError("something follows")
        return value

    def item(self, depth: int) -> Any:
        """The next item."""
        if depth > 20:
            raise BeyondError
        head = self.take(1)[0]
        major, info = head >> 5, head & 31
        if major == 6 or info > 27:
            raise BeyondError
        told = info if info < 24 else int.from_bytes(self.take(2 ** (info - 24)), "big")
        if major in (0, 1):
            return told if major == 0 else -1 - told
        if major == 2:
            return self.take(told)
        if major == 3:
            return self.take(told).decode()
        if major == 4:
            return [self.item(depth + 1) for _ in range(told)]
        if major == 5:
            return dict(self.pairs(told, depth + 1))
        return self.simple(info, told)

    def pairs(self, count: int, depth: int) -> Iterator[tuple[Any, Any]]:
        """The pairs of a map."""
        for _ in range(count):
            key = self.item(depth)
            if type(key) not in self.keys:
                raise BeyondError
            yield key, self.item(depth)

    @staticmethod
    def simple(info: int, told: int) -> Any:
        """Floats and simple values."""
        if info in (20, 21, 22):
            return {20: False, 21: True, 22: None}[info]
        if info not in (25, 26, 27):
            raise BeyondError
        format_ = {25: ">e", 26: ">f", 27: ">d"}[info]
        (number,) = struct.unpack(format_, told.to_bytes(2 ** (info - 24), "big"))
        return number
