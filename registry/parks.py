"""Parks and their labs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, status

from registry.access import (
    Administrator,
    Database,
    ManagedLab,
    ManagedPark,
    ReadableLab,
    ReadablePark,
    SignedIn,
    readable_lab,
    readable_park,
)
from registry.http.etags import unless_changed
from registry.http.fields import (
    Answer,
    Body,
    GrafanaLanguage,
    Latitude,
    Longitude,
    Name,
    Slug,
    TimeZone,
    example,
    unset,
)
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, by_id
from registry.http.problems import no_such
from storage import parks
from storage.rows import Row

router = APIRouter(tags=["parks and labs"], route_class=Once)

LabKind = Literal["lab", "testbed"]
PARK: dict[str, Any] = {
    "id": "cimahi",
    "name": "Cimahi Technopark",
    "time_zone": "Asia/Jakarta",
    "latitude": -6.87,
    "longitude": 107.54,
    "language": "id",
}
LAB = {"id": "cimahi-solar", "park_id": "cimahi", "name": "Solar roof", "kind": "testbed"}
CREATED = {"created_at": "2026-03-01T09:00:00Z"}


class NewPark(Body):
    """A technopark: a site with a time zone and a place."""

    model_config = example(**PARK)
    id: Slug
    name: Name
    time_zone: TimeZone
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    language: GrafanaLanguage = "en"


class ParkChanges(Body):
    """What is to be another; the rest stays."""

    model_config = example(name="Cimahi Technopark North", latitude=-6.86)
    name: Name = unset()
    time_zone: TimeZone = unset()
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    language: GrafanaLanguage = unset()


class Park(Answer):
    """A technopark."""

    model_config = example(**PARK, **CREATED)
    id: str
    name: str
    time_zone: str
    latitude: float | None
    longitude: float | None
    language: GrafanaLanguage
    created_at: datetime


class NewLab(Body):
    """A room or a rig of a park where devices stand."""

    model_config = example(**LAB)
    id: Slug
    park_id: Slug
    name: Name
    kind: LabKind = "lab"


class LabChanges(Body):
    """What is to be another; the rest stays."""

    model_config = example(name="Solar roof south")
    name: Name = unset()
    kind: LabKind = unset()


class Lab(Answer):
    """A lab or a testbed."""

    model_config = example(**LAB, **CREATED)
    id: str
    park_id: str
    name: str
    kind: LabKind
    created_at: datetime


class LabQuery(PageQuery):
    """Which labs."""

    park_id: Slug | None = None


@router.post("/parks", status_code=status.HTTP_201_CREATED, response_model=Park)
async def create_park(body: NewPark, connection: Database, _: Administrator) -> Row:
    """Add a park."""
    return await parks.create_park(connection, body.model_dump())


@router.get("/parks", response_model=Page[Park])
async def list_parks(
    query: Annotated[PageQuery, Query()], connection: Database, _: SignedIn
) -> Row:
    """List the parks."""
    rows = await parks.parks(connection, query.after(str), query.limit + 1)
    return query.page(rows, by_id)


@router.get("/parks/{park_id}", response_model=Park)
async def show_park(park: ReadablePark) -> Row:
    """Show a park."""
    return park


@router.patch(
    "/parks/{park_id}",
    response_model=Park,
    dependencies=[unless_changed("parks", readable_park, Park)],
)
async def change_park(body: ParkChanges, park: ManagedPark, connection: Database) -> Row:
    """Change a park."""
    return await parks.change_park(connection, park["id"], body.changes())


@router.post("/labs", status_code=status.HTTP_201_CREATED, response_model=Lab)
async def create_lab(body: NewLab, connection: Database, person: SignedIn) -> Row:
    """Add a lab to a park."""
    if await parks.park(connection, body.park_id) is None:
        raise no_such("park_id", "park")
    person.require("lab.change", {"park_id": body.park_id})
    return await parks.create_lab(connection, body.model_dump())


@router.get("/labs", response_model=Page[Lab])
async def list_labs(query: Annotated[LabQuery, Query()], connection: Database, _: SignedIn) -> Row:
    """List the labs, of one park or of all."""
    rows = await parks.labs(connection, query.park_id, query.after(str), query.limit + 1)
    return query.page(rows, by_id)


@router.get("/labs/{lab_id}", response_model=Lab)
async def show_lab(lab: ReadableLab) -> Row:
    """Show a lab."""
    return lab


@router.patch(
    "/labs/{lab_id}",
    response_model=Lab,
    dependencies=[unless_changed("labs", readable_lab, Lab)],
)
async def change_lab(body: LabChanges, lab: ManagedLab, connection: Database) -> Row:
    """Change a lab."""
    return await parks.change_lab(connection, lab["id"], body.changes())
