"""Tenants: the organisations that own devices."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from storage import queries
from storage.rows import Connection, Row, Scope, first, only, seen
from storage.search import search

QUERIES = queries.load("registry_tenants")


async def create_tenant(connection: Connection, tenant: Row) -> Row:
    """Add a tenant; without a park it is virtual."""
    return await only(connection, QUERIES["create_tenant"], tenant)


async def tenants(
    connection: Connection,
    scope: Scope,
    park_id: str | None,
    q: str | None,
    after: str | None,
    limit: int,
) -> list[Row]:
    """The tenants of the scope, with the words of ``q``, in the order of their ids."""
    page = {"park_id": park_id, "after": after, "limit": limit, **search(q)}
    return await seen(connection, QUERIES["tenants"], scope, page)


async def tenant(connection: Connection, scope: Scope, tenant_id: str) -> Row | None:
    """One tenant, if it is in the scope."""
    return await first(connection, QUERIES["tenant"], {**scope.parameters(), "id": tenant_id})


async def change_tenant(connection: Connection, tenant_id: str, changes: Row) -> Row:
    """Set the columns that ``changes`` names."""
    parameters = {"id": tenant_id, "changes": Jsonb(changes)}
    return await only(connection, QUERIES["change_tenant"], parameters)
