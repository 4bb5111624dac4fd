"""Of what a tenant is alerted, and by which ways."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from storage import queries
from storage.rows import Connection, Row, only

QUERIES = queries.load("registry_alerts")


async def settings(connection: Connection, tenant_id: str) -> Row:
    """What a tenant has chosen, else the defaults; of secrets only whether there are any."""
    return await only(connection, QUERIES["settings"], {"tenant_id": tenant_id})


async def change(
    connection: Connection, tenant_id: str, changes: Row, secrets: dict[str, bytes | None]
) -> None:
    """Set what is named.

    Args:
        connection: where.
        tenant_id: whose.
        changes: the columns that are no secrets.
        secrets: ``telegram_token`` and ``webhook_url``, encrypted, as far as they are to change.
    """
    await connection.execute(QUERIES["make"], {"tenant_id": tenant_id})
    parameters = {
        "tenant_id": tenant_id,
        "changes": Jsonb(changes),
        "sets_token": "telegram_token" in secrets,
        "telegram_token": secrets.get("telegram_token"),
        "sets_webhook": "webhook_url" in secrets,
        "webhook_url": secrets.get("webhook_url"),
    }
    await connection.execute(QUERIES["change"], parameters)
