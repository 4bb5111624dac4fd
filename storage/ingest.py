"""What ingest writes beside readings: series, states, rejections, attributes, activity.

Rows are locked in the order of their keys, and the tables always in the same order, so that two
writers seldom wait for each other in a circle; where they do, one of them is told to try again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from storage.queries import load

QUERIES = load("ingest")
# A rejection keeps a payload of this size whole, so that it can be replayed, and of a longer one
# what the contract promises.
WHOLE_PAYLOAD = 65_536
PAYLOAD_KEPT = 1024
# So many rejections go in one statement, which bounds its memory at 64 MiB.
PORTION = 1000
# Characters. No topic of the contract is longer; an index has no room for what MQTT allows.
TOPIC_KEPT = 512


class Series(NamedTuple):
    """A series with its rules and quotas.

    Attributes:
        device_id: whose it is.
        metric: its name.
        id: of the table ``series``.
        model: None where the device has none, or one that does not list the metric; then the
            next five are None as well.
        kind: ``number``, ``boolean``, ``text`` or ``object``.
        unit: in UCUM; None where the model names none.
        minimum: None: no limit.
        maximum: None: no limit.
        out_of_range: ``flag`` or ``reject``.
        device_rate: the device's quota in values per second; None: none.
        tenant_id: the owner.
        tenant_rate: the owner's quota; None: none.
        kept: the times of the device, from and until in µs since 1970 (None: open), whose readings
            are kept for so many days; those of other times are kept for ever. None: all are.
    """

    device_id: str
    metric: str
    id: int
    model: str | None
    kind: str | None
    unit: str | None
    minimum: float | None
    maximum: float | None
    out_of_range: str | None
    device_rate: float | None
    tenant_id: str
    tenant_rate: float | None
    kept: Sequence[tuple[int | None, int | None, int]] | None = None


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """A row of ``rejections``.

    Attributes:
        ts: the arrival, µs since 1970.
        payload: whole.
        content_type: of MQTT 5; None where the sender gave none.
    """

    ts: int
    device_id: str
    topic: str
    reason: str
    detail: str
    payload: bytes
    content_type: str | None = None


class Said(NamedTuple):
    """What a device says of itself: ``arrival`` in µs since 1970, and the names and values."""

    device_id: str
    arrival: int
    attributes: Mapping[str, Any]


class Status(NamedTuple):
    """Whether a device is online: ``arrival`` in µs since 1970."""

    device_id: str
    arrival: int
    online: bool


def resolve_series(
    connection: psycopg.Connection,
    wanted: Mapping[tuple[str, str], str],
    units: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> list[Series]:
    """Series, made where they are new.

    Args:
        connection: in autocommit mode, so that the ids are good whatever comes after.
        wanted: (device id, metric) to kind: ``number``, ``boolean``, ``text`` or ``object``; the
            model's comes first.
        units: (device id, metric) to the unit that a message gave; the model's comes first.

    Returns:
        In any order. Series of unknown devices are missing.
    """
    keys = sorted(wanted)
    parameters = {
        "devices": [device for device, _ in keys],
        "metrics": [metric for _, metric in keys],
        "kinds": [wanted[key] for key in keys],
        "units": [units.get(key) for key in keys],
    }
    connection.execute(QUERIES["register_series"], parameters)
    return find_series(connection, keys)


def find_series(connection: psycopg.Connection, keys: Sequence[tuple[str, str]]) -> list[Series]:
    """Those of the series that are there, by device id and metric; in any order."""
    parameters = {
        "devices": [device for device, _ in keys],
        "metrics": [metric for _, metric in keys],
    }
    cursor = connection.cursor(row_factory=class_row(Series))
    return cursor.execute(QUERIES["find_series"], parameters).fetchall()


def store_states(connection: psycopg.Connection, states: Sequence[tuple[int, int, str]]) -> int:
    """Store states: series id, µs since 1970, JSON text.

    Returns:
        How many were stored. The others were there before.
    """
    if not states:
        return 0
    series, ts, value = (list(column) for column in zip(*states, strict=True))
    row = connection.execute(
        QUERIES["store_states"], {"series": series, "ts": ts, "value": value}
    ).fetchone()
    return int(row[0]) if row else 0


def store_rejections(connection: psycopg.Connection, rejections: Sequence[RejectedMessage]) -> None:
    """Store why messages, or parts of them, were not stored; one that is there is open again."""
    for start in range(0, len(rejections), PORTION):
        portion = rejections[start : start + PORTION]
        connection.execute(
            QUERIES["store_rejections"],
            {
                "ts": [r.ts for r in portion],
                "device": [r.device_id for r in portion],
                "topic": [storable(r.topic)[:TOPIC_KEPT] for r in portion],
                "reason": [r.reason for r in portion],
                "detail": [r.detail for r in portion],
                "payload": [kept(r.payload) for r in portion],
                "size": [len(r.payload) for r in portion],
                "content_type": [r.content_type and storable(r.content_type) for r in portion],
            },
        )


def kept(payload: bytes) -> bytes:
    """What a rejection keeps of a payload."""
    return payload if len(payload) <= WHOLE_PAYLOAD else payload[:PAYLOAD_KEPT]


def storable(text: str) -> str:
    """A text that came from outside, without the one character that PostgreSQL does not have."""
    return text.replace("\0", "\ufffd")


def known_devices(connection: psycopg.Connection, devices: Collection[str]) -> set[str]:
    """Which of the devices are in the registry."""
    rows = connection.execute(QUERIES["known_devices"], {"devices": sorted(devices)})
    return {device for (device,) in rows}


def merge_attributes(connection: psycopg.Connection, news: Iterable[Said]) -> None:
    """Merge what devices say of themselves: for each attribute the newest arrival counts.

    Args:
        connection: in a transaction.
        news: in any order. Unknown devices are passed over.
    """
    newest: dict[str, dict[str, tuple[int, Any]]] = {}
    for device, arrival, attributes in news:
        merged = newest.setdefault(device, {})
        for key, value in attributes.items():
            if key not in merged or merged[key][0] <= arrival:
                merged[key] = arrival, value
    if newest:
        devices = sorted(newest)
        connection.execute(QUERIES["lock_devices"], {"devices": devices})
        connection.execute(
            QUERIES["merge_attributes"],
            {
                "devices": devices,
                "attributes": [
                    Jsonb({key: value for key, (_, value) in newest[device].items()})
                    for device in devices
                ],
                "arrivals": [
                    Jsonb({key: arrival for key, (arrival, _) in newest[device].items()})
                    for device in devices
                ],
            },
        )


def note_statuses(connection: psycopg.Connection, statuses: Iterable[Status]) -> None:
    """Note that devices went online or offline; an older status changes nothing.

    Args:
        connection: in a transaction.
        statuses: in any order, of known devices.
    """
    for each in in_turns(statuses):
        devices, ts, online = (list(column) for column in zip(*sorted(each), strict=True))
        parameters = {"devices": devices, "ts": ts, "online": online}
        connection.execute(QUERIES["note_statuses"], parameters)
        connection.execute(QUERIES["note_status_changes"], parameters)


def in_turns(statuses: Iterable[Status]) -> Iterator[list[Status]]:
    """The first status of each device, then the second of those that have one, and so on."""
    turns: list[list[Status]] = []
    seen: Counter[str] = Counter()
    for status in sorted(statuses, key=lambda status: status.arrival):
        if seen[status.device_id] == len(turns):
            turns.append([])
        turns[seen[status.device_id]].append(status)
        seen[status.device_id] += 1
    return iter(turns)


def note_activity(connection: psycopg.Connection, heard: Iterable[tuple[str, int]]) -> None:
    """Note when devices were last heard: device id, µs since 1970. Unknown ones are passed over."""
    devices, ts = [], []
    for device, moment in heard:
        devices.append(device)
        ts.append(moment)
    if devices:
        connection.execute(QUERIES["note_activity"], {"devices": devices, "ts": ts})
