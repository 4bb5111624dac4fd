"""Readings, and the newest of each series."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from storage import queries
from storage.rows import Connection, Row, Scope, every, first

QUERIES = queries.load("registry_telemetry")
# No reading is older, none is so young (the wire contract): bounds for a range without ends.
BEGINNING = datetime(1999, 12, 31, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)


async def latest(
    connection: Connection, scope: Scope, device_id: str, after: str | None, limit: int
) -> list[Row]:
    """The newest reading or state of each metric, by the metrics' names.

    Returns:
        ``metric, ts, value, unit, kind, flag``; the value is a number, or the state's JSON.
    """
    page = {"device_id": device_id, "after": after, "limit": limit}
    parameters = {**scope.parameters(), **page}
    return await every(connection, QUERIES["latest"], parameters)


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
        ``metric, ts, value``, and ``flag`` of readings; none for a metric that the device never
        sent, or that the scope does not show.
    """
    key = {**scope.parameters(), "device_id": device_id, "metric": metric}
    series = await first(connection, QUERIES["series"], key)
    if series is None:
        return []
    parameters = {
        "metric": metric,
        "series": series["id"],
        "during": series["during"],
        "start": start or BEGINNING,
        "end": end or END,
        "after": after or BEGINNING,
        "limit": limit,
    }
    return await every(connection, QUERIES[kind], parameters)
