"""Which series somebody sees, and in which unbroken times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from storage import queries
from storage.history.columns import Times, moment, open_cursor
from storage.rows import Connection, Row, Scope, planned

QUERIES = queries.load("history")


class Part(NamedTuple):
    """An unbroken time, µs since 1970; its end is not in it."""

    start: int
    end: int


@dataclass(frozen=True)
class Series:
    """A series as somebody sees it.

    Attributes:
        id: of the table ``series``.
        device_id: whose it is.
        metric: its name.
        unit: in UCUM.
        kind: ``number``, ``boolean``, ``text`` or ``object``.
        time_zone: of the park in which the device stands, else of its tenant's home; ``UTC``.
        parts: when it is seen, within the time that was asked for, in order.
    """

    id: int
    device_id: str
    metric: str
    unit: str | None
    kind: str
    time_zone: str
    parts: tuple[Part, ...]


async def find_series(
    connection: Connection,
    scope: Scope,
    devices: Sequence[str],
    metrics: Sequence[str],
    within: Part,
    limit: int,
) -> list[Series]:
    """The series of devices that the scope sees, in the order of device and metric.

    Args:
        connection: where.
        scope: whose.
        devices: of those that are not for the scope there is nothing.
        metrics: of these names, whatever their kind.
        within: the time that is asked for.
        limit: how many at most.
    """
    parameters = {
        **scope.parameters(),
        "devices": list(devices),
        "metrics": list(metrics),
        "start": moment(within.start),
        "end": moment(within.end),
        "limit": limit,
    }
    async with open_cursor(connection) as cursor:
        await cursor.execute(QUERIES["series"], parameters, prepare=False)
        rows = await cursor.fetchall()
    return [
        Series(id_, device, metric, unit, kind, zone, parts(starts, ends))
        for id_, device, metric, unit, kind, zone, starts, ends in rows
    ]


def parts(starts: Times, ends: Times) -> tuple[Part, ...]:
    """The parts of two columns."""
    return tuple(map(Part, starts.tolist(), ends.tolist()))


async def metrics_of(
    connection: Connection, scope: Scope, devices: Sequence[str]
) -> dict[str, list[str]]:
    """The metrics with numbers that the scope sees of devices; foreign devices are missing."""
    parameters: Row = {**scope.parameters(), "devices": list(devices)}
    rows = await planned(connection, QUERIES["metrics"], parameters)
    return {row["device_id"]: row["metrics"] for row in rows}
