"""How a tenant reads its data with SQL, in a schema and by a role of its own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, status
from psycopg.conninfo import conninfo_to_dict

from registry.access import Database, permitted, readable_tenant
from registry.http.fields import Answer, example
from registry.http.idempotency import Once
from registry.settings import Settings
from storage import tenant_sql
from storage.rows import Row

router = APIRouter(prefix="/tenants/{tenant_id}/sql-password", tags=["tenants"], route_class=Once)


class SqlAccess(Answer):
    """Where and as whom the tenant's programs log in: keep it now, nobody can show it again.

    The views are in the schema that is called like the user.
    """

    model_config = example(
        host="127.0.0.1",
        port=5433,
        database="technopark",
        user="t_0f3c2a9d7b1e4c58a6d0e9f2b7c41d36",
        password="…",  # noqa: S106
    )
    host: str
    port: int
    database: str
    user: str
    password: str


OwnedTenant = Annotated[Row, Depends(permitted("tenant.sql", readable_tenant))]


def address(settings: Settings) -> Row:
    """Where the database is for others: as it was set, else where it is for the registry."""
    own = conninfo_to_dict(settings.database_url.get_secret_value())
    return {
        "host": settings.sql_host or own.get("host") or "127.0.0.1",
        "port": settings.sql_port or int(own.get("port") or 5432),
    }


@router.post("", status_code=status.HTTP_201_CREATED, response_model=SqlAccess)
async def set_sql_password(tenant: OwnedTenant, connection: Database, request: Request) -> Row:
    """Let the tenant's programs read with SQL by a new password. The one before ends.

    It is shown in this answer only. Sessions that are open stay open.
    """
    where = address(request.app.state.settings)
    return {**where, **await tenant_sql.set_password(connection, tenant["id"])}


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
async def lock_sql(tenant: OwnedTenant, connection: Database) -> None:
    """Let nobody of the tenant read with SQL any more, and end the sessions."""
    await tenant_sql.lock(connection, tenant["id"])
