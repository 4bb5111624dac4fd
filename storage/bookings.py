"""Slots on the devices of testbeds: what a device sends in one belongs to the slot's tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg

from storage import queries
from storage.errors import StorageError
from storage.rows import Connection, Row, Scope, every, first, only

QUERIES = queries.load("registry_bookings")


class SlotTakenError(StorageError):
    """The device is booked for a part of that time."""


async def bookable_devices(
    connection: Connection, lab_id: str, after: str | None, limit: int
) -> list[Row]:
    """The devices of a testbed that can be booked, in the order of their ids."""
    parameters = {"lab_id": lab_id, "id": None, "after": after, "limit": limit}
    return await every(connection, QUERIES["bookable_devices"], parameters)


async def bookable_device(connection: Connection, device_id: str) -> Row | None:
    """``id, name, model, lab_id, park_id`` of a device that can be booked."""
    parameters = {"lab_id": None, "id": device_id, "after": None, "limit": 1}
    return await first(connection, QUERIES["bookable_devices"], parameters)


async def book(connection: Connection, booking: Row) -> int:
    """Book a slot.

    Args:
        connection: where.
        booking: ``device_id, tenant_id, start, end``.

    Returns:
        The slot's number.

    Raises:
        SlotTakenError: another slot of the device overlaps it. The transaction cannot go on.
    """
    try:
        return int((await only(connection, QUERIES["book"], booking))["id"])
    except psycopg.errors.ExclusionViolation as error:
        raise SlotTakenError(f"{booking['device_id']} is booked at that time") from error


async def bookings(
    connection: Connection,
    scope: Scope,
    filters: Row,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Row]:
    """Slots in the order of their beginnings.

    Args:
        connection: where.
        scope: who asks.
        filters: ``id, lab_id, device_id, tenant_id, start, end``: the last two choose slots that
            overlap the time between; each None, or left out, for any.
        after: beginning and number of the slot before the first one.
        limit: how many at most.

    Returns:
        ``id, device_id, tenant_id, start, end, created_at, park_id``; the tenant is None where the
        scope may not know it.
    """
    names = ("id", "lab_id", "device_id", "tenant_id", "start", "end")
    wanted = {name: filters.get(name) for name in names}
    ts, number = after or (None, None)
    place = {"after_ts": ts, "after_id": number, "limit": limit}
    return await every(connection, QUERIES["bookings"], {**scope.parameters(), **wanted, **place})


async def end_bookings(
    connection: Connection, devices: Sequence[str], booking_id: int | None = None
) -> None:
    """End the running slots of devices now, and forget the coming ones; or only one of them."""
    parameters = {"devices": list(devices), "id": booking_id}
    await connection.execute(QUERIES["end_running_slots"], parameters)
    await connection.execute(QUERIES["forget_coming_slots"], parameters)
