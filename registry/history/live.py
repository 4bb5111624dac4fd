"""`GET /live`: what devices send, as server-sent events, as long as one may see it.

Each stream looks once a second what is new, with the rights of that moment, and holds no connection
in between. FastAPI writes the events, and a comment every 15 s where there are none.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import psycopg
import structlog
from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from registry.access import Credentials, Pool, pool, recognised, token_scheme
from registry.devices import MAX_IDS
from registry.history.choosing import chosen_devices
from registry.history.question import MAX_METRICS, DeviceChoice, refusal
from registry.http.fields import MetricName
from registry.http.problems import (
    FieldError,
    NotFoundError,
    ProblemError,
    UnavailableError,
    UnprocessableError,
)
from storage import live_tail
from storage.history.columns import microseconds, moment
from storage.rows import Row

router = APIRouter(tags=["telemetry"])

LOOK_SECONDS = 1.0
MAX_STREAMS = 200
# So many make an event's id of 3,200 characters.
MAX_SERIES = 200
# Who comes back later than that reads the history.
RESUMED = timedelta(hours=24)
RETRY_MS = 2000
EXAMPLE = (
    "event: readings\nid: AAAAKgAGPQ…\n"
    'data: [{"device_id": "sunny-roof-1", "metric": "dc_power", "ts": "2026-03-02T10:15:00Z", '
    '"value": 4.21, "unit": "kW"}]\n\n'
)
# A series' number, and µs since 1970.
SEEN = struct.Struct(">iq")

log = structlog.get_logger()


class LiveQuery(DeviceChoice):
    """What to watch, and how long."""

    metrics: list[MetricName] | None = Field(
        None, alias="metric", max_length=MAX_METRICS, description="only these"
    )
    seconds: float | None = Field(
        None, ge=0, le=86_400, description="end after so many seconds; default: never"
    )


@dataclass
class Streams:
    """How many there are in this process."""

    open: int = 0


STREAMS = Streams()


@dataclass
class Watch:
    """A stream: what it shows, to whom, how far it came, and what it found there."""

    opened: Pool
    credentials: Credentials
    query: LiveQuery
    seen: dict[int, datetime]
    rows: list[Row] = field(default_factory=list)

    async def look(self) -> None:
        """Find what is new.

        Raises:
            ProblemError: the rights are over, or were never there.
        """
        async with self.opened.connection() as connection:
            # Statements that only read need no transaction around them.
            await connection.set_autocommit(True)
            person = await recognised(connection, self.credentials)
            devices = await chosen_devices(connection, person, self.query, MAX_IDS)
            heads = await live_tail.heads(
                connection, person.scope, devices, self.query.metrics, MAX_SERIES + 1
            )
            if not heads:
                raise NotFoundError("there is no such device, or none that you may see now")
            if len(heads) > MAX_SERIES:
                raise refusal("metric", f"these are more than {MAX_SERIES} series: choose fewer")
            self.rows, self.seen = await live_tail.news(connection, heads, self.seen)

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """The events, until the rights or the seconds are over."""
        ends = time.monotonic() + self.query.seconds if self.query.seconds is not None else None
        yield ServerSentEvent(comment="watching", retry=RETRY_MS)
        while True:
            if self.rows:
                text = msgspec.json.encode(self.rows).decode()
                yield ServerSentEvent(event="readings", id=written(self.seen), raw_data=text)
            if ends is not None and time.monotonic() >= ends:
                return
            await asyncio.sleep(LOOK_SECONDS)
            self.rows = []
            try:
                await self.look()
            except ProblemError as problem:
                yield ServerSentEvent(event="end", data={"detail": problem.detail})
                return
            except psycopg.OperationalError as error:
                log.warning("a live stream waits", error=type(error).__name__)


def written(seen: dict[int, datetime]) -> str:
    """How far a stream came, as the id of an event."""
    parts = (SEEN.pack(series, microseconds(ts)) for series, ts in sorted(seen.items()))
    return base64.urlsafe_b64encode(b"".join(parts)).decode()


def read(event_id: str) -> dict[int, datetime]:
    """How far a stream came; not longer ago than what is resumed.

    Raises:
        UnprocessableError: it is no id of an event.
    """
    oldest = datetime.now(UTC) - RESUMED
    try:
        content = base64.b64decode(event_id.encode(), altchars=b"-_", validate=True)
        return {series: max(moment(us), oldest) for series, us in SEEN.iter_unpack(content)}
    except (binascii.Error, struct.error, OverflowError) as error:
        sentence = "this is no id of an event: send the last one as it was, or none"
        place: FieldError = {"parameter": "Last-Event-ID", "detail": sentence}
        raise UnprocessableError(sentence, [place]) from error


async def opened_watch(
    query: Annotated[LiveQuery, Query()],
    opened: Annotated[Pool, Depends(pool)],
    credentials: Annotated[Credentials, Depends(token_scheme)],
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=8000, description="go on after this event"),
    ] = None,
) -> Watch:
    """A stream that may begin: what is refused is refused before the answer begins."""
    if STREAMS.open >= MAX_STREAMS:
        raise UnavailableError("too many are watching: try again later")
    watch = Watch(opened, credentials, query, read(last_event_id) if last_event_id else {})
    await watch.look()
    return watch


@router.get(
    "/live",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Events `readings`, and one `end` when you may see no more.",
            "content": {"text/event-stream": {"example": EXAMPLE}},
        },
        404: {},
    },
)
async def watch_live(
    watch: Annotated[Watch, Depends(opened_watch)],
) -> AsyncIterator[ServerSentEvent]:
    """Watch what devices send, as server-sent events: first the newest values, then what comes.

    The stream ends when your rights do. A reading that comes late, after a newer one, is in the
    history alone.
    """
    STREAMS.open += 1
    try:
        async for event in watch.events():
            yield event
    finally:
        STREAMS.open -= 1
