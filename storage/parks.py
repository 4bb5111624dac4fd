"""Parks and labs."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from storage import queries
from storage.rows import Connection, Row, every, first, only

QUERIES = queries.load("registry_parks")


async def create_park(connection: Connection, park: Row) -> Row:
    """Add a park; its time zone must be one that the database knows too."""
    return await only(connection, QUERIES["create_park"], park)


async def parks(connection: Connection, after: str | None, limit: int) -> list[Row]:
    """Parks in the order of their ids."""
    return await every(connection, QUERIES["parks"], {"after": after, "limit": limit})


async def park(connection: Connection, park_id: str) -> Row | None:
    """One park."""
    return await first(connection, QUERIES["park"], {"id": park_id})


async def change_park(connection: Connection, park_id: str, changes: Row) -> Row:
    """Set the columns that ``changes`` names."""
    parameters = {"id": park_id, "changes": Jsonb(changes)}
    return await only(connection, QUERIES["change_park"], parameters)


async def create_lab(connection: Connection, lab: Row) -> Row:
    """Add a lab to a park."""
    return await only(connection, QUERIES["create_lab"], lab)


async def labs(
    connection: Connection, park_id: str | None, after: str | None, limit: int
) -> list[Row]:
    """Labs in the order of their ids, of one park or of all."""
    parameters = {"park_id": park_id, "after": after, "limit": limit}
    return await every(connection, QUERIES["labs"], parameters)


async def lab(connection: Connection, lab_id: str) -> Row | None:
    """One lab."""
    return await first(connection, QUERIES["lab"], {"id": lab_id})


async def change_lab(connection: Connection, lab_id: str, changes: Row) -> Row:
    """Set the columns that ``changes`` names."""
    parameters = {"id": lab_id, "changes": Jsonb(changes)}
    return await only(connection, QUERIES["change_lab"], parameters)
