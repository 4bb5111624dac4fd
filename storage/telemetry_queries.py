"""Readings, and the newest of each series, as far as those who ask may see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from storage import queries
from storage.rows import Connection, Row, Scope, every, first, only, planned

QUERIES = queries.load("registry_telemetry")
# No reading is older, none is so young (the wire contract): bounds for a range without ends.
BEGINNING = datetime(1999, 12, 31, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)


async def sees(connection: Connection, scope: Scope, device_id: str) -> bool:
    """Whether the scope has any time in which it may see what the device sent."""
    parameters = {**scope.parameters(), "device_id": device_id}
    return bool((await only(connection, QUERIES["sees"], parameters))["sees"])


async def holds(connection: Connection, scope: Scope, device_id: str) -> bool:
    """Whether any time of the device is the scope's own, not only shown by an agreement."""
    parameters = {**scope.parameters(), "device_id": device_id}
    return bool((await only(connection, QUERIES["holds"], parameters))["holds"])


async def latest(
    connection: Connection,
    scope: Scope,
    devices: list[str],
    metrics: list[str] | None,
    after: tuple[str, str] | None,
    limit: int,
) -> list[Row]:
    """The newest reading or state that the scope may see of each metric of some devices.

    Args:
        connection: where.
        scope: whose.
        devices: which; of those that are not for the scope there is nothing.
        metrics: None: all.
        after: device and metric before the first one.
        limit: how many at most.

    Returns:
        ``device_id, metric, ts, value, unit, kind, flag`` by device and metric; the value is a
        number, or the state's JSON.
    """
    found: list[Row] = []
    asked: Row = {**scope.parameters(), "devices": devices, "metrics": metrics}
    while (wanted := limit - len(found)) > 0:
        device, metric = after or (None, None)
        page = {"after_device": device, "after_metric": metric, "limit": wanted}
        rows = await planned(connection, QUERIES["latest"], {**asked, **page})
        found += [row for row in rows if await is_there(connection, row)]
        if len(rows) < wanted:
            break
        after = rows[-1]["device_id"], rows[-1]["metric"]
    return found


async def is_there(connection: Connection, row: Row) -> bool:
    """Whether the row of a series has a value, which is looked up where it is not the newest."""
    series, during = row.pop("id"), row.pop("during")
    if row["ts"] is None:
        parameters = {"series": series, "during": during}
        row |= await first(connection, QUERIES["latest_before"], parameters) or {}
    return row["ts"] is not None


async def history(
    connection: Connection,
    scope: Scope,
    kind: Literal["readings", "states"],
    device_id: str,
    metric: str,
    start: datetime | None,
    end: datetime | None,
    after: datetime | None,
    limit: int,
) -> list[Row]:
    """Readings or states of a series from ``start`` until before ``end``, in the order of time.

    Returns:
        ``metric, ts, value``, and ``flag`` of readings, of the times that the scope may see; none
        for a metric that the device never sent.
    """
    begin = max(start or BEGINNING, after or BEGINNING)
    parts = await visible_parts(connection, scope, device_id, metric, begin, min(end or END, END))
    found: list[Row] = []
    # Each part is asked for by itself: what lies between may be much, and is not the asker's.
    for part in parts:
        bounds = {**part, "metric": metric, "after": after or BEGINNING}
        found += await every(connection, QUERIES[kind], {**bounds, "limit": limit - len(found)})
        if len(found) == limit:
            break
    return found


async def visible_parts(
    connection: Connection,
    scope: Scope,
    device_id: str,
    metric: str,
    start: datetime,
    end: datetime,
) -> list[Row]:
    """The unbroken times in which the scope may see a series, within ``start`` and ``end``.

    Returns:
        ``series, start, end`` in the order of time.
    """
    if start >= end:
        return []
    key = {"device_id": device_id, "metric": metric, "start": start, "end": end}
    return await every(connection, QUERIES["visible_parts"], {**scope.parameters(), **key})
