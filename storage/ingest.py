"""What ingest writes beside readings: series, states, rejections, attributes and activity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from storage.queries import load

QUERIES = load("ingest")
# The contract: a rejection keeps so much of the payload.
PAYLOAD_KEPT = 1024


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """A row of ``rejections``: ``ts`` in µs since 1970, the payload whole."""

    ts: int
    device_id: str
    topic: str
    reason: str
    detail: str
    payload: bytes


def resolve_series(
    connection: psycopg.Connection,
    wanted: Mapping[tuple[str, str], str],
    units: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> dict[tuple[str, str], int]:
    """The ids of series, made where they are new.

    Args:
        connection: in autocommit mode, so that the ids are good whatever comes after.
        wanted: (device id, metric) to kind: ``number``, ``boolean``, ``text`` or ``object``.
        units: (device id, metric) to the unit that a message gave; the model's comes first.

    Returns:
        (device id, metric) to id. Series of unknown devices are missing.
    """
    keys = sorted(wanted)
    parameters = {
        "devices": [device for device, _ in keys],
        "metrics": [metric for _, metric in keys],
        "kinds": [wanted[key] for key in keys],
        "units": [units.get(key) for key in keys],
    }
    connection.execute(QUERIES["register_series"], parameters)
    rows = connection.execute(QUERIES["find_series"], parameters)
    return {(device, metric): number for device, metric, number in rows}


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
    """Store why messages, or parts of them, were not stored."""
    if rejections:
        connection.execute(
            QUERIES["store_rejections"],
            {
                "ts": [r.ts for r in rejections],
                "device": [r.device_id for r in rejections],
                "topic": [r.topic for r in rejections],
                "reason": [r.reason for r in rejections],
                "detail": [r.detail for r in rejections],
                "payload": [r.payload[:PAYLOAD_KEPT] for r in rejections],
                "size": [len(r.payload) for r in rejections],
            },
        )


def merge_attributes(
    connection: psycopg.Connection, device_id: str, attributes: Mapping[str, Any]
) -> bool:
    """Merge what a device says of itself; whether the device is known."""
    parameters = {"device": device_id, "attributes": Jsonb(attributes)}
    return connection.execute(QUERIES["merge_attributes"], parameters).rowcount == 1


def note_status(connection: psycopg.Connection, device_id: str, online: bool, at: datetime) -> bool:
    """Note that a device went online or offline; whether the device is known."""
    parameters = {"device": device_id, "online": online, "at": at}
    return connection.execute(QUERIES["note_status"], parameters).rowcount == 1


def note_activity(connection: psycopg.Connection, heard: Iterable[tuple[str, int]]) -> None:
    """Note when devices were last heard: device id, µs since 1970. Unknown ones are passed over."""
    devices, ts = [], []
    for device, moment in heard:
        devices.append(device)
        ts.append(moment)
    if devices:
        connection.execute(QUERIES["note_activity"], {"devices": devices, "ts": ts})
