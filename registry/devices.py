"""Devices: create, list, show, change, retire."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, status
from pydantic import Field

from broker.passwords import hash_secret, new_secret
from registry.access import (
    Database,
    ManagedDevice,
    Person,
    ShownDevice,
    SignedIn,
    readable_device,
)
from registry.http.etags import unless_changed
from registry.http.fields import (
    Answer,
    Body,
    DeviceId,
    Latitude,
    Longitude,
    Metadata,
    Name,
    Quota,
    Slug,
    Tag,
    Tags,
    example,
    unset,
)
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, Search, by_id
from registry.http.problems import ConflictError, in_body, no_such
from registry.ownership.stages import ServingStage, Stage, require_move
from storage import bookings, credentials, devices, tenants, transfers
from storage.rows import Connection, Row

router = APIRouter(prefix="/devices", tags=["devices"], route_class=Once)

ID_LENGTH = 63
# As many as a URL surely holds.
MAX_IDS = 100
DEVICE: dict[str, Any] = {
    "id": "sunny-roof-1",
    "tenant_id": "sunny",
    "name": "Roof 1",
    "model_id": "pv-inverter",
    "lab_id": "cimahi-solar",
    "stage": "pilot",
    "tags": ["roof"],
    "metadata": {"serial": "SN-0042"},
    "values_per_second": 20.0,
    "latitude": -6.8719,
    "longitude": 107.5412,
}
SHOWN: dict[str, Any] = {
    **DEVICE,
    "attributes": {"firmware": "1.4.2"},
    "firmware": "1.4.2",
    "bookable": False,
    "created_at": "2026-03-01T09:00:00Z",
    "changed_at": "2026-03-01T09:00:00Z",
    "retired_at": None,
    "last_seen": "2026-03-02T10:15:00Z",
    "online": True,
}


class NewDevice(Body):
    """A prototype or a sensor. Without an id it gets one made of tenant and name."""

    model_config = example(**DEVICE)
    id: DeviceId | None = None
    tenant_id: Slug
    name: Name
    model_id: Slug | None = None
    lab_id: Slug | None = None
    stage: ServingStage = "prototype"
    tags: Tags = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)
    values_per_second: Quota | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class DeviceChanges(Body):
    """What is to be another; the rest stays."""

    model_config = example(stage="production", tags=["roof", "south"])
    name: Name = unset()
    model_id: Slug | None = None
    lab_id: Slug | None = None
    stage: ServingStage = unset()
    tags: Tags = unset()
    metadata: Metadata = unset()
    values_per_second: Quota | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    bookable: bool = unset()


class Device(Answer):
    """A device. ``attributes`` is what it says of itself, ``metadata`` what people say of it.

    ``firmware`` is the attribute of this name.
    """

    model_config = example(**SHOWN)
    id: str
    tenant_id: str
    name: str
    model_id: str | None
    lab_id: str | None
    stage: Stage
    tags: list[str]
    metadata: dict[str, Any]
    attributes: dict[str, Any]
    firmware: str | None
    values_per_second: float | None
    latitude: float | None
    longitude: float | None
    bookable: bool
    created_at: datetime
    changed_at: datetime
    retired_at: datetime | None
    last_seen: datetime | None
    online: bool | None


class CreatedDevice(Device):
    """A new device with its secret: keep it now, nobody can show it again."""

    model_config = example(**{**SHOWN, "last_seen": None, "online": None}, secret="tpd_…")  # noqa: S106
    secret: str


class DeviceFilters(Search):
    """Which devices; several filters all hold.

    The words of ``q`` may also be in the tags, the metadata and the model's name. A word of one or
    two letters is found where a word begins.
    """

    ids: list[DeviceId] | None = Field(
        None, alias="id", max_length=MAX_IDS, description="only these, as many as there are"
    )
    tenant_id: Slug | None = None
    park_id: Slug | None = None
    lab_id: Slug | None = None
    model_id: Slug | None = None
    stage: Stage | None = None
    tag: Tag | None = None


class DeviceQuery(PageQuery, DeviceFilters):
    """A page of devices."""


async def require_maker(connection: Connection, person: Person, tenant_id: str) -> None:
    """Return only if the person may add devices to the tenant."""
    tenant = await tenants.tenant(connection, person.reach("tenant.read"), tenant_id)
    if tenant is None:
        raise no_such("tenant_id", "tenant")
    person.require("device.change", {**tenant, "tenant_id": tenant_id})


def plain_id(tenant_id: str, name: str) -> str | None:
    """The id that is made of tenant and name; None where the name has nothing that an id may."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", ascii_name)
    return "-".join([tenant_id, *words])[:ID_LENGTH].rstrip("-") if words else None


def made_ids(tenant_id: str, name: str) -> Iterator[str]:
    """Ids for a device of this name: the plain one, then some that are surely free."""
    plain = plain_id(tenant_id, name)
    if plain:
        yield plain
    for length in (2, 4, 8):
        ending = secrets.token_hex(length)
        yield f"{(plain or tenant_id)[: ID_LENGTH - 1 - len(ending)]}-{ending}"


async def add(connection: Connection, body: NewDevice) -> str:
    """Add the device under its own id, or under a made one.

    Returns:
        The id.

    Raises:
        ConflictError: the id is taken.
    """
    ids = [body.id] if body.id else made_ids(body.tenant_id, body.name)
    for device_id in ids:
        if await devices.create_device(connection, {**body.model_dump(), "id": device_id}):
            return device_id
    sentence = "this device id is taken: choose another"
    raise ConflictError(sentence, [in_body("id", sentence)])


@router.post("", status_code=status.HTTP_201_CREATED, response_model=CreatedDevice)
async def create_device(body: NewDevice, connection: Database, person: SignedIn) -> Row:
    """Add a device. Its secret is shown in this answer only."""
    await require_maker(connection, person, body.tenant_id)
    device_id, secret = await add(connection, body), new_secret()
    await credentials.issue_secret(connection, device_id, hash_secret(secret))
    return {**await readable_device(device_id, connection, person), "secret": secret}


@router.get("", response_model=Page[Device])
async def list_devices(
    query: Annotated[DeviceQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List the devices that you may see."""
    rows = await devices.devices(
        connection, person.scope, query.model_dump(), query.after(str), query.limit + 1
    )
    return query.page(rows, by_id)


@router.get("/{device_id}", response_model=Device)
async def show_device(device: ShownDevice) -> Row:
    """Show a device."""
    return device


@router.patch(
    "/{device_id}",
    response_model=Device,
    dependencies=[unless_changed("devices", readable_device, Device)],
)
async def change_device(
    body: DeviceChanges, device: ManagedDevice, connection: Database, person: SignedIn
) -> Row:
    """Change a device."""
    if "stage" in body.model_fields_set:
        require_move(device["stage"], body.stage)
    await devices.change_device(connection, device["id"], body.changes())
    return await readable_device(device["id"], connection, person)


@router.post("/{device_id}/retire", response_model=Device)
async def retire_device(device: ManagedDevice, connection: Database, person: SignedIn) -> Row:
    """End a device's service: it is disconnected for good, and its readings stay.

    Its slots end, and so does an offer to transfer it.
    """
    await devices.retire_device(connection, device["id"])
    await bookings.end_bookings(connection, [device["id"]])
    await transfers.withdraw_offers(connection, device["id"])
    return await readable_device(device["id"], connection, person)
