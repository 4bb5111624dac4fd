"""The deletion of a tenant with all its data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from storage import queries
from storage.rejections import BEGINNING, END
from storage.rows import Connection, Row, every, first, only

QUERIES = queries.load("registry_deletions")
# So many rows are deleted in one step, about; a fifth of a second, in which ingest goes on.
PORTION = 20_000
# So many devices are emptied in one step at most.
DEVICES = 20
# From the start on no device of the tenant may connect, and nobody adds to it. So long after it the
# last device is put out, and what was on its way is stored.
SETTLING = timedelta(seconds=5)
TABLES_OF_SERIES = ("readings", "states", "flags")


async def request(connection: Connection, tenant_id: str) -> None:
    """Note that an owner wants the tenant to be deleted; asking twice changes nothing."""
    await connection.execute(QUERIES["request"], {"tenant_id": tenant_id})


async def deletion(connection: Connection, tenant_id: str) -> Row | None:
    """``tenant_id, requested_at, started_at, devices``: the last counts those that are left."""
    return await first(connection, QUERIES["deletion"], {"tenant_id": tenant_id})


async def withdraw(connection: Connection, tenant_id: str) -> bool:
    """Forget the request. False where the deletion has begun."""
    return await first(connection, QUERIES["withdraw"], {"tenant_id": tenant_id}) is not None


async def step(connection: Connection, tenant_id: str) -> tuple[int, bool]:
    """Do the next part of a requested deletion. The first only shuts the tenant's doors.

    Returns:
        How many rows of data were deleted, and whether the tenant is gone.
    """
    tenant = {"tenant_id": tenant_id}
    if await first(connection, QUERIES["start"], tenant):
        await connection.execute(QUERIES["revoke_secrets"], tenant)
        await connection.execute(QUERIES["forget_people"], tenant)
        await connection.execute(QUERIES["end_memberships"], tenant)
        return 0, False
    settled = await first(connection, QUERIES["settled"], {**tenant, "settling": SETTLING})
    if not settled or not settled["settled"]:
        return 0, False
    deleted = 0
    parts = await every(connection, QUERIES["next_parts"], {**tenant, "limit": DEVICES})
    for part in parts:
        deleted += await empty(connection, part)
        if deleted >= PORTION:
            return deleted, False
        await forget(connection, {**part, **tenant})
    if not parts:
        await connection.execute(QUERIES["forget_offers"], tenant)
        await connection.execute(QUERIES["delete_tenant"], tenant)
        await connection.execute(QUERIES["forget_audit"], tenant)
    return deleted, not parts


async def empty(connection: Connection, part: Row) -> int:
    """Delete what a device sent in a time, or the oldest of it.

    Args:
        connection: where.
        part: ``device_id, during``.

    Returns:
        How many rows were deleted; below ``PORTION`` it was everything.
    """
    series = await every(connection, QUERIES["series"], part)
    deleted = 0
    for table, place in places(part, [row["id"] for row in series]):
        oldest = await only(connection, QUERIES[f"last_{table}"], place)
        if oldest["last"] is None:
            continue
        statement, bounds = QUERIES[f"delete_{table}"], place | oldest
        deleted += (await connection.execute(statement, bounds, prepare=False)).rowcount
        if deleted >= PORTION:
            break
    return deleted


def places(part: Row, series: Sequence[int]) -> Iterator[tuple[str, Row]]:
    """The tables that a part of a device with these series lies in, and where in them."""
    for time in part["during"]:
        bounds = {"start": time.lower or BEGINNING, "end": time.upper or END, "rows": PORTION}
        for number in series:
            for table in TABLES_OF_SERIES:
                yield table, {**bounds, "series": number}
        yield "rejections", {**bounds, "device_id": part["device_id"]}


async def forget(connection: Connection, part: Row) -> None:
    """Delete a device that was emptied; one of another tenant's only ceases to be held."""
    if part["own"]:
        await connection.execute(QUERIES["delete_device"], part)
        return
    for name in ("forget_latest", "forget_commands", "forget_slots", "forget_ownership"):
        await connection.execute(QUERIES[name], part)
