"""Which times of which devices are a tenant's, also of devices that it gave away or booked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from registry.access import Database, ReadableTenant
from registry.http.fields import Answer, DeviceId, example
from registry.http.pages import Page, PageQuery
from storage import holdings
from storage.rows import Row

router = APIRouter(tags=["tenants"])


class Holding(Answer):
    """A time of a device whose readings are the tenant's; null: without beginning, or end."""

    model_config = example(
        device_id="campus-bench-1",
        **{"from": "2026-03-02T09:00:00Z", "until": "2026-03-02T12:00:00Z"},
    )
    device_id: str
    start: datetime | None = Field(alias="from", validation_alias="start")
    end: datetime | None = Field(alias="until", validation_alias="end")


class HoldingQuery(PageQuery):
    """Which times."""

    device_id: DeviceId | None = None


@router.get("/tenants/{tenant_id}/holdings", response_model=Page[Holding])
async def list_holdings(
    query: Annotated[HoldingQuery, Query()], tenant: ReadableTenant, connection: Database
) -> Row:
    """List which times of which devices are the tenant's: owned, or booked."""
    after = query.after(tuple[str, AwareDatetime | None])
    rows = await holdings.holdings(
        connection, tenant["id"], query.device_id, after, query.limit + 1
    )
    return query.page(rows, key)


def key(row: Row) -> list[str | None]:
    """What a cursor holds of a time."""
    return [row["device_id"], row["start"] and row["start"].isoformat()]
