"""The replay of rejected messages, after the cause of the rejection is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, Field

from broker.payloads import Reason
from broker.topics import ARRIVAL, replay_of
from registry.access import (
    Credentials,
    Pool,
    pool,
    readable_device,
    signed_in,
    token_scheme,
)
from registry.http.fields import Answer, Body, example
from registry.http.pages import CURSOR_LENGTH, cursor, key
from registry.http.problems import UnavailableError
from registry.mosquitto.publisher import MAX_TURN, Publisher
from registry.rejections import End, Start, replay_topics
from registry.telemetry import publisher
from storage import rejections
from storage.rejections import Filter, Selection
from storage.rows import Row, Scope

router = APIRouter(tags=["rejections"])

MOST_MESSAGES = 1000


class Replay(Body):
    """Which messages are sent again: those with a rejection of the reason, by their arrival."""

    model_config = example(
        reason="out-of-range", **{"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
    )
    # A text in JSON, so not strict.
    reason: Annotated[Reason, Field(strict=False)] | None = None
    start: Start = None
    end: End = None
    include_replayed: bool = False
    limit: int = Field(MOST_MESSAGES, ge=1, le=MOST_MESSAGES, description="messages in one call")
    cursor: str | None = Field(
        None, max_length=CURSOR_LENGTH, description="`next` of the call before; none: the first"
    )

    def after(self) -> tuple[datetime, str] | None:
        """Arrival and topic of the last message of the call before.

        Raises:
            UnprocessableError: the cursor is none of a replay.
        """
        if self.cursor is None:
            return None
        return key(self.cursor, tuple[AwareDatetime, str], {"pointer": "#/cursor"})


class Replayed(Answer):
    """What became of the messages of this call, and how many come after them.

    Skipped is what cannot be sent again, such as a status; not kept, what was too long to be kept
    whole. `next` is the `cursor` of the call that goes on; null where nothing remains.
    """

    model_config = example(replayed=998, skipped=1, not_kept=1, remaining=212, next="WyIyMDI2…")
    replayed: int
    skipped: int
    not_kept: int
    remaining: int
    next: str | None


async def replayed_device(
    device_id: str,
    opened: Annotated[Pool, Depends(pool)],
    credentials: Annotated[Credentials, Depends(token_scheme)],
) -> tuple[str, Scope]:
    """The id of the path, and what the person may see, for those who work on the device.

    The connection is given back before the broker is waited for.
    """
    async with opened.connection() as connection:
        person = await signed_in(connection, credentials)
        device = await readable_device(device_id, connection, person)
        person.require("device.change", device)
        return device_id, person.scope


@router.post("/devices/{device_id}/rejections/replay", response_model=Replayed)
async def replay_rejections(
    body: Replay,
    asked: Annotated[tuple[str, Scope], Depends(replayed_device)],
    opened: Annotated[Pool, Depends(pool)],
    broker: Annotated[Publisher, Depends(publisher)],
) -> Row:
    """Send rejected messages again, the oldest first, as if they came when they first came.

    What was stored of a message is not stored again. What is refused again becomes open again.
    """
    device_id, scope = asked
    wanted = Filter(body.reason, body.start, body.end, None if body.include_replayed else False)
    selection = Selection(device_id, scope, replay_topics(device_id), wanted)
    async with opened.connection() as connection:
        messages = await rejections.messages(connection, selection, body.after(), body.limit)
        # Read before anything is sent: ingest may refuse it again before it is marked here.
        rows = await rejections.refusals(connection, device_id, messages)
    whole = [message for message in messages if message["payload"] is not None]
    sent, problem = await send(broker, whole)
    async with opened.connection() as connection:
        again = {(message["ts"], message["topic"]) for message in sent}
        done = [row for row in rows if (row["ts"], row["topic"]) in again]
        await rejections.mark_replayed(connection, device_id, done)
        last = (messages[-1]["ts"], messages[-1]["topic"]) if messages else None
        remaining = last and await rejections.count_messages(connection, selection, last)
    if problem is not None:
        raise UnavailableError(
            f"{problem.detail.partition(':')[0]}: {len(sent)} of {len(whole)} messages were "
            "replayed; do the same again soon to go on"
        )
    return {
        "replayed": len(sent),
        "skipped": sum(not message["again"] for message in messages),
        "not_kept": sum(message["again"] and not message["whole"] for message in messages),
        "remaining": remaining or 0,
        "next": cursor([last[0].isoformat(), last[1]]) if last and remaining else None,
    }


async def send(
    broker: Publisher, messages: Sequence[Row]
) -> tuple[list[Row], UnavailableError | None]:
    """Publish messages, many at once and in their order, until the broker fails.

    Returns:
        Those that the broker has safe, and why the others were not sent, if there are some.
    """
    sent: list[Row] = []
    for begin in range(0, len(messages), MAX_TURN):
        turn = messages[begin : begin + MAX_TURN]
        async with broker.turn:
            problems = await asyncio.gather(*(publish(broker, message) for message in turn))
        sent += [message for message, problem in zip(turn, problems, strict=True) if not problem]
        if problem := next(filter(None, problems), None):
            return sent, problem
    return sent, None


async def publish(broker: Publisher, message: Row) -> UnavailableError | None:
    """Publish a message with the time when it first came; why that failed where it did."""
    try:
        await broker.publish(
            replay_of(message["topic"]),
            message["payload"],
            message["content_type"],
            {ARRIVAL: str(message["arrival"])},
        )
    except UnavailableError as problem:
        return problem
    return None
