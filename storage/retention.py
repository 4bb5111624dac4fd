"""Retention: how long data are kept, and the small steps in which they go. ADR 0022.

Chunks go whole where everything in them may go; of the others rows go, device by device. Readings
go in ``deletions.empty`` (rows, which a trigger tells the rollups) and in ``drop`` (chunks), and
nowhere else.
"""

from __future__ import annotations

import asyncio

from psycopg.types.multirange import TimestamptzMultirange
from psycopg.types.range import Range

from storage import deletions, queries, rollups
from storage.rows import Connection, Row, Scope, every, first, only

QUERIES = queries.load("retention")
KINDS = ("readings", "states", "flags", "rejections")
# A chunk that the planner believes to have more rows is not counted.
COUNTED = 1_000_000
# So many devices are looked at in one step at most.
DEVICES = 20
# Between two steps ingest has the database for itself.
PAUSE_SECONDS = 0.2


async def settings(
    connection: Connection, scope: Scope, after: int | None, limit: int
) -> list[Row]:
    """What is set by the platform and by the tenants of the scope, in the order of numbers."""
    page = {"after": after, "limit": limit}
    return await every(connection, QUERIES["settings"], {**scope.parameters(), **page})


async def set_days(connection: Connection, setting: Row) -> Row:
    """Set how long data are kept.

    Args:
        connection: where.
        setting: ``tenant_id, model_id, device_id``, each None where it is not of one; ``days``,
            None for ever; ``longest_days``, the platform's limit for all.
    """
    return await only(connection, QUERIES["set"], setting)


async def forget(connection: Connection, setting: Row) -> None:
    """Take a setting away: the next more general one counts."""
    await connection.execute(QUERIES["forget"], setting)


async def of_device(connection: Connection, scope: Scope, device_id: str) -> list[Row]:
    """How long the data of a device are kept, for each tenant whose time of it the scope holds.

    Returns:
        ``tenant_id, days, level, kept_from, data_from``: what is older than ``kept_from`` goes
        (None: nothing), the oldest that there is has the time ``data_from``.
    """
    parameters = {**scope.parameters(), "device_id": device_id}
    return await every(connection, QUERIES["of_device"], parameters)


async def droppable(connection: Connection, limit: int) -> list[Row]:
    """The chunks that may go whole, the oldest first.

    Returns:
        ``table, chunk, start, end, rows, bytes``; the rows of large ones are estimated.
    """
    chunks = await every(connection, QUERIES["chunks"], {"limit": limit})
    for chunk in chunks:
        size = await only(connection, QUERIES["chunk_size"], chunk)
        if size["rows"] < COUNTED:
            size |= await only(connection, QUERIES[f"count_{chunk['table']}"], chunk)
        chunk |= size
    return chunks


async def due_of_devices(
    connection: Connection,
    tenant_id: str | None,
    model_id: str | None,
    device_id: str | None,
    after: tuple[str, str] | None,
    limit: int,
) -> list[Row]:
    """How much of each device may go, by chunk or by row, by device and the tenant that held it.

    Returns:
        ``device_id, tenant_id, readings, states, flags, rejections``: rows, counted up to a million
        of each series; and about how many ``bytes`` they are.
    """
    place = {"tenant_id": tenant_id, "model_id": model_id, "device_id": device_id}
    device, tenant = after or (None, None)
    page = {"after_device": device, "after_tenant": tenant, "limit": limit}
    found = await every(connection, QUERIES["devices"], {**place, **page})
    sizes = {row["table"]: row["bytes"] for row in await every(connection, QUERIES["sizes"], {})}
    for due in found:
        due["bytes"] = round(sum(due[kind] * (sizes[kind] or 0) for kind in KINDS))
    return found


async def step(connection: Connection) -> Row:
    """Let go a chunk, or about 20,000 rows; in a transaction of its own, which nobody waits for.

    Returns:
        ``chunks, rows, done, busy``: what went, whether nothing is left, and whether nothing was
        done because somebody else is at work.

    Raises:
        psycopg.errors.LockNotAvailable: somebody reads the chunk just now; try again later.
    """
    if not (await only(connection, QUERIES["lock"], {}))["locked"]:
        return {"chunks": 0, "rows": 0, "done": True, "busy": True}
    chunk = await first(connection, QUERIES["chunks"], {"limit": 1})
    if chunk is not None:
        await drop(connection, chunk)
        return {"chunks": 1, "rows": 0, "done": False, "busy": False}
    rows, left = await empty_devices(connection)
    return {"chunks": 0, "rows": rows, "done": not left, "busy": False}


async def drop(connection: Connection, chunk: Row) -> None:
    """Drop a chunk of any of the hypertables, its rollups, and what was newest in it."""
    await connection.execute(QUERIES["patience"])
    await connection.execute(QUERIES["drop_chunk"], chunk)
    if chunk["table"] == "readings":
        await rollups.forget(connection, chunk["start"], chunk["end"])
    if chunk["table"] in ("readings", "states"):
        during = TimestamptzMultirange([Range(chunk["start"], chunk["end"])])
        await mend_latest(connection, during, None)


async def empty_devices(connection: Connection) -> tuple[int, bool]:
    """Delete rows of the next devices; how many they were, and whether there may be more."""
    deleted = 0
    parts = await every(connection, QUERIES["next_devices"], {"limit": DEVICES})
    for part in parts:
        deleted += await deletions.empty(connection, part)
        if deleted >= deletions.PORTION:
            return deleted, True
        await mend_latest(connection, part["during"], part["device_id"])
        await connection.execute(QUERIES["note_emptied"], part)
    if parts:
        return deleted, True
    for name in ("forget_statuses", "forget_commands"):
        deleted = (await connection.execute(QUERIES[name], {"rows": deletions.PORTION})).rowcount
        if deleted:
            return deleted, True
    parts = await every(connection, QUERIES["strangers"], {"limit": DEVICES})
    for part in parts:
        deleted += await deletions.empty(connection, part)
        if deleted >= deletions.PORTION:
            break
    return deleted, bool(parts)


async def mend_latest(
    connection: Connection, during: TimestamptzMultirange, device_id: str | None
) -> None:
    """Let the newest value of series be one that is still there, or none.

    Args:
        connection: where.
        during: what was emptied.
        device_id: of which device; None: of all.
    """
    found = await every(
        connection, QUERIES["series_with_latest"], {"during": during, "device_id": device_id}
    )
    if found:
        parameters = {"series": [row["series_id"] for row in found], "during": during}
        await connection.execute(QUERIES["renew_latest"], parameters)
        await connection.execute(QUERIES["forget_latest"], parameters)


async def let_go(connection: Connection) -> None:
    """Step after step, until nothing is left that may go; what is committed stays done."""
    done = False
    while not done:
        async with connection.transaction():
            done = (await step(connection))["done"]
        await asyncio.sleep(PAUSE_SECONDS)
