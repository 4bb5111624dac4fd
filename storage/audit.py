"""The audit log: who acts in a transaction, and what was done before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from storage import queries
from storage.rows import Connection, Row, Scope, every

QUERIES = queries.load("registry_audit")
FILTERS = ("tenant_id", "park_id", "kind", "subject", "user_id", "start", "end")
# Time and number of the last entry of the page before.
Key = tuple[datetime, int]


async def act(connection: Connection, **actor: int | str | None) -> None:
    """Tell who acts in this transaction: ``user_id, token_id, address, request_id``."""
    await connection.execute(QUERIES["act"], {"actor": json.dumps(actor)})


async def entries(
    connection: Connection, scope: Scope, asker: int, filters: Row, after: Key | None, limit: int
) -> list[Row]:
    """The entries that concern the asker, the newest first.

    Args:
        connection: where.
        scope: of which tenants and parks the asker may read the log.
        asker: the user's number: everybody reads what he or she did, and what concerns him or her.
        filters: those of ``FILTERS`` that are set, the others None or left out.
        after: the entry before the first one.
        limit: how many at most.
    """
    wanted = {name: filters.get(name) for name in FILTERS}
    page = {"asker": asker, **key(after), "limit": limit}
    parameters = {**scope.parameters(), **wanted, **page}
    # Planned for each question: which index serves depends on who asks, and for what.
    found = await connection.execute(QUERIES["entries"], parameters, prepare=False)
    return await found.fetchall()


async def history(
    connection: Connection,
    scope: Scope,
    kinds: Sequence[str],
    subject: str,
    after: Key | None,
    limit: int,
) -> list[Row]:
    """What became of a thing, the newest first.

    Args:
        connection: where.
        scope: what happened while the thing was neither in one of its tenants nor parks is left
            out, unless it is nobody's own.
        kinds: of the thing and its parts.
        subject: its id.
        after: the entry before the first one.
        limit: how many at most.
    """
    page = {"kinds": list(kinds), "subject": subject, **key(after), "limit": limit}
    return await every(connection, QUERIES["history"], {**scope.parameters(), **page})


def key(after: Key | None) -> Row:
    """The parameters of a page's beginning."""
    at, number = after or (None, None)
    return {"after_at": at, "after_id": number}
