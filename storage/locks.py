"""Locks by which requests take turns."""

from __future__ import annotations

from typing import Literal

from storage import queries
from storage.rows import Connection

QUERIES = queries.load("registry_locks")

Lockable = Literal[
    "parks", "labs", "tenants", "users", "models", "devices", "agreements", "tenant_deletions"
]


async def lock(connection: Connection, table: Lockable, key: str) -> None:
    """Let nobody else change a row until the transaction ends; nothing where there is none."""
    await connection.execute(QUERIES[table], {"id": key})
