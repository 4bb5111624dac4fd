"""Commands to devices: sent by MQTT, and kept with what the device answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, BackgroundTasks, Depends, Query, status
from pydantic import AwareDatetime, Field

from broker.topics import Channel, Topic
from registry.access import Database, Pool, SignedIn, found, pool
from registry.http.fields import ONE_LINE, Answer, Body, Metadata, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery
from registry.http.problems import ConflictError, UnavailableError
from registry.mosquitto.publisher import NobodyListensError, Publisher
from registry.sight import HeldDevice
from registry.telemetry import publisher
from storage import commands
from storage.rows import Row

router = APIRouter(prefix="/devices/{device_id}/commands", tags=["commands"], route_class=Once)

USUAL_TTL = 60
LONGEST_TTL = 7 * 86_400
NOBODY = "the device is offline, or does not listen to its commands: send it again when it does"


class NewCommand(Body):
    """What the device is to do.

    ``ttl_seconds`` is how long the broker keeps it for a device that is away.
    """

    model_config = example(name="start_charge", params={"current_a": 2.5}, ttl_seconds=60)
    name: Annotated[str, Field(min_length=1, max_length=64), ONE_LINE]
    params: Metadata = Field(default_factory=dict)
    ttl_seconds: int = Field(USUAL_TTL, ge=1, le=LONGEST_TTL)


class Command(Answer):
    """A command, and what became of it.

    ``sent``: it is on its way. ``done`` and ``refused``: the device answered so. ``undelivered``:
    the broker has nobody to give it to. ``expired``: no answer came until ``expires_at``; whether
    the device did it is not known, and an answer that still comes counts. ``reason`` tells why it
    was refused or not delivered. ``sent_by`` is a user's number.
    """

    model_config = example(
        id="0b9cf8a8-7d1e-4b55-9f0f-6a0c2f8d7c11",
        device_id="sunny-pack-1",
        name="start_charge",
        params={"current_a": 2.5},
        status="done",
        sent_at="2026-03-02T10:15:00Z",
        sent_by=7,
        expires_at="2026-03-02T10:16:00Z",
        replied_at="2026-03-02T10:15:00.120Z",
        reason=None,
        reply={"status": "done", "current_a": 2.5},
    )
    id: str
    device_id: str
    name: str
    params: dict[str, Any]
    status: Literal["sent", "done", "refused", "expired", "undelivered"]
    sent_at: datetime
    sent_by: int | None
    expires_at: datetime
    replied_at: datetime | None
    reason: str | None
    reply: Any


async def commanded_device(device_id: HeldDevice, connection: Database, person: SignedIn) -> str:
    """The id of the path, for those of the tenant whose the device is at this moment."""
    holder = await commands.holder(connection, device_id)
    person.require("device.command", holder or {})
    if holder and holder["stage"] == "retired":
        raise ConflictError("the device is retired: it can never connect again")
    return device_id


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Command, responses={409: {}})
async def send_command(
    body: NewCommand,
    device_id: Annotated[str, Depends(commanded_device)],
    connection: Database,
    person: SignedIn,
    opened: Annotated[Pool, Depends(pool)],
    broker: Annotated[Publisher, Depends(publisher)],
    afterwards: BackgroundTasks,
) -> Row:
    """Send a command to a device; ask for it again by its id to learn what became of it."""
    command = await commands.add(
        connection,
        {
            "device_id": device_id,
            "name": body.name,
            "params": body.params,
            "sent_by": person.id,
            "ttl": body.ttl_seconds,
        },
    )
    if command is None:
        raise ConflictError(
            f"{commands.MOST_WAITING} commands of this device wait for an answer: wait until they "
            "are answered or expire"
        )
    # After the commit: no answer comes before its command is there, and a command that is sent
    # is noted whatever ends the registry.
    afterwards.add_task(deliver, opened, broker, command, body.ttl_seconds)
    return command


async def deliver(opened: Pool, broker: Publisher, command: Row, ttl: int) -> None:
    """Give a command to the broker, and note why where that fails."""
    payload = msgspec.json.encode({"name": command["name"], "parameters": command["params"]})
    topic = Topic(command["device_id"], Channel.COMMANDS, command["id"])
    try:
        await broker.publish(str(topic), payload, "application/json", expiry=ttl)
    except UnavailableError as problem:
        reason = NOBODY if isinstance(problem, NobodyListensError) else problem.detail
        async with opened.connection() as connection:
            await commands.note_undelivered(connection, command["id"], reason)


@router.get("", response_model=Page[Command])
async def list_commands(
    query: Annotated[PageQuery, Query()],
    device_id: HeldDevice,
    connection: Database,
    person: SignedIn,
) -> Row:
    """List the commands that were sent to the device while it was yours, the newest first."""
    rows = await commands.commands(
        connection,
        person.scope,
        device_id,
        query.after(tuple[AwareDatetime, str]),
        query.limit + 1,
    )
    return query.page(rows, lambda row: [row["sent_at"].isoformat(), row["id"]])


@router.get("/{command_id}", response_model=Command)
async def show_command(
    command_id: str, device_id: HeldDevice, connection: Database, person: SignedIn
) -> Row:
    """Show a command, and what became of it."""
    return found(await commands.command(connection, person.scope, device_id, command_id), "command")
