"""Testbeds: which devices can be booked, and their slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, status
from pydantic import AfterValidator, AwareDatetime, Field, ValidationInfo

from registry.access import Database, Person, ReadableLab, SignedIn, found, permitted
from registry.http.fields import Answer, Body, DeviceId, Moment, Number, Slug, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, by_id
from registry.http.problems import ConflictError, no_such
from registry.rejections import not_before_start
from storage import bookings, tenants
from storage.bookings import SlotTakenError
from storage.rows import Connection, Row

router = APIRouter(tags=["testbeds"], route_class=Once)

SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(days=7)
HORIZON = timedelta(days=90)
# So much in the past still means "now": clocks differ, and a request takes its time.
JUST_NOW = timedelta(minutes=1)
BOOKING: dict[str, Any] = {
    "device_id": "campus-bench-1",
    "tenant_id": "sunny",
    "from": "2026-03-02T09:00:00Z",
    "until": "2026-03-02T12:00:00Z",
}


def now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


def coming(start: datetime) -> datetime:
    """Refuse a beginning that is past, or too far away; one that is just past is now."""
    if start < now() - JUST_NOW:
        raise ValueError("a slot cannot begin in the past: leave `from` out to begin now")
    if start > now() + HORIZON:
        raise ValueError(f"slots can be booked {HORIZON.days} days ahead")
    return max(start, now())


def fit_length(end: datetime, info: ValidationInfo) -> datetime:
    """Refuse a slot that is too short or too long; its beginning is the field ``start``."""
    start = info.data.get("start")
    if start is not None and not SHORTEST <= end - start <= LONGEST:
        raise ValueError(
            f"a slot is from {SHORTEST // timedelta(minutes=1)} minutes to {LONGEST.days} days long"
        )
    return end


class NewBooking(Body):
    """A slot for a tenant; without a beginning it begins now."""

    model_config = example(**BOOKING)
    device_id: DeviceId
    tenant_id: Slug
    start: Annotated[Moment, AfterValidator(coming)] = Field(default_factory=now, alias="from")
    end: Annotated[Moment, AfterValidator(fit_length)] = Field(alias="until")


class Booking(Answer):
    """A slot. The tenant is null where that is none of your business."""

    model_config = example(id=7, **BOOKING, created_at="2026-03-01T09:00:00Z")
    id: int
    device_id: str
    tenant_id: str | None
    start: datetime = Field(alias="from", validation_alias="start")
    end: datetime = Field(alias="until", validation_alias="end")
    created_at: datetime


class BookableDevice(Answer):
    """A device of a testbed that can be booked."""

    model_config = example(id="campus-bench-1", name="Motor bench", model="Motor test bench")
    id: str
    name: str
    model: str | None


class BookingQuery(PageQuery):
    """Which slots; without ``from`` those that run or come."""

    lab_id: Slug | None = None
    device_id: DeviceId | None = None
    tenant_id: Slug | None = None
    start: Moment = Field(default_factory=now, alias="from")
    end: Annotated[Moment | None, AfterValidator(not_before_start)] = Field(None, alias="to")

    def filters(self) -> Row:
        """What the query asks for."""
        return self.model_dump(exclude={"limit", "cursor"})


async def readable_booking(booking_id: Number, connection: Database, person: SignedIn) -> Row:
    """The slot of the path."""
    rows = await bookings.bookings(connection, person.scope, {"id": booking_id}, None, 1)
    return found(next(iter(rows), None), "booking")


# For its tenant's people, and for those who run the testbed's park.
ManagedBooking = Annotated[Row, Depends(permitted("booking.make", readable_booking))]


async def require_booker(
    connection: Connection, person: Person, tenant_id: str, park_id: str
) -> None:
    """Return only if the person may book the park's testbeds for the tenant."""
    if await tenants.tenant(connection, person.reach("tenant.read"), tenant_id) is None:
        raise no_such("tenant_id", "tenant")
    person.require("booking.make", {"tenant_id": tenant_id, "park_id": park_id})


@router.get("/labs/{lab_id}/bookable", response_model=Page[BookableDevice])
async def list_bookable_devices(
    query: Annotated[PageQuery, Query()], lab: ReadableLab, connection: Database
) -> Row:
    """List the devices of a testbed that can be booked."""
    rows = await bookings.bookable_devices(connection, lab["id"], query.after(str), query.limit + 1)
    return query.page(rows, by_id)


@router.post("/bookings", status_code=status.HTTP_201_CREATED, response_model=Booking)
async def create_booking(body: NewBooking, connection: Database, person: SignedIn) -> Row:
    """Book a device of a testbed: what it sends in the slot is the tenant's."""
    device = await bookings.bookable_device(connection, body.device_id)
    if device is None:
        raise no_such("device_id", "device to be booked")
    await require_booker(connection, person, body.tenant_id, device["park_id"])
    try:
        booking_id = await bookings.book(connection, body.model_dump())
    except SlotTakenError as error:
        raise ConflictError(
            "the device is booked for a part of that time: see GET /bookings for when it is free"
        ) from error
    return await readable_booking(booking_id, connection, person)


@router.get("/bookings", response_model=Page[Booking])
async def list_bookings(
    query: Annotated[BookingQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List slots in the order of time: those that run or come, or those since `from`."""
    rows = await bookings.bookings(
        connection,
        person.scope,
        query.filters(),
        query.after(tuple[AwareDatetime, int]),
        query.limit + 1,
    )
    return query.page(rows, lambda row: [row["start"].isoformat(), row["id"]])


@router.delete(
    "/bookings/{booking_id}", status_code=status.HTTP_204_NO_CONTENT, responses={409: {}}
)
async def cancel_booking(booking: ManagedBooking, connection: Database) -> None:
    """Cancel a slot; one that runs ends now, and keeps what was measured in it."""
    if booking["end"] <= now():
        raise ConflictError("this slot is over, and stays as it is")
    await bookings.end_bookings(connection, [booking["device_id"]], booking["id"])
