"""What of the devices' messages was not stored, and why."""

from __future__ import annotations

import base64
import codecs
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, ValidationInfo

from broker.payloads import Reason
from broker.topics import Channel
from registry.access import Database, SignedIn
from registry.http.fields import Answer, Moment, Slug, example
from registry.http.pages import Page, PageQuery
from registry.sight import HeldDevice
from storage import rejections
from storage.rejections import Filter
from storage.rows import Row

router = APIRouter(tags=["rejections"])

# Without a beginning a question about many devices is about so long before the end, or before now.
USUAL_RANGE = timedelta(days=7)
# What can be sent again at any time. A status tells what was true when it was sent.
REPLAYED_CHANNELS = (Channel.TELEMETRY, Channel.ATTRIBUTES)


def not_before_start(end: datetime | None, info: ValidationInfo) -> datetime | None:
    """Refuse an end before the beginning, which is the field ``start`` of the same model."""
    start = info.data.get("start")
    if start is not None and end is not None and end < start:
        raise ValueError("this end is before the beginning: exchange `from` and `to`")
    return end


Start = Annotated[Moment | None, Field(alias="from", description="the first arrival")]
End = Annotated[
    Moment | None,
    AfterValidator(not_before_start),
    Field(alias="to", description="the end, itself left out"),
]


def usual_start(end: datetime | None) -> datetime:
    """The beginning of a range that was given none."""
    return (end or datetime.now(UTC)) - USUAL_RANGE


class Rejection(Answer):
    """A message, or a part of one, that was not stored.

    ``ts`` is when the message came. The payload is its first 1,024 bytes; ``replayable`` tells
    whether the platform has all of it and may send it again. ``replayed_at`` is null while the
    rejection is open: never replayed, or refused again.
    """

    model_config = example(
        id=5,
        ts="2026-03-02T10:15:00Z",
        device_id="sunny-roof-1",
        topic="devices/sunny-roof-1/telemetry",
        reason="not-a-number",
        detail="'power' is NaN, which is no number",
        content_type="application/json",
        payload='{"power": NaN}',
        encoding="utf-8",
        size=14,
        replayable=True,
        replayed_at=None,
    )
    id: int
    ts: datetime
    device_id: str
    topic: str
    reason: str
    detail: str
    content_type: str | None
    payload: str
    encoding: Literal["utf-8", "base64"]
    size: int
    replayable: bool
    replayed_at: datetime | None


class DeviceCount(Answer):
    """How many rejections a device has."""

    device_id: str
    count: int


class ReasonCount(Answer):
    """How many rejections there are of a reason, and which devices have the most."""

    reason: str
    count: int
    open: int
    devices: int
    newest: datetime
    most: list[DeviceCount]


class Summary(BaseModel):
    """The rejections of a time, counted by reason, the most frequent first."""

    model_config = example(
        **{"from": "2026-02-23T10:15:00Z", "to": "2026-03-02T10:15:00Z"},
        items=[
            {
                "reason": "clock-ahead",
                "count": 86,
                "open": 80,
                "devices": 1,
                "newest": "2026-03-02T10:14:58Z",
                "most": [{"device_id": "sunny-roof-1", "count": 86}],
            }
        ],
    )
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    items: list[ReasonCount]


class RejectionQuery(PageQuery):
    """Which rejections."""

    reason: Reason | None = None
    state: Literal["open", "replayed"] | None = Field(None, description="none: both")
    start: Start = None
    end: End = None

    def filter(self) -> Filter:
        """What the query asks for."""
        replayed = None if self.state is None else self.state == "replayed"
        return Filter(self.reason, self.start, self.end, replayed)


class ManyQuery(RejectionQuery):
    """Which rejections of all devices; without ``from`` those of seven days."""

    tenant_id: Slug | None = None
    park_id: Slug | None = None

    def filter(self) -> Filter:
        """What the query asks for, with the usual beginning where it has none."""
        wanted = super().filter()
        return replace(wanted, start=wanted.start or usual_start(self.end))


class SummaryQuery(BaseModel):
    """Which rejections are counted; without ``from`` those of seven days."""

    tenant_id: Slug | None = None
    park_id: Slug | None = None
    start: Start = None
    end: End = None


@router.get("/devices/{device_id}/rejections", response_model=Page[Rejection])
async def list_rejections(
    query: Annotated[RejectionQuery, Query()],
    device_id: HeldDevice,
    connection: Database,
    person: SignedIn,
) -> Row:
    """List what was not stored of the device's messages while it was yours, the newest first."""
    rows = await rejections.device_rejections(
        connection,
        person.scope,
        device_id,
        query.filter(),
        query.after(tuple[AwareDatetime, int]),
        query.limit + 1,
    )
    return page(query, rows)


@router.get("/rejections", response_model=Page[Rejection])
async def list_rejections_of_many(
    query: Annotated[ManyQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List what was not stored of all devices' messages while they were yours, the newest first.

    Without `from` it is what came in seven days.
    """
    rows = await rejections.rejections(
        connection,
        person.scope,
        query.tenant_id,
        query.park_id,
        query.filter(),
        query.after(tuple[AwareDatetime, int]),
        query.limit + 1,
    )
    return page(query, rows)


@router.get("/rejections/summary", response_model=Summary)
async def summarise_rejections(
    query: Annotated[SummaryQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """Count the rejections of all devices, while they were yours, by their reasons.

    Each reason names the devices with the most of them. Without `from` it is what came in seven
    days.
    """
    end = query.end or datetime.now(UTC)
    start = query.start or usual_start(end)
    items = await rejections.summary(
        connection, person.scope, query.tenant_id, query.park_id, start, end
    )
    return {"from": start, "to": end, "items": items}


def page(query: PageQuery, rows: list[Row]) -> Row:
    """The answer, with each payload as people can read it."""
    found = query.page(rows, lambda row: [row["ts"].isoformat(), row["id"]])
    return {**found, "items": [shown(row) for row in found["items"]]}


def shown(row: Row) -> Row:
    """A rejection with its payload as text, in base64 where it is none."""
    replayable = row["whole"] and row["topic"] in replay_topics(row["device_id"])
    return {**row, **readable(row["payload"], row["size"]), "replayable": replayable}


def readable(payload: bytes, size: int) -> dict[str, str]:
    """The beginning of a payload of ``size`` bytes; it may end within a letter, which is left out.

    Returns:
        ``payload`` and ``encoding``.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return {"payload": decoder.decode(payload, len(payload) == size), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"payload": base64.b64encode(payload).decode(), "encoding": "base64"}


def replay_topics(device_id: str) -> list[str]:
    """The topics on which a message of the device can be sent again."""
    return [f"devices/{device_id}/{channel}" for channel in REPLAYED_CHANNELS]
