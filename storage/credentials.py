"""The secrets with which devices come, and what of them the broker is to know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from storage import queries
from storage.errors import StorageError
from storage.rows import Connection, Row, every, first, only

QUERIES = queries.load("registry_credentials")
# More than a rotation that went wrong twice needs; each takes its turn at the broker.
MAX_VALID_SECRETS = 4


class TooManySecretsError(StorageError):
    """The device has as many valid secrets as it may have."""


async def issue_secret(
    connection: Connection, device_id: str, hashed: str, overlap: timedelta = timedelta()
) -> Row:
    """Give a device a new secret; older ones end after ``overlap``, or sooner if they would.

    Args:
        connection: where.
        device_id: whose.
        hashed: from ``broker.passwords.hash_secret``.
        overlap: how long the older ones stay valid.

    Raises:
        TooManySecretsError: ``MAX_VALID_SECRETS`` would still be valid beside it.
    """
    device = {"device_id": device_id}
    await connection.execute(QUERIES["lock_device"], device)
    await connection.execute(QUERIES["end_valid_secrets"], {**device, "overlap": overlap})
    parameters = {**device, "hash": hashed, "allowed": MAX_VALID_SECRETS}
    row = await first(connection, QUERIES["issue_secret"], parameters)
    if row is None:
        raise TooManySecretsError(f"{device_id} has {MAX_VALID_SECRETS} valid secrets already")
    return row


async def secrets(
    connection: Connection, device_id: str, after: int | None, limit: int
) -> list[Row]:
    """When the secrets of a device were made and ended; the secrets themselves nobody has."""
    parameters = {"device_id": device_id, "after": after, "limit": limit}
    return await every(connection, QUERIES["secrets"], parameters)


async def revoke_secret(connection: Connection, device_id: str, secret_id: int) -> bool:
    """Make a secret worthless. False where the device has none of this number."""
    parameters = {"device_id": device_id, "id": secret_id}
    return await first(connection, QUERIES["revoke_secret"], parameters) is not None


async def valid_hashes(connection: Connection, device_id: str) -> list[str]:
    """The hashes of every secret by which the device may come in at this moment."""
    rows = await every(connection, QUERIES["valid_hashes"], {"device_id": device_id})
    return [row["hash"] for row in rows]


async def broker_entries(connection: Connection) -> tuple[str, int]:
    """The lines of the broker's password file, one for each device that may connect (ADR 0004).

    Returns:
        The lines, and how many devices were left out because the broker could not read their hash.
    """
    row = await only(connection, QUERIES["broker_entries"], {})
    return row["lines"], row["malformed"]


async def seconds_to_next_expiry(connection: Connection) -> float | None:
    """How long until a secret ends by itself; None where none will."""
    seconds: float | None = (await only(connection, QUERIES["next_expiry"], {}))["seconds"]
    return seconds


async def offer_next_secret(connection: Connection, devices: Sequence[str]) -> list[str]:
    """Give the broker another valid secret of those of the devices that have several.

    Returns:
        The devices for which there was another.
    """
    rows = await every(connection, QUERIES["offer_next_secret"], {"devices": list(devices)})
    return [row["device_id"] for row in rows]
