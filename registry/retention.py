"""How long data are kept: settings, what they mean for a device, and what would go."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from registry.access import Administrator, Database, Person, SignedIn
from registry.http.fields import Answer, Body, DeviceId, Slug, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, by_id, key
from registry.http.pages import cursor as cursor_of
from registry.http.problems import ForbiddenError, UnprocessableError, in_body, no_such
from registry.sight import HeldDevice
from storage import devices, models, retention, tenants
from storage.rows import Connection, Row

router = APIRouter(tags=["retention"], route_class=Once)

Days = Annotated[int, Field(ge=1, le=36_500)]
Level = Literal["device", "model", "tenant", "platform"]
# So many chunks are listed at most.
CHUNKS = 1000
KEPT: dict[str, Any] = {
    "tenant_id": "sunny",
    "days": 90,
    "level": "tenant",
    "kept_from": "2026-03-04T10:15:00Z",
    "data_from": "2026-03-04T00:00:00Z",
}


class Place(Body):
    """Of what: a device, a model, a tenant's devices of a model, a tenant, or all."""

    tenant_id: Slug | None = None
    model_id: Slug | None = None
    device_id: DeviceId | None = None


class NewRetention(Place):
    """How many days data are kept; null: as the next more general setting says.

    ``longest_days`` goes with the platform's own setting: nothing is kept longer, whatever the
    others say.
    """

    model_config = example(tenant_id="sunny", days=90)
    days: Days | Literal["forever"] | None
    longest_days: Days | None = None


class Retention(Answer):
    """How many days data are kept: of the device, model or tenant, or of all."""

    model_config = example(
        id=3, tenant_id="sunny", model_id=None, device_id=None, days=90, longest_days=None
    )
    id: int | None
    tenant_id: str | None
    model_id: str | None
    device_id: str | None
    days: int | Literal["forever"] | None
    longest_days: int | None


class KeptTime(Answer):
    """How long the data of a device are kept while a tenant holds it, and by which setting.

    What is older than ``kept_from`` goes; null: nothing. ``data_from`` is the time of the oldest
    that is there; null: nothing is.
    """

    model_config = example(**KEPT)
    tenant_id: str
    days: int | None
    level: Level | None
    kept_from: datetime | None
    data_from: datetime | None


class DeviceRetention(Answer):
    """How long the data of a device are kept: for each tenant that holds, or held, a time of it."""

    model_config = example(device_id="sunny-roof-1", items=[KEPT])
    device_id: str
    items: list[KeptTime]


class RetentionDryRun(Place):
    """What would go: now, or with ``days`` if that were set."""

    model_config = example(tenant_id="sunny", days=30)
    days: Days | Literal["forever"] | None = None
    limit: int = Field(100, ge=1, le=1000, description="devices on a page")
    cursor: str | None = Field(None, max_length=500, description="`next` of the page before")


class RetentionChunk(Answer):
    """Data of all devices of some days, which would go in one piece. ``end`` is left out."""

    table: Literal["readings", "states", "flags", "rejections"]
    start: datetime
    end: datetime
    rows: int
    bytes: int


class RetentionDue(Answer):
    """How many rows of a device would go, in a chunk or one by one; bytes are about so many.

    The tenant is the one that held the device at their time.
    """

    device_id: str
    tenant_id: str
    readings: int
    states: int
    flags: int
    rejections: int
    bytes: int


class RetentionPlan(Answer):
    """What would go; chunks are for administrators, on the first page.

    Rows of a chunk are gone with it: those of ``devices`` count them again.
    """

    model_config = example(
        chunks=[
            {
                "table": "readings",
                "start": "2026-03-01T00:00:00Z",
                "end": "2026-03-02T00:00:00Z",
                "rows": 8_640_000,
                "bytes": 742_000_000,
            }
        ],
        devices=[
            {
                "device_id": "sunny-roof-1",
                "tenant_id": "sunny",
                "readings": 86_400,
                "states": 3,
                "flags": 0,
                "rejections": 1,
                "bytes": 7_350_000,
            }
        ],
        next=None,
    )
    chunks: list[RetentionChunk]
    devices: list[RetentionDue]
    next: str | None


class RetentionStep(Answer):
    """What a step has let go, and whether it was the last; busy: somebody else is at work."""

    model_config = example(chunks=0, rows=20_000, done=False, busy=False)
    chunks: int
    rows: int
    done: bool
    busy: bool


async def place_of(body: Place, connection: Connection, person: Person) -> Row:
    """The ids under which a setting is kept, for those who may set it.

    A device's setting, and that of a tenant's own model, is that tenant's.
    """
    ids: Row = {"tenant_id": body.tenant_id, "model_id": body.model_id, "device_id": body.device_id}
    thing: Row = {}
    if body.device_id:
        thing = await device_of(body.device_id, connection, person)
        ids["tenant_id"] = thing["tenant_id"]
    elif body.model_id:
        model = await models.model(connection, person.reach("model.read"), body.model_id)
        if model is None:
            raise no_such("model_id", "model")
        ids["tenant_id"] = body.tenant_id or model["tenant_id"]
    if body.device_id and (body.model_id or body.tenant_id not in (None, ids["tenant_id"])):
        sentence = "a device is named alone: leave tenant and model out"
        raise UnprocessableError(sentence, [in_body("device_id", sentence)])
    if not body.device_id and ids["tenant_id"]:
        tenant = await tenants.tenant(connection, person.reach("tenant.read"), ids["tenant_id"])
        if tenant is None:
            raise no_such("tenant_id", "tenant")
        thing = {**tenant, "tenant_id": tenant["id"]}
    person.require("retention.set", thing)
    return ids


async def device_of(device_id: str, connection: Connection, person: Person) -> Row:
    """A device of which the person sees more than its readings."""
    device = await devices.device(connection, person.scope, device_id)
    if device is None:
        raise no_such("device_id", "device")
    if device["shared"]:
        raise ForbiddenError("an agreement lets you read this device and its readings, no more")
    return device


async def apply(connection: Connection, setting: Row) -> Row:
    """Set it, or take it away; the setting as it is now."""
    days = setting["days"]
    if days is None and setting["longest_days"] is None:
        await retention.forget(connection, setting)
        return {**setting, "id": None}
    stored = {**setting, "days": None if days == "forever" else days}
    return shown(await retention.set_days(connection, stored))


def shown(row: Row) -> Row:
    """A setting as the API has it: null in the database is for ever."""
    return {**row, "days": row["days"] or "forever"}


@router.get("/retention", response_model=Page[Retention])
async def list_retention(
    query: Annotated[PageQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List how long data are kept: what the platform sets, and what your tenants set."""
    scope = person.reach("tenant.read")
    rows = await retention.settings(connection, scope, query.after(int), query.limit + 1)
    return query.page([shown(row) for row in rows], by_id)


@router.post("/retention", response_model=Retention)
async def set_retention(body: NewRetention, connection: Database, person: SignedIn) -> Row:
    """Set how many days data are kept. What is older goes soon, and nothing brings it back.

    The most specific setting counts: of the device, of the tenant's devices of the model, of the
    model, of the tenant, of the platform.
    """
    ids = await place_of(body, connection, person)
    if body.longest_days is not None and any(ids.values()):
        sentence = "only the platform's own setting has a limit: leave tenant, model and device out"
        raise UnprocessableError(sentence, [in_body("longest_days", sentence)])
    return await apply(connection, {**ids, "days": body.days, "longest_days": body.longest_days})


@router.post("/retention/dry-run", response_model=RetentionPlan)
async def try_retention(body: RetentionDryRun, connection: Database, person: SignedIn) -> Row:
    """Tell what would go now, or if ``days`` were set; nothing is changed."""
    ids = await place_of(body, connection, person)
    after = key(body.cursor, tuple[str, str], {"pointer": "#/cursor"}) if body.cursor else None
    async with connection.transaction(force_rollback=True):
        if "days" in body.model_fields_set:
            await apply(connection, {**ids, "days": body.days, "longest_days": None})
        chunks: list[Row] = []
        if person.scope.everything and not after:
            chunks = await retention.droppable(connection, CHUNKS)
        due = await retention.due_of_devices(
            connection, ids["tenant_id"], ids["model_id"], ids["device_id"], after, body.limit + 1
        )
    page = due[: body.limit]
    last = page and [page[-1]["device_id"], page[-1]["tenant_id"]]
    more = cursor_of(last) if len(due) > len(page) else None
    return {"chunks": chunks, "devices": page, "next": more}


@router.post("/retention/step", response_model=RetentionStep)
async def continue_retention(connection: Database, _: Administrator) -> Row:
    """Let go a part of what may go; call it again until it is done.

    The platform does it by itself every ten minutes.
    """
    return await retention.step(connection)


@router.get("/devices/{device_id}/retention", response_model=DeviceRetention)
async def show_retention(device_id: HeldDevice, connection: Database, person: SignedIn) -> Row:
    """Show how long the device's data are kept, and from when on there are any."""
    items = await retention.of_device(connection, person.scope, device_id)
    return {"device_id": device_id, "items": items}
