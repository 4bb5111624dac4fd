"""Tenants: the organisations that own devices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, status

from registry.access import (
    Administrator,
    Database,
    Person,
    ReadableTenant,
    SignedIn,
    readable_tenant,
)
from registry.http.etags import unless_changed
from registry.http.fields import (
    Answer,
    Body,
    GrafanaLanguage,
    Name,
    Quota,
    Slug,
    example,
    unset,
)
from registry.http.idempotency import Once
from registry.http.pages import Page, SearchQuery, by_id
from storage import tenant_sql, tenants
from storage.rows import Row

router = APIRouter(prefix="/tenants", tags=["tenants"], route_class=Once)

TenantKind = Literal["startup", "industry", "university", "community", "government"]
TENANT: dict[str, Any] = {
    "id": "sunny",
    "name": "Sunny Cells Lda",
    "kind": "startup",
    "park_id": "cimahi",
    "language": "id",
    "values_per_second": 500.0,
}


class NewTenant(Body):
    """An organisation; without a home park it is virtual."""

    model_config = example(**TENANT)
    id: Slug
    name: Name
    kind: TenantKind
    park_id: Slug | None = None
    language: GrafanaLanguage = "en"
    values_per_second: Quota | None = None


class TenantChanges(Body):
    """What is to be another; the rest stays.

    The home park is for administrators to give, the quota for them and the home park's manager.
    """

    model_config = example(name="Sunny Cells SA", kind="industry")
    name: Name = unset()
    kind: TenantKind = unset()
    park_id: Slug | None = None
    language: GrafanaLanguage = unset()
    values_per_second: Quota | None = None


class Tenant(Answer):
    """An organisation that owns devices; its quota is for all of them together."""

    model_config = example(**TENANT, created_at="2026-03-01T09:00:00Z")
    id: str
    name: str
    kind: TenantKind
    park_id: str | None
    language: GrafanaLanguage
    values_per_second: float | None
    created_at: datetime


class TenantQuery(SearchQuery):
    """Which tenants."""

    park_id: Slug | None = None


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Tenant)
async def create_tenant(body: NewTenant, connection: Database, _: Administrator) -> Row:
    """Add a tenant, with a role and a schema for SQL; see `sql-password`."""
    tenant = await tenants.create_tenant(connection, body.model_dump())
    await tenant_sql.make(connection, tenant["id"])
    return tenant


@router.get("", response_model=Page[Tenant])
async def list_tenants(
    query: Annotated[TenantQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List the tenants that you may see."""
    rows = await tenants.tenants(
        connection,
        person.reach("tenant.read"),
        query.park_id,
        query.q,
        query.after(str),
        query.limit + 1,
    )
    return query.page(rows, by_id)


@router.get("/{tenant_id}", response_model=Tenant)
async def show_tenant(tenant: ReadableTenant) -> Row:
    """Show a tenant."""
    return tenant


def require_may_change(person: Person, tenant: Row, fields: set[str]) -> None:
    """Return only if the person may change each of the fields of the tenant."""
    if "park_id" in fields:
        # It decides which park's people see the tenant's devices.
        person.require("platform.run", tenant)
    if "values_per_second" in fields:
        person.require("tenant.limit", tenant)
    if fields != {"values_per_second"}:
        person.require("tenant.change", tenant)


@router.patch(
    "/{tenant_id}",
    response_model=Tenant,
    dependencies=[unless_changed("tenants", readable_tenant, Tenant)],
)
async def change_tenant(
    body: TenantChanges, tenant: ReadableTenant, connection: Database, person: SignedIn
) -> Row:
    """Change a tenant."""
    require_may_change(person, tenant, body.model_fields_set)
    return await tenants.change_tenant(connection, tenant["id"], body.changes())
