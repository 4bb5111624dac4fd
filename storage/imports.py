"""Many devices at once. All functions work on the rows that ``take_rows`` was given before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from psycopg.types.json import Jsonb

from storage import queries
from storage.rows import Connection, Row, every

QUERIES = queries.load("registry_imports")


class DeviceRow(NamedTuple):
    """A device that a file has.

    Attributes:
        number: of the row.
        id: of the device.
        tenant_id: of its owner.
        given: the fields that the row has, of those that can be changed.
    """

    number: int
    id: str
    tenant_id: str
    given: Row


async def take_rows(connection: Connection, rows: Iterable[DeviceRow]) -> None:
    """Put rows with distinct numbers and ids beside the devices, until the transaction ends."""
    await connection.execute(QUERIES["create_rows"])
    async with connection.cursor().copy(QUERIES["copy_rows"]) as copy:
        for row in rows:
            await copy.write_row((row.number, row.id, row.tenant_id, Jsonb(row.given)))


async def faults(connection: Connection, moves: Iterable[tuple[str, str]]) -> list[Row]:
    """What is wrong with the rows: ``number, fault``.

    Args:
        connection: where.
        moves: from which stage to which a device may go.

    Returns:
        A fault is ``tenant``, ``model`` or ``lab`` (there is none, or not for this tenant),
        ``nameless`` (new without a name), ``retiring`` (retired, but the device is not),
        ``retired`` (the device is, and is to be something else) or ``moving`` (to a stage to which
        no move leads).
    """
    return await every(connection, QUERIES["faults"], {"moves": ["-".join(m) for m in moves]})


async def forget_rows(connection: Connection, numbers: Collection[int]) -> None:
    """Leave rows out from here on."""
    await connection.execute(QUERIES["forget_rows"], {"numbers": list(numbers)})


async def add_devices(connection: Connection) -> None:
    """Add the devices that are not there."""
    await connection.execute(QUERIES["add_devices"])


async def outcomes(connection: Connection) -> list[Row]:
    """What became of the rows: ``number, id, created, taken, changes``."""
    return await every(connection, QUERIES["outcomes"], {})


async def change_devices(connection: Connection, numbers: Collection[int]) -> None:
    """Change the devices of the rows to what the rows say."""
    await connection.execute(QUERIES["change_devices"], {"numbers": list(numbers)})


async def revoke_unheard(connection: Connection) -> list[str]:
    """Make the secrets worthless of devices that were there before, but never heard.

    Returns:
        The ids of these devices.
    """
    rows = await every(connection, QUERIES["revoke_unheard"], {})
    return [row["id"] for row in rows]


async def add_secrets(connection: Connection, hashes: Iterable[tuple[str, str]]) -> None:
    """Give devices secrets, of which the hashes are given: device id and hash."""
    async with connection.cursor().copy(QUERIES["copy_secrets"]) as copy:
        for entry in hashes:
            await copy.write_row(entry)
