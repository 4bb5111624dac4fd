"""Claim codes, by which a device gets another owner."""

from __future__ import annotations

from datetime import timedelta

from storage import queries
from storage.rows import Connection, Row, first, only

QUERIES = queries.load("registry_claims")


async def issue_code(
    connection: Connection, device: Row, sha256: bytes, validity: timedelta
) -> Row:
    """Give a device a code, in the place of one that it has.

    Args:
        connection: where.
        device: ``id`` and ``tenant_id`` of it.
        sha256: of the code.
        validity: how long the code is good.

    Returns:
        ``device_id, expires_at``.
    """
    parameters = {"device_id": device["id"], "tenant_id": device["tenant_id"]}
    code = {"sha256": sha256, "validity": validity}
    return await only(connection, QUERIES["issue_code"], {**parameters, **code})


async def withdraw_code(connection: Connection, device_id: str) -> bool:
    """Make a device's code worthless. False where it has none."""
    row = await first(connection, QUERIES["withdraw_code"], {"device_id": device_id})
    return row is not None


async def use_code(connection: Connection, sha256: bytes) -> Row | None:
    """The device of a code, ``id, tenant_id``; the code is worthless from then on.

    Returns:
        None where the code is unknown, used or too old, or the device is retired or sold since.
    """
    return await first(connection, QUERIES["use_code"], {"sha256": sha256})


async def move_device(connection: Connection, device_id: str, tenant_id: str) -> None:
    """Give a device to a tenant, without what only the old owner or its park may have of it."""
    await connection.execute(QUERIES["move_device"], {"id": device_id, "tenant_id": tenant_id})
