"""Offers to give devices to another tenant, and what happens when one is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from storage import queries
from storage.bookings import end_bookings
from storage.errors import StorageError
from storage.rows import Connection, Row, Scope, every, first, only

QUERIES = queries.load("registry_transfers")


class NotTransferableError(StorageError):
    """A device cannot be given away. ``str(error)`` says which, and why."""


async def require_transferable(
    connection: Connection, tenant_id: str, devices: Sequence[str]
) -> None:
    """Return only if the tenant has all of the devices, and may give them away; locks them.

    Raises:
        NotTransferableError: it has one of them not, or one is retired.
    """
    parameters = {"devices": list(devices), "tenant_id": tenant_id}
    rows = await every(connection, QUERIES["lock_devices"], parameters)
    stages = {row["id"]: row["stage"] for row in rows}
    for device in devices:
        if device not in stages:
            raise NotTransferableError(f"the tenant has no device {device}")
        if stages[device] == "retired":
            raise NotTransferableError(f"{device} is retired")


async def offer(connection: Connection, transfer: Row, lifetime: timedelta) -> int:
    """Offer devices.

    Args:
        connection: where.
        transfer: ``from_tenant_id, to_tenant_id, devices, with_history, message``.
        lifetime: after which the offer expires.

    Returns:
        The offer's number.

    Raises:
        NotTransferableError: a device is not the tenant's, is retired, or is offered already.
    """
    devices = transfer["devices"]
    await require_transferable(connection, transfer["from_tenant_id"], devices)
    if taken := await first(connection, QUERIES["open_offers"], {"devices": devices}):
        raise NotTransferableError(
            f"{taken['device_id']} is offered already: withdraw transfer {taken['transfer_id']}"
        )
    row = await only(connection, QUERIES["offer"], {**transfer, "lifetime": lifetime})
    return int(row["id"])


async def transfers(
    connection: Connection, scope: Scope, filters: Row, after: int | None, limit: int
) -> list[Row]:
    """Offers from or to the tenants of the scope, in the order of their numbers.

    Args:
        connection: where.
        scope: whose.
        filters: ``id, tenant_id, state``; each None, or left out, for any.
        after: the number before the first one.
        limit: how many at most.
    """
    wanted = {name: filters.get(name) for name in ("id", "tenant_id", "state")}
    parameters = {**scope.parameters(), **wanted, "after": after, "limit": limit}
    return await every(connection, QUERIES["transfers"], parameters)


async def answer(
    connection: Connection, transfer_id: int, state: Literal["accepted", "refused", "withdrawn"]
) -> bool:
    """Close an open offer. False where it is not open any more."""
    parameters = {"id": transfer_id, "state": state}
    return await first(connection, QUERIES["answer"], parameters) is not None


async def withdraw_offers(connection: Connection, device_id: str) -> None:
    """Withdraw the open offer of which the device is a part, as a whole."""
    await connection.execute(QUERIES["withdraw_offers"], {"device_id": device_id})


async def move(connection: Connection, transfer: Row) -> None:
    """Give the devices of a transfer to its receiver.

    Raises:
        NotTransferableError: since the offer one of them was given away or retired; or there is
            no such receiver, which only an administrator can come upon.
    """
    devices = [device["id"] for device in transfer["devices"]]
    await require_transferable(connection, transfer["from_tenant_id"], devices)
    await end_bookings(connection, devices)
    parameters = {**transfer, "devices": devices}
    copies = await every(connection, QUERIES["copy_models"], parameters)
    models = {
        "models": [row["id"] for row in copies],
        "copies": [row["copy_id"] for row in copies],
    }
    moved = await connection.execute(QUERIES["move_devices"], {**parameters, **models})
    if moved.rowcount < len(devices):
        raise NotTransferableError(f"there is no tenant {transfer['to_tenant_id']}")
    if transfer["with_history"]:
        await connection.execute(QUERIES["give_history"], parameters)
