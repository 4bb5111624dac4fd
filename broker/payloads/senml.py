"""Sensor Measurement Lists, RFC 8428, in JSON and in CBOR."""

from __future__ import annotations

import re
from typing import Any

from broker.payloads.decoded import Decoded, Reason, Rejection, shown
from broker.payloads.times import MICROSECONDS, plausible
from broker.payloads.values import check_name, read_value

# RFC 8428, table 4: the labels of CBOR.
CBOR_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
VERSION = 10
# RFC 8428, 4.5.3: a smaller time is relative to now.
ABSOLUTE = 2**28
BASES = ("bn", "bt", "bu", "bv", "bs", "bver")
VALUES = ("v", "vs", "vb", "vd", "s")
NUMBERS = ("bt", "bv", "bs", "v", "s", "t", "ut")
Record = dict[str, Any]


def looks_like_senml(document: Any) -> bool:
    """Whether a list without a content type is SenML: names are texts, values have its labels."""
    if not isinstance(document, list) or not all(isinstance(r, dict) for r in document):
        return False
    records = [labelled(record) for record in document]
    return any(isinstance(r.get("n", r.get("bn")), str) for r in records) and all(
        any(label in r for label in (*VALUES, *BASES)) for r in records
    )


def labelled(record: dict[Any, Any]) -> Record:
    """A record with the labels of JSON."""
    labels: dict[Any, Any] = dict(CBOR_LABELS)
    return {labels.get(key, key): value for key, value in record.items()}


def read_pack(document: Any, arrival_us: int, decoded: Decoded) -> None:
    """Read a pack, record by record, carrying the base fields on."""
    if not isinstance(document, list) or not all(isinstance(r, dict) for r in document):
        decoded.reject(Reason.UNKNOWN_FORMAT, "a SenML pack is a list of records")
        return
    records = [labelled(record) for record in document]
    # With one base name it is the device, and the name says enough; with several it does not.
    several = len({r["bn"] for r in records if isinstance(r.get("bn"), str)}) > 1
    base: Record = {}
    for record in records:
        if why := unfit(record):
            decoded.reject(why.reason, why.detail)
            continue
        base.update({key: record[key] for key in BASES if key in record})
        if any(label in record for label in VALUES):
            read_record(record, base, arrival_us, decoded, several=several)


def unfit(record: Record) -> Rejection | None:
    """Why a record must not be read; None where it may."""
    version = record.get("bver", VERSION)
    if not isinstance(version, int) or version > VERSION:
        return Rejection(
            Reason.UNKNOWN_FORMAT, f"SenML version {shown(version)} is newer than {VERSION}"
        )
    for key in record:
        if isinstance(key, str) and key.endswith("_"):
            return Rejection(Reason.UNKNOWN_FORMAT, f"SenML field {key[:40]!r} is not understood")
    for key in NUMBERS:
        if isinstance(record.get(key, 0), bool) or not isinstance(record.get(key, 0), int | float):
            return Rejection(Reason.NOT_A_NUMBER, f"SenML field {key!r} is no number")
    return None


def read_record(
    record: Record, base: Record, arrival_us: int, decoded: Decoded, *, several: bool
) -> None:
    """Read one resolved record."""
    name = metric_name(str(base.get("bn", "")), str(record.get("n", "")), several=several)
    try:
        ts = resolve_time(base.get("bt", 0) + record.get("t", 0), arrival_us)
        value = resolve_value(record, base)
    except (OverflowError, ValueError):
        decoded.reject(Reason.BAD_TIME, f"the time of {name[:80]!r} is no time")
        return
    if isinstance(ts, Rejection):
        decoded.reject(ts.reason, ts.detail)
        return
    if value is not None:
        read_value(name, value, ts, decoded)
    if "s" in record:
        read_value(f"{name}.sum", base.get("bs", 0) + record["s"], ts, decoded)
    unit = record.get("u", base.get("bu"))
    if isinstance(unit, str) and unit and check_name(name, decoded):
        decoded.units[name] = unit[:64]


def resolve_time(seconds: float, arrival_us: int) -> int | Rejection:
    """µs since 1970 of a SenML time, which may count from now."""
    if seconds < ABSOLUTE:
        return plausible(arrival_us + round(seconds * MICROSECONDS), arrival_us)
    return plausible(round(seconds * MICROSECONDS), arrival_us)


def resolve_value(record: Record, base: Record) -> Any:
    """The value with its base; None for a record that has a sum alone."""
    if "v" in record:
        return record["v"] + base["bv"] if "bv" in base else record["v"]
    for label in ("vb", "vs", "vd"):
        if label in record:
            value = record[label]
            return value.hex() if isinstance(value, bytes) else value
    return base.get("bv") if "s" not in record else None


def metric_name(base: str, name: str, *, several: bool) -> str:
    """The metric of a SenML name, whose ":" and "/" a metric cannot have.

    The base name is left out where it is the device alone, as in RFC 8428, 5.1.2.
    """
    full = base + name if several or not name else name
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", full.strip(":/"))
    return plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
