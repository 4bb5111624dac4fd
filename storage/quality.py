"""What the figures of data quality are made of: counts, pauses, delays, statuses. ADR 0023."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
from psycopg.types.multirange import TimestamptzMultirange

from storage import queries
from storage.arrivals import FIRST_LATE
from storage.rows import Connection, Row, Scope, every, first, only, planned
from storage.writer import POSTGRES_EPOCH_US

QUERIES = queries.load("registry_quality")
# More pauses of a series are not looked at: it is no series with gaps then, but an irregular one.
MOST_GAPS = 100_000
PACKED = np.dtype([("ts", ">i8"), ("value", ">f8")])
# Devices of a report are asked for in portions, so that no statement takes long.
PORTION = 100


async def device(connection: Connection, scope: Scope, device_id: str) -> Row | None:
    """A device with the names of what it belongs to, its zone, and which times of it are held.

    Returns:
        ``held`` is None for those who read by an agreement alone.
    """
    return await first(
        connection, QUERIES["device"], {**scope.parameters(), "device_id": device_id}
    )


async def series(
    connection: Connection,
    scope: Scope,
    device_id: str,
    metrics: Sequence[str] | None,
    start: datetime,
    end: datetime,
) -> list[Row]:
    """The series of numbers of a device that the scope may see.

    Returns:
        ``id, metric, unit, interval, first_seen, seen, during``: the interval in seconds that the
        model expects, the times that are seen, and those of ``start`` until before ``end`` that are
        seen and not too old to be kept.
    """
    wanted = None if metrics is None else list(metrics)
    asked = {"device_id": device_id, "metrics": wanted, "start": start, "end": end}
    return await every(connection, QUERIES["series"], {**scope.parameters(), **asked})


async def first_reading(connection: Connection, series_id: int, end: datetime) -> datetime | None:
    """The time of the oldest reading of a series; None where there is none before ``end``."""
    place = {"series": series_id, "end": end}
    moment: datetime | None = (await only(connection, QUERIES["first"], place))["ts"]
    return moment


async def counts(
    connection: Connection, series_id: int, times: Sequence[tuple[datetime, datetime]]
) -> list[Row]:
    """``readings, first, last`` of each of some times: how many, and the times of two of them."""
    starts, ends = [start for start, _ in times], [end for _, end in times]
    parameters = {"series": series_id, "starts": starts, "ends": ends}
    return await every(connection, QUERIES["counts"], parameters)


async def gaps(
    connection: Connection, series_id: int, start: datetime, end: datetime, longer: timedelta
) -> list[Row]:
    """``start, end`` of the pauses between readings that are longer, the longest first."""
    place = {"series": series_id, "start": start, "end": end}
    return await every(connection, QUERIES["gaps"], {**place, "longer": longer, "limit": MOST_GAPS})


async def flagged(connection: Connection, series_id: int, start: datetime, end: datetime) -> int:
    """How many readings of a time are outside the range of the model."""
    place = {"series": series_id, "start": start, "end": end}
    return int((await only(connection, QUERIES["flags"], place))["readings"])


async def arrivals(
    connection: Connection, series: Row, zone: str, first_day: date, last_day: date
) -> list[Row]:
    """``day, class, readings`` of the days that are seen whole."""
    days = {"zone": zone, "first_day": first_day, "last_day": last_day}
    when = {"seen": series["seen"], "during": series["during"]}
    return await every(connection, QUERIES["arrivals"], {"series": series["id"], **when, **days})


async def statuses(
    connection: Connection, device_id: str, start: datetime, end: datetime
) -> list[Row]:
    """``ts, online`` of each change in a time, after the last one before it."""
    place = {"device_id": device_id, "start": start, "end": end}
    return await every(connection, QUERIES["statuses"], place)


async def rejections(
    connection: Connection,
    device_id: str,
    held: TimestamptzMultirange,
    start: datetime,
    end: datetime,
) -> list[Row]:
    """``reason, count`` of what was not stored in a time as far as it is held, most often first."""
    during = {"held": held, "start": start, "end": end}
    return await every(connection, QUERIES["rejections"], {"device_id": device_id, **during})


async def report(
    connection: Connection,
    scope: Scope,
    filters: Row,
    start: datetime,
    end: datetime,
    most: int,
) -> list[Row]:
    """Sums over the series of each device of a scope that is in service.

    Args:
        connection: where.
        scope: whose.
        filters: ``tenant_id, park_id, lab_id, model_id``, each None for any.
        start: at a full hour, since readings are counted by the hour.
        end: likewise.
        most: so many devices at most.
    """
    found: set[str] = set()
    for kind, viewer in scope.viewers:
        page = {**filters, "kind": kind, "viewer": viewer, "limit": most + 1}
        found |= {row["id"] for row in await planned(connection, QUERIES["report"], page)}
    times = {"start": start, "end": end, "first_day": start.date(), "last_day": end.date()}
    parameters = {**scope.parameters(), **times, "first_late": FIRST_LATE}
    devices, rows = sorted(found)[:most], []
    for at in range(0, len(devices), PORTION):
        portion = {**parameters, "devices": devices[at : at + PORTION]}
        rows += await planned(connection, QUERIES["report_figures"], portion)
    return rows


async def digest(
    connection: Connection, series_id: int, times: Sequence[tuple[datetime, datetime]]
) -> tuple[int, str]:
    """How many readings a series has, and the SHA-256 of them in the order of time.

    Each reading is 16 bytes: its time in µs since 1970 as a signed integer, its value as IEEE 754,
    both of 64 bits and big-endian.

    Args:
        connection: where.
        series_id: of the series.
        times: in order; each is held in memory at once, so a day of it is enough.
    """
    sha256, readings = hashlib.sha256(), 0
    for start, end in times:
        place = {"series": series_id, "start": start, "end": end}
        packed = (await only(connection, QUERIES["packed"], place))["readings"] or b""
        rows = np.frombuffer(packed, PACKED).copy()
        rows["ts"] += POSTGRES_EPOCH_US
        sha256.update(rows.tobytes())
        readings += len(rows)
    return readings, sha256.hexdigest()
