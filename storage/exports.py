"""What of the readings and states may leave: which series of which devices, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from storage import queries
from storage.rows import Connection, Row, Scope, every
from storage.streams import Table

QUERIES = queries.load("registry_exports")
# So many devices are looked at with one statement.
PORTION = 1000


@dataclass(frozen=True)
class Selection:
    """Which readings or states leave.

    Attributes:
        devices: of these; of one that the asker may not see there is nothing.
        metrics: only these; None: all.
        start: none before.
        end: none then or later.
    """

    devices: Sequence[str]
    metrics: Sequence[str] | None
    start: datetime
    end: datetime


async def visible_series(connection: Connection, scope: Scope, wanted: Selection) -> list[Row]:
    """The unbroken times of the series that the scope may see, by device, metric and time.

    Returns:
        ``device_id, metric, unit, key, start, end``; the key is the series' id.
    """
    devices = sorted(set(wanted.devices))
    metrics = None if wanted.metrics is None else list(wanted.metrics)
    parameters = {**scope.parameters(), "start": wanted.start, "end": wanted.end}
    found: list[Row] = []
    for first in range(0, len(devices), PORTION):
        some = {"devices": devices[first : first + PORTION], "metrics": metrics}
        found += await every(connection, QUERIES["visible_series"], {**parameters, **some})
    return found


async def visible_devices(connection: Connection, scope: Scope, devices: Sequence[str]) -> set[str]:
    """Those of the devices of which the scope may see any time."""
    parameters = {**scope.parameters(), "devices": list(devices)}
    return {row["id"] for row in await every(connection, QUERIES["visible_devices"], parameters)}


async def days(connection: Connection, table: Table, start: datetime, end: datetime) -> list[date]:
    """The days, in UTC, of which a table may have rows between two times; in order."""
    parameters = {"table": table, "start": start, "end": end}
    return [row["day"] for row in await every(connection, QUERIES["days"], parameters)]
