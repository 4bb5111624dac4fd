"""Sensor Measurement Lists, RFC 8428, in JSON and in CBOR."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from broker.payloads.decoded import Decoded, Reason, shown
from broker.payloads.times import MICROSECONDS, plausible
from broker.payloads.values import LONG_NAME, check_name, read_value

# RFC 8428, table 4: the labels of CBOR.
CBOR_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
VERSION = 10
# RFC 8428, 4.5.3: a smaller time is relative to now.
ABSOLUTE = 2**28
BASES = ("bn", "bt", "bu", "bv", "bs", "bver")
VALUES = {"v", "vs", "vb", "vd"}
# What tells a record of SenML from any other object, in JSON and in CBOR.
TELLING = frozenset({*BASES, *VALUES, "s", -6, -5, -4, -3, -2, -1, 2, 3, 4, 5, 8})
NAMES = ("n", "bn", 0, -2)
NUMBER, TEXT = (int, float), (str,)
# RFC 8428, tables 1 and 2.
TYPES: dict[Any, tuple[type, ...]] = {
    "bver": (int,), "bn": TEXT, "bt": NUMBER, "bv": NUMBER, "bs": NUMBER,
    "n": TEXT, "v": NUMBER, "vs": TEXT, "vb": (bool,), "vd": (str, bytes), "s": NUMBER,
    "t": NUMBER, "ut": NUMBER,
}  # fmt: skip
Record = dict[Any, Any]


def looks_like_senml(document: Any) -> bool:
    """Whether a list without a content type is SenML: names are texts, values have its labels."""
    if not isinstance(document, list):
        return False
    return all(isinstance(r, dict) and not TELLING.isdisjoint(r) for r in document) and any(
        isinstance(r.get(key), str) for r in document for key in NAMES
    )


def labelled(record: dict[Any, Any]) -> Record:
    """What a record has, with the labels of JSON; null is nothing."""
    return {
        CBOR_LABELS.get(key, key) if type(key) is int else key: value
        for key, value in record.items()
        if value is not None
    }


def read_pack(document: Any, arrival_us: int, decoded: Decoded) -> None:
    """Read a pack, record by record, carrying the base fields on."""
    if not isinstance(document, list) or not all(isinstance(r, dict) for r in document):
        decoded.reject(Reason.UNKNOWN_FORMAT, lambda: "a SenML pack is a list of records")
        return
    records = [labelled(record) for record in document]
    # With one base name it is the device, and the name says enough; with several it does not.
    several = len({r["bn"] for r in records if isinstance(r.get("bn"), str)}) > 1
    base: Record = {}
    for record in records:
        for key in BASES:
            if key in record:
                # A base field that is wrong stays as well: what it was for must not be read.
                base[key] = shortened(record[key]) if key == "bn" else record[key]
        if why := unfit(base | record):
            decoded.reject(*why)
        elif "s" in record or not VALUES.isdisjoint(record):
            read_record(record, base, arrival_us, decoded, several=several)


def shortened(name: Any) -> Any:
    """A base name without what no metric begins with, and no longer than tells that it is bad.

    It stands before every name of the pack, so a long one would be copied thousands of times.
    """
    if not isinstance(name, str):
        return name
    plain = name.lstrip(":/")
    return plain if len(plain) <= LONG_NAME else f"{plain[:LONG_NAME]}_"


Refusal = tuple[Reason, Callable[[], str]]


def unfit(record: Record) -> Refusal | None:
    """Why a record, with its base fields, must not be read; None where it may."""
    for key, value in record.items():
        if why := wrong_field(key, value):
            return why
    version = record.get("bver", VERSION)
    if version > VERSION:
        return (
            Reason.UNKNOWN_FORMAT,
            lambda: f"SenML version {shown(version)} is newer than {VERSION}",
        )
    if len(VALUES & record.keys()) > 1:
        return Reason.BAD_SHAPE, lambda: "a SenML record has more than one value"
    return None


def wrong_field(key: Any, value: Any) -> Refusal | None:
    """Why a field cannot be read; None where it can, or may be passed over."""
    types = TYPES.get(key)
    if types is None:
        if isinstance(key, str) and key.endswith("_"):
            return Reason.UNKNOWN_FORMAT, lambda: f"SenML field {shown(key)} is not understood"
    elif type(value) not in types:
        reason = Reason.NOT_A_NUMBER if types is NUMBER else Reason.BAD_SHAPE
        return reason, lambda: f"SenML field {key!r} is {shown(value)}: see RFC 8428, table 1"
    return None


def read_record(
    record: Record, base: Record, arrival_us: int, decoded: Decoded, *, several: bool
) -> None:
    """Read one record that has a value, a sum, or both."""
    name = metric_name(base.get("bn", ""), record.get("n", ""), several=several)
    if not check_name(name, decoded):
        return
    ts = resolve_time(record, base, arrival_us, decoded)
    if ts is None:
        return
    read_value(name, resolve_value(record, base), ts, decoded)
    if "s" in record:
        read_value(f"{name}.sum", total(base.get("bs", 0), record["s"]), ts, decoded)
    if unit := record.get("u", base.get("bu")):
        read_unit(name, unit, decoded)


def resolve_time(record: Record, base: Record, arrival_us: int, decoded: Decoded) -> int | None:
    """µs since 1970, counted from now where it is small; None, with a rejection, for no time."""
    try:
        seconds = base.get("bt", 0) + record.get("t", 0)
        ts = round(seconds * MICROSECONDS)
    except (OverflowError, ValueError):
        decoded.reject(Reason.BAD_TIME, lambda: "a time of SenML is the seconds since 1970")
        return None
    return plausible(arrival_us + ts if seconds < ABSOLUTE else ts, arrival_us, decoded)


def resolve_value(record: Record, base: Record) -> Any:
    """The value with its base; None for a record that has a sum alone."""
    if "v" in record:
        return total(base["bv"], record["v"]) if "bv" in base else record["v"]
    for label in ("vb", "vs", "vd"):
        if label in record:
            value = record[label]
            return value.hex() if isinstance(value, bytes) else value
    return None


def total(base: float, value: float) -> float:
    """The sum; infinite where no double holds it."""
    try:
        return base + value
    except OverflowError:
        return math.inf


def read_unit(name: str, unit: Any, decoded: Decoded) -> None:
    """Note the unit of a metric."""
    if isinstance(unit, str) and unit.isprintable():
        decoded.units[name] = unit[:64]
    else:
        decoded.reject(Reason.BAD_TEXT, lambda: f"the unit of {name!r} is {shown(unit)}")


def metric_name(base: str, name: str, *, several: bool) -> str:
    """The metric of a SenML name, whose ":" and "/" a metric cannot have.

    The base name is left out where it is the device alone, as in RFC 8428, 5.1.2.
    """
    full = base + name if several or not name else name
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", full.strip(":/"))
    return plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
