"""Which times of which devices are a tenant's."""

from __future__ import annotations

from datetime import datetime

from storage import queries
from storage.rows import Connection, Row, every

QUERIES = queries.load("registry_holdings")


async def holdings(
    connection: Connection,
    tenant_id: str,
    device_id: str | None,
    after: tuple[str, datetime | None] | None,
    limit: int,
) -> list[Row]:
    """The times of devices whose readings are the tenant's, by device and time.

    Args:
        connection: where.
        tenant_id: whose.
        device_id: only of this device; None: of all.
        after: device and beginning of the time before the first one.
        limit: how many at most.

    Returns:
        ``device_id, start, end``; a beginning or an end that is None is open.
    """
    device, ts = after or (None, None)
    wanted = {"tenant_id": tenant_id, "device_id": device_id}
    place = {"after_device": device, "after_ts": ts, "limit": limit}
    return await every(connection, QUERIES["holdings"], {**wanted, **place})
