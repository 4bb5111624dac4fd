"""What devices have sent: the newest values, and ranges of readings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from registry.access import Database, Person, SignedIn
from registry.http.fields import Answer, MetricName, Moment, example
from registry.http.pages import Page, PageQuery
from registry.models import MetricKind
from registry.sight import SeenDevice
from storage import telemetry_queries
from storage.rows import Connection, Row

router = APIRouter(prefix="/devices/{device_id}", tags=["telemetry"])

Flag = Literal["below-range", "above-range"]


class Latest(Answer):
    """The newest value of a metric: a number (a boolean is 0 or 1), or a state's JSON."""

    model_config = example(
        metric="dc_power",
        ts="2026-03-02T10:15:00Z",
        value=4.21,
        unit="kW",
        kind="number",
        flag=None,
    )
    metric: str
    ts: datetime
    value: Any
    unit: str | None
    kind: MetricKind
    flag: Flag | None


class Reading(Answer):
    """A number at a time; the flag tells that it is outside the range that the model gives."""

    model_config = example(
        metric="dc_power", ts="2026-03-02T10:15:00Z", value=14.21, flag="above-range"
    )
    metric: str
    ts: datetime
    value: float
    flag: Flag | None


class State(Answer):
    """A text or a list at a time."""

    model_config = example(metric="mode", ts="2026-03-02T10:15:00Z", value="eco")
    metric: str
    ts: datetime
    value: Any


class LatestQuery(PageQuery):
    """Which values."""

    limit: int = Field(500, ge=1, le=1000, description="items on a page")


class HistoryQuery(PageQuery):
    """Which readings or states: of a metric, from a time until before another."""

    metric: MetricName
    start: Moment | None = Field(None, alias="from", description="the first time")
    end: Moment | None = Field(None, alias="to", description="the end, itself left out")
    limit: int = Field(1000, ge=1, le=10_000, description="items on a page")


@router.get("/latest", response_model=Page[Latest])
async def list_latest(
    query: Annotated[LatestQuery, Query()],
    device_id: SeenDevice,
    connection: Database,
    person: SignedIn,
) -> Row:
    """List the newest value of each metric, of those that you may see."""
    metric = query.after(str)
    after = None if metric is None else (device_id, metric)
    rows = await telemetry_queries.latest(
        connection, person.scope, [device_id], None, after, query.limit + 1
    )
    return query.page(rows, lambda row: row["metric"])


@router.get("/readings", response_model=Page[Reading])
async def list_readings(
    query: Annotated[HistoryQuery, Query()],
    device_id: SeenDevice,
    connection: Database,
    person: SignedIn,
) -> Row:
    """List the readings of a metric, which are numbers, in the order of time.

    Of the device's time it is what is yours: since when, and until when, you own it, or book it.
    """
    return await history("readings", query, device_id, connection, person)


@router.get("/states", response_model=Page[State])
async def list_states(
    query: Annotated[HistoryQuery, Query()],
    device_id: SeenDevice,
    connection: Database,
    person: SignedIn,
) -> Row:
    """List the states of a metric, which are texts and lists, in the order of time.

    Of the device's time it is what is yours, as for readings.
    """
    return await history("states", query, device_id, connection, person)


async def history(
    kind: Literal["readings", "states"],
    query: HistoryQuery,
    device_id: str,
    connection: Connection,
    person: Person,
) -> Row:
    """A page of one metric's past."""
    rows = await telemetry_queries.history(
        connection,
        person.scope,
        kind,
        device_id,
        query.metric,
        query.start,
        query.end,
        query.after(AwareDatetime),
        query.limit + 1,
    )
    return query.page(rows, lambda row: row["ts"].isoformat())
