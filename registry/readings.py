"""What devices have sent: the newest values, ranges of readings, and what was rejected."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from registry.access import Database, ReadableDevice
from registry.fields import Answer, MetricName, example
from registry.models import MetricKind
from registry.pages import Page, PageQuery
from storage import telemetry_queries
from storage.rows import Connection, Row

router = APIRouter(prefix="/devices/{device_id}", tags=["telemetry"])


class Latest(Answer):
    """The newest value of a metric: a number (a boolean is 0 or 1), or a state's JSON."""

    model_config = example(
        metric="dc_power", ts="2026-03-02T10:15:00Z", value=4.21, unit="kW", kind="number"
    )
    metric: str
    ts: datetime
    value: Any
    unit: str | None
    kind: MetricKind


class Reading(Answer):
    """A number at a time."""

    model_config = example(metric="dc_power", ts="2026-03-02T10:15:00Z", value=4.21)
    metric: str
    ts: datetime
    value: float


class State(Answer):
    """A text or a list at a time."""

    model_config = example(metric="mode", ts="2026-03-02T10:15:00Z", value="eco")
    metric: str
    ts: datetime
    value: Any


class Rejection(Answer):
    """A message, or a part of one, that was not stored; the payload is its first 1,024 bytes."""

    model_config = example(
        id=5,
        ts="2026-03-02T10:15:00Z",
        topic="devices/sunny-roof-1/telemetry",
        reason="not-a-number",
        detail="'power' is NaN, which is no number",
        payload='{"power": NaN}',
        encoding="utf-8",
        size=14,
    )
    id: int
    ts: datetime
    topic: str
    reason: str
    detail: str
    payload: str
    encoding: Literal["utf-8", "base64"]
    size: int


class LatestQuery(PageQuery):
    """Which values."""

    limit: int = Field(500, ge=1, le=1000, description="items on a page")


class HistoryQuery(PageQuery):
    """Which readings or states: of a metric, from a time until before another."""

    metric: MetricName
    start: AwareDatetime | None = Field(None, alias="from", description="the first time")
    end: AwareDatetime | None = Field(None, alias="to", description="the end, itself left out")
    limit: int = Field(1000, ge=1, le=10_000, description="items on a page")


class RejectionQuery(PageQuery):
    """Which rejections."""

    start: AwareDatetime | None = Field(None, alias="from", description="none before this time")


@router.get("/latest", response_model=Page[Latest])
async def list_latest(
    query: Annotated[LatestQuery, Query()], device: ReadableDevice, connection: Database
) -> Row:
    """List the newest value of each metric."""
    rows = await telemetry_queries.latest(
        connection, device["id"], query.after(str), query.limit + 1
    )
    return query.page(rows, lambda row: row["metric"])


@router.get("/readings", response_model=Page[Reading])
async def list_readings(
    query: Annotated[HistoryQuery, Query()], device: ReadableDevice, connection: Database
) -> Row:
    """List the readings of a metric, which are numbers, in the order of time."""
    return await history("readings", query, device, connection)


@router.get("/states", response_model=Page[State])
async def list_states(
    query: Annotated[HistoryQuery, Query()], device: ReadableDevice, connection: Database
) -> Row:
    """List the states of a metric, which are texts and lists, in the order of time."""
    return await history("states", query, device, connection)


async def history(
    kind: Literal["readings", "states"], query: HistoryQuery, device: Row, connection: Connection
) -> Row:
    """A page of one metric's past."""
    rows = await telemetry_queries.history(
        connection,
        kind,
        device["id"],
        query.metric,
        query.start,
        query.end,
        query.after(AwareDatetime),
        query.limit + 1,
    )
    return query.page(rows, lambda row: row["ts"].isoformat())


@router.get("/rejections", response_model=Page[Rejection])
async def list_rejections(
    query: Annotated[RejectionQuery, Query()], device: ReadableDevice, connection: Database
) -> Row:
    """List what was not stored of the device's messages, the newest first."""
    after = query.after(tuple[AwareDatetime, int])
    rows = await telemetry_queries.rejections(
        connection, device["id"], query.start, after, query.limit + 1
    )
    page = query.page(rows, lambda row: [row["ts"].isoformat(), row["id"]])
    return {**page, "items": [{**row, **shown(row["payload"])} for row in page["items"]]}


def shown(payload: bytes) -> dict[str, str]:
    """The payload as text, in base64 where it is none."""
    try:
        return {"payload": payload.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"payload": base64.b64encode(payload).decode(), "encoding": "base64"}
