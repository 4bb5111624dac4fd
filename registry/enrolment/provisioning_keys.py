"""Provisioning keys: built into many devices, each of which makes its own entry with it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, status
from pydantic import Field

from registry.access import Database, SignedIn, permitted, readable_tenant
from registry.http.fields import Answer, Body, Name, Number, Slug, Tags, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, by_id
from registry.http.problems import NotFoundError
from storage import provisioning
from storage.rows import Row

router = APIRouter(
    prefix="/tenants/{tenant_id}/provisioning-keys", tags=["provisioning"], route_class=Once
)

# Room for the serial number behind it.
Prefix = Annotated[Slug, Field(max_length=40)]
NEW: dict[str, Any] = {
    "name": "First hundred roofs",
    "id_prefix": "sunny-roof",
    "model_id": "pv-inverter",
    "lab_id": None,
    "tags": ["roof"],
    "max_devices": 100,
}
KEY: dict[str, Any] = {
    **NEW,
    "id": 7,
    "tenant_id": "sunny",
    "made": 12,
    "created_at": "2026-03-01T09:00:00Z",
    "expires_at": "2026-03-31T09:00:00Z",
    "revoked_at": None,
}


class NewKey(Body):
    """What a key's devices are, how many it makes, and for how long."""

    model_config = example(**NEW, days=30)
    name: Name
    id_prefix: Prefix | None = Field(None, description="of its devices' ids; none: the tenant's id")
    model_id: Slug | None = None
    lab_id: Slug | None = None
    tags: Tags = Field(default_factory=list)
    max_devices: int = Field(ge=1, le=100_000)
    days: int = Field(30, ge=1, le=3650)


class Key(Answer):
    """A key, which is itself not shown any more; ``made`` counts its devices."""

    model_config = example(**KEY)
    id: int
    tenant_id: str
    name: str
    id_prefix: str
    model_id: str | None
    lab_id: str | None
    tags: list[str]
    max_devices: int
    made: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class IssuedKey(Key):
    """A new key: keep it now, nobody can show it again."""

    model_config = example(**{**KEY, "made": 0}, key="tpp_…")
    key: str


ProvisionedTenant = Annotated[Row, Depends(permitted("provisioning.manage", readable_tenant))]


@router.post("", status_code=status.HTTP_201_CREATED, response_model=IssuedKey)
async def create_provisioning_key(
    body: NewKey, tenant: ProvisionedTenant, connection: Database, person: SignedIn
) -> Row:
    """Make a key. It is shown in this answer only."""
    key = {**body.model_dump(), "tenant_id": tenant["id"], "created_by": person.id}
    key["id_prefix"] = body.id_prefix or tenant["id"]
    return await provisioning.create_key(connection, key, timedelta(days=body.days))


@router.get("", response_model=Page[Key])
async def list_provisioning_keys(
    query: Annotated[PageQuery, Query()], tenant: ProvisionedTenant, connection: Database
) -> Row:
    """List a tenant's keys and how many devices each has made, without the keys themselves."""
    rows = await provisioning.keys(connection, tenant["id"], query.after(int), query.limit + 1)
    return query.page(rows, by_id)


@router.delete("/{key_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_provisioning_key(
    key_id: Number, tenant: ProvisionedTenant, connection: Database
) -> None:
    """Make a key worthless; the devices that it made stay."""
    if not await provisioning.revoke_key(connection, tenant["id"], key_id):
        raise NotFoundError("there is no such key")
