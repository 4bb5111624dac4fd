"""Showcases: what a tenant shows of a device to everybody, late and rounded."""

from __future__ import annotations

from storage import queries
from storage.rows import Connection, Row, Scope, first, planned

QUERIES = queries.load("registry_showcases")
FILTERS = ("tenant_id", "device_id", "state")


async def create(connection: Connection, showcase: Row, tenant_id: str) -> int | None:
    """Show a device; what was shown of it before ends, and its link goes on.

    Args:
        connection: where.
        showcase: ``device_id, metrics, history_from, last_day, delay_seconds, decimals``.
        tenant_id: whose the device is.

    Returns:
        The number; None where the last day is over or the device is retired.
    """
    old = await first(connection, QUERIES["end_of_device"], showcase)
    token = old["access_token"] if old and old["tenant_id"] == tenant_id else None
    row = await first(connection, QUERIES["create"], {**showcase, "access_token": token})
    return None if row is None else row["id"]


async def showcases(
    connection: Connection, scope: Scope, filters: Row, after: int | None, limit: int
) -> list[Row]:
    """The showcases that the scope sees, the newest first.

    Args:
        connection: where.
        scope: whose.
        filters: those of ``FILTERS`` that are set, the others None or left out.
        after: the number before the first one.
        limit: how many at most.
    """
    wanted = {name: filters.get(name) for name in FILTERS}
    page = {**scope.parameters(), **wanted, "id": None, "after": after, "limit": limit}
    return await planned(connection, QUERIES["showcases"], page)


async def showcase(connection: Connection, scope: Scope, number: int) -> Row | None:
    """One showcase, if the scope sees it."""
    nothing = dict.fromkeys(FILTERS)
    page = {**scope.parameters(), **nothing, "id": number, "after": None, "limit": 1}
    rows = await planned(connection, QUERIES["showcases"], page)
    return rows[0] if rows else None


async def end(connection: Connection, number: int) -> bool:
    """End a showcase at once. False where it was ended before."""
    return await first(connection, QUERIES["end"], {"id": number}) is not None
