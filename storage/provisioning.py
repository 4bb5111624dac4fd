"""Provisioning keys, and the devices that were made with them."""

from __future__ import annotations

import secrets
from datetime import timedelta

from storage import queries
from storage.accounts import hash_token
from storage.rows import Connection, Row, every, first, only

QUERIES = queries.load("registry_provisioning")
KEY_PREFIX = "tpp_"


async def create_key(connection: Connection, key: Row, validity: timedelta) -> Row:
    """Make a key; the row has it under ``key``, and nobody can read it again."""
    text = KEY_PREFIX + secrets.token_urlsafe(32)
    parameters = {**key, "sha256": hash_token(text), "validity": validity}
    return {**await only(connection, QUERIES["create_key"], parameters), "key": text}


async def keys(connection: Connection, tenant_id: str, after: int | None, limit: int) -> list[Row]:
    """A tenant's keys with their counts, without the keys themselves."""
    parameters = {"tenant_id": tenant_id, "after": after, "limit": limit}
    return await every(connection, QUERIES["keys"], parameters)


async def revoke_key(connection: Connection, tenant_id: str, key_id: int) -> bool:
    """Make a key worthless; its devices stay. False where the tenant has none of this number."""
    parameters = {"tenant_id": tenant_id, "id": key_id}
    return await first(connection, QUERIES["revoke_key"], parameters) is not None


async def lock_valid_key(connection: Connection, key: str) -> Row | None:
    """What a key says of its devices. None for one that is unknown, expired or revoked."""
    return await first(connection, QUERIES["lock_valid_key"], {"sha256": hash_token(key)})


async def provisioned_device(connection: Connection, key_id: int, serial: str) -> Row | None:
    """The device of a serial number: ``id``, and ``is_waiting`` while it may get a secret."""
    parameters = {"key_id": key_id, "serial": serial}
    return await first(connection, QUERIES["provisioned_device"], parameters)


async def note_device(connection: Connection, key_id: int, serial: str, device_id: str) -> None:
    """Remember that the key made a device."""
    parameters = {"key_id": key_id, "serial": serial, "device_id": device_id}
    await connection.execute(QUERIES["note_device"], parameters)
