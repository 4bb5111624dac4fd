"""Models: the types of devices, with the metrics that they send."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from storage import queries
from storage.rows import Connection, Row, Scope, only, planned
from storage.search import search

QUERIES = queries.load("registry_models")


async def create_model(connection: Connection, model: Row) -> Row:
    """Add a model with its metrics (a list of dictionaries under ``metrics``)."""
    parameters = {**model, "metrics": Jsonb(model["metrics"])}
    return await only(connection, QUERIES["create_model"], parameters)


async def models(
    connection: Connection,
    scope: Scope,
    tenant_id: str | None,
    q: str | None,
    after: str | None,
    limit: int,
) -> list[Row]:
    """The models of the scope and of the platform, with the words of ``q``, in order of ids."""
    page = {"id": None, "tenant_id": tenant_id, "after": after, "limit": limit, **search(q)}
    return await planned(connection, QUERIES["models"], {**scope.parameters(), **page})


async def model(connection: Connection, scope: Scope, model_id: str) -> Row | None:
    """One model, if the scope may see it."""
    page = {"id": model_id, "tenant_id": None, "after": None, "limit": 1, **search(None)}
    rows = await planned(connection, QUERIES["models"], {**scope.parameters(), **page})
    return rows[0] if rows else None


async def change_model(connection: Connection, model_id: str, changes: Row) -> None:
    """Set what ``changes`` names; ``metrics`` replaces all metrics."""
    await connection.execute(QUERIES["change_model"], {"id": model_id, "changes": Jsonb(changes)})
    if "metrics" in changes:
        parameters = {"id": model_id, "metrics": Jsonb(changes["metrics"])}
        await connection.execute(QUERIES["forget_metrics"], parameters)
        await connection.execute(QUERIES["set_metrics"], parameters)
