"""Commands to devices, and what they answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.types.json import Jsonb

from storage import queries
from storage.rows import Connection, Row, Scope, every, first, planned

QUERIES = queries.load("registry_commands")
# Commands of a device that wait for an answer: the broker keeps them for one that is away.
MOST_WAITING = 20

Outcome = Literal["done", "refused"]


@dataclass(frozen=True)
class Reply:
    """A device's answer to a command.

    Attributes:
        command_id: as the topic names it.
        device_id: whose topic it was.
        outcome: what it says of the command.
        reason: why it was refused, in the device's words.
        body: the answer, or the beginning of it as a text, in JSON.
    """

    command_id: str
    device_id: str
    outcome: Outcome
    reason: str | None
    body: str


async def holder(connection: Connection, device_id: str) -> Row | None:
    """``tenant_id, stage``: of the tenant whose the device is at this moment, and the device."""
    return await first(connection, QUERIES["holder"], {"device_id": device_id})


async def add(connection: Connection, command: Row) -> Row | None:
    """Note a command that is about to be sent.

    Args:
        connection: where.
        command: ``device_id, name, params, sent_by, ttl``: the last in seconds.

    Returns:
        The command, as in ``commands``; None where ``MOST_WAITING`` of the device wait already.
    """
    parameters = {**command, "params": Jsonb(command["params"]), "most": MOST_WAITING}
    return await first(connection, QUERIES["add"], parameters)


async def commands(
    connection: Connection,
    scope: Scope,
    device_id: str,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Row]:
    """The commands of a device, the newest first.

    Args:
        connection: where.
        scope: only what was sent while it held the device.
        device_id: whose.
        after: time and id of the command before the first one.
        limit: how many at most.

    Returns:
        ``id, device_id, name, params, status, sent_at, sent_by, expires_at, replied_at, reason,
        reply``; the status is sent, done, refused, expired or undelivered.
    """
    ts, command_id = after or (None, None)
    place = {"id": None, "after_ts": ts, "after_id": command_id, "limit": limit}
    parameters = {**scope.parameters(), **place, "device_id": device_id}
    return await planned(connection, QUERIES["commands"], parameters)


async def command(
    connection: Connection, scope: Scope, device_id: str, command_id: str
) -> Row | None:
    """One command of a device, as in ``commands``."""
    place = {"id": command_id, "after_ts": None, "after_id": None, "limit": 1}
    parameters = {**scope.parameters(), **place, "device_id": device_id}
    rows = await planned(connection, QUERIES["commands"], parameters)
    return rows[0] if rows else None


async def note_undelivered(connection: Connection, command_id: str, reason: str) -> None:
    """Note that the broker has nobody to give a command to, unless it was answered all the same."""
    parameters = {"id": command_id, "reason": reason}
    await connection.execute(QUERIES["note_undelivered"], parameters)


async def note_replies(connection: Connection, replies: Sequence[Reply]) -> int:
    """Note answers in the order in which they came; a second one to a command changes nothing.

    Returns:
        How many were answers to a command of their device that had none yet.
    """
    parameters = {
        "ids": [reply.command_id for reply in replies],
        "devices": [reply.device_id for reply in replies],
        "outcomes": [reply.outcome for reply in replies],
        "reasons": [reply.reason for reply in replies],
        "replies": [reply.body for reply in replies],
    }
    return len(await every(connection, QUERIES["note_replies"], parameters))
