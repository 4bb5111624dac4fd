"""The newest values of many devices at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from registry.access import Database, SignedIn
from registry.devices import MAX_IDS
from registry.http.fields import DeviceId, example
from registry.http.pages import Page, PageQuery
from registry.readings import Latest
from storage import telemetry_queries
from storage.rows import Row

router = APIRouter(tags=["telemetry"])


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


class ManyQuery(PageQuery):
    """Whose values; those of devices that you may not see are left out."""

    device_ids: list[DeviceId] = Field(alias="device_id", min_length=1, max_length=MAX_IDS)
    limit: int = Field(500, ge=1, le=1000, description="items on a page")


@router.get("/latest", response_model=Page[LatestOfDevice])
async def list_latest_of_many(
    query: Annotated[ManyQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List the newest value of each metric of chosen devices."""
    after = query.after(tuple[str, str])
    rows = await telemetry_queries.latest(
        connection, person.scope, query.device_ids, after, query.limit + 1
    )
    return query.page(rows, lambda row: [row["device_id"], row["metric"]])
