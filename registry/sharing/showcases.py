"""Showcases: devices that everybody may see, late and rounded as their owners have chosen."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, status
from pydantic import Field

from registry.access import Database, SignedIn, found, permitted
from registry.http.fields import Answer, Body, Day, DeviceId, Number, Slug, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, by_id
from registry.http.problems import ConflictError, UnprocessableError, in_body, no_such
from registry.settings import Settings
from registry.sharing.agreement_terms import OVER, Metrics
from storage import devices, showcases
from storage.rows import Row

router = APIRouter(prefix="/showcases", tags=["showcases"], route_class=Once)

LONGEST_DELAY = timedelta(days=30)
TERMS: dict[str, Any] = {
    "device_id": "sunny-roof-1",
    "metrics": ["dc_power"],
    "history_from": "2026-03-01",
    "last_day": "2026-12-31",
    "delay_seconds": 3600,
    "decimals": 1,
}


class NewShowcase(Body):
    """What everybody may see of a device, and until which day.

    Readings are shown so much later than they were measured, with so many digits after the point;
    -2 rounds to hundreds. Without `history_from` they are shown from today on.
    """

    model_config = example(**TERMS)
    device_id: DeviceId
    metrics: Metrics | None = Field(None, description="null: all")
    history_from: Day | None = None
    last_day: Day
    delay_seconds: int = Field(3600, ge=0, le=LONGEST_DELAY // timedelta(seconds=1))
    decimals: int = Field(1, ge=-9, le=9)


class Showcase(Answer):
    """A showcase and its state at this moment.

    ``link`` is null where the platform does not know where people reach Grafana. It leads to
    something as soon as Grafana was told, by `technopark dashboards sync`.
    """

    model_config = example(
        id=4,
        tenant_id="sunny",
        **TERMS,
        state="running",
        ends_at="2026-12-31T17:00:00Z",
        created_at="2026-03-01T09:00:00Z",
        ended_at=None,
        link="https://grafana.park.example/public-dashboards/5c948bf96e6a4b13bd91975f9a2028b7",
    )
    id: int
    tenant_id: str
    device_id: str
    metrics: list[str] | None
    history_from: date
    last_day: date
    delay_seconds: int
    decimals: int
    state: Literal["running", "ended"]
    ends_at: datetime
    created_at: datetime
    ended_at: datetime | None
    link: str | None


class ShowcaseQuery(PageQuery):
    """Which showcases."""

    tenant_id: Slug | None = None
    device_id: DeviceId | None = None
    state: Literal["running", "ended"] | None = None


def shown(showcase: Row, settings: Settings) -> Row:
    """The showcase with its link."""
    base = str(settings.grafana_public_url or "").rstrip("/")
    link = f"{base}/public-dashboards/{showcase['access_token']}" if base else None
    return {**showcase, "link": link}


async def readable_showcase(
    showcase_id: Number, connection: Database, person: SignedIn, request: Request
) -> Row:
    """The showcase of the path."""
    row = found(await showcases.showcase(connection, person.scope, showcase_id), "showcase")
    return shown(row, request.app.state.settings)


ReadableShowcase = Annotated[Row, Depends(readable_showcase)]
OwnedShowcase = Annotated[Row, Depends(permitted("showcase.manage", readable_showcase))]


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Showcase)
async def create_showcase(
    body: NewShowcase, connection: Database, person: SignedIn, request: Request
) -> Row:
    """Show a device to everybody. What was shown of it before ends; its link stays the same."""
    device = await devices.device(connection, person.scope, body.device_id)
    if device is None or device["shared"]:
        raise no_such("device_id", "device")
    person.require("showcase.manage", device)
    if body.history_from and body.history_from > body.last_day:
        sentence = f"this is before history_from, {body.history_from}: give a later day"
        raise UnprocessableError(sentence, [in_body("last_day", sentence)])
    if device["stage"] == "retired":
        raise ConflictError("this device is retired: it has nothing to show any more")
    number = await showcases.create(connection, body.model_dump(), device["tenant_id"])
    if number is None:
        raise UnprocessableError(OVER, [in_body("last_day", OVER)])
    return await readable_showcase(number, connection, person, request)


@router.get("", response_model=Page[Showcase])
async def list_showcases(
    query: Annotated[ShowcaseQuery, Query()],
    connection: Database,
    person: SignedIn,
    request: Request,
) -> Row:
    """List the showcases of your tenants and parks, the newest first."""
    rows = await showcases.showcases(
        connection, person.scope, query.model_dump(), query.after(int), query.limit + 1
    )
    return query.page([shown(row, request.app.state.settings) for row in rows], by_id)


@router.get("/{showcase_id}", response_model=Showcase)
async def show_showcase(showcase: ReadableShowcase) -> Row:
    """Show a showcase."""
    return showcase


@router.post("/{showcase_id}/end", response_model=Showcase)
async def end_showcase(
    showcase: OwnedShowcase, connection: Database, person: SignedIn, request: Request
) -> Row:
    """End a showcase at once: its link shows nothing any more."""
    if not await showcases.end(connection, showcase["id"]):
        raise ConflictError("this showcase was ended before")
    return await readable_showcase(showcase["id"], connection, person, request)
