"""Devices: the prototypes and sensors that tenants own."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from storage import queries
from storage.rows import Connection, Row, Scope, first, seen
from storage.search import search

QUERIES = queries.load("registry_devices")
FILTERS = ("ids", "tenant_id", "park_id", "lab_id", "model_id", "stage", "tag")
# What readers by an agreement are shown of what is said of a device, unless it includes that.
UNTOLD: Row = {
    "tags": [],
    "metadata": {},
    "attributes": {},
    "firmware": None,
    "latitude": None,
    "longitude": None,
}


async def create_device(connection: Connection, device: Row) -> bool:
    """Add a device. False where its id is taken."""
    parameters = {**device, "metadata": Jsonb(device["metadata"])}
    return await first(connection, QUERIES["create_device"], parameters) is not None


async def devices(
    connection: Connection, scope: Scope, filters: Row, after: str | None, limit: int
) -> list[Row]:
    """The devices of the scope in the order of their ids.

    Args:
        connection: where.
        scope: whose.
        filters: those of ``FILTERS``, and ``q``, that are set, the others None or left out.
        after: the id before the first one.
        limit: how many at most.
    """
    wanted = {name: filters.get(name) for name in FILTERS}
    page = {**wanted, **search(filters.get("q")), "after": after, "limit": limit}
    found = await seen(connection, QUERIES["devices"], scope, {**scope.parameters(), **page})
    return [shown(row) for row in found]


async def device_ids(connection: Connection, scope: Scope, filters: Row, limit: int) -> list[str]:
    """The ids of the devices of the scope, in order: many, without what is known of them."""
    wanted = {name: filters.get(name) for name in FILTERS}
    found = await seen(connection, QUERIES["device_ids"], scope, {**wanted, "limit": limit})
    return [row["id"] for row in found]


async def device(connection: Connection, scope: Scope, device_id: str) -> Row | None:
    """One device, if it is in the scope; ``shared`` tells that only an agreement shows it."""
    parameters = {**scope.parameters(), "id": device_id}
    row = await first(connection, QUERIES["device"], parameters)
    return row and shown(row)


def shown(device: Row) -> Row:
    """What the scope may know of a device in it; ``shared`` tells that an agreement shows it."""
    if not device["shared"]:
        return device
    untold = {} if device["include_metadata"] else UNTOLD
    return {**device, **untold, "values_per_second": None}


async def change_device(connection: Connection, device_id: str, changes: Row) -> None:
    """Set the columns that ``changes`` names."""
    parameters = {"id": device_id, "changes": Jsonb(changes)}
    await connection.execute(QUERIES["change_device"], parameters)


async def retire_device(connection: Connection, device_id: str) -> None:
    """End a device's service: it keeps its readings and can never connect again."""
    await connection.execute(QUERIES["retire_device"], {"id": device_id})
    await connection.execute(QUERIES["revoke_all_secrets"], {"id": device_id})
