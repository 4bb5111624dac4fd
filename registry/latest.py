"""The newest values of many devices at once: chosen ones, or all of a tenant, lab or park."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import Field

from registry.access import Database, SignedIn
from registry.history.choosing import chosen_devices
from registry.history.question import MAX_METRICS, DeviceChoice
from registry.http.fields import MetricName, example
from registry.http.pages import Page, PageQuery
from registry.readings import Latest
from storage import telemetry_queries

router = APIRouter(tags=["telemetry"])

MAX_DEVICES = 100_000


class LatestOfDevice(Latest):
    """The newest value of a metric of a device."""

    model_config = example(
        device_id="sunny-roof-1",
        metric="dc_power",
        ts="2026-03-02T10:15:00Z",
        value=4.21,
        unit="kW",
        kind="number",
        flag=None,
    )
    device_id: str


class ManyQuery(PageQuery, DeviceChoice):
    """Whose values; those of devices that you may not see are left out."""

    metrics: list[MetricName] | None = Field(
        None, alias="metric", max_length=MAX_METRICS, description="only these"
    )
    limit: int = Field(500, ge=1, le=10_000, description="items on a page")


@router.get("/latest", response_model=Page[LatestOfDevice])
async def list_latest_of_many(
    query: Annotated[ManyQuery, Query()], connection: Database, person: SignedIn
) -> Response:
    """List the newest value of each metric of devices: chosen ones, or all of a tenant or a place.

    10,000 values come in one page, if ``limit`` says so.
    """
    devices = await chosen_devices(connection, person, query, MAX_DEVICES)
    after = query.after(tuple[str, str])
    rows = await telemetry_queries.latest(
        connection, person.scope, devices, query.metrics, after, query.limit + 1
    )
    page = query.page(rows, lambda row: [row["device_id"], row["metric"]])
    # Pydantic would look at each of the values twice.
    return Response(msgspec.json.encode(page), media_type="application/json")
