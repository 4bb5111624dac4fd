"""Vitals: how the platform's own parts are, moment by moment, for the operators. ADR 0027."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from storage import queries, rollups
from storage.rows import Connection, Row, only

QUERIES = queries.load("vitals")
# So long they are kept, in chunks of a day that go whole.
DAYS = 30
STATEMENTS = QUERIES["name_set"], QUERIES["write"]


def write(connection: psycopg.Connection, source: str, figures: Mapping[str, float]) -> None:
    """Write the figures of this moment.

    Args:
        connection: in autocommit mode, or in a transaction.
        source: whose they are: ``ingest-1``, ``registry``, ``broker`` or ``database``.
        figures: by name, in an order that stays; docs/operations.md explains each.
    """
    for statement in STATEMENTS:
        connection.execute(statement, parameters(source, figures))


async def write_async(connection: Connection, source: str, figures: Mapping[str, float]) -> None:
    """The same as ``write``, for the registry."""
    for statement in STATEMENTS:
        await connection.execute(statement, parameters(source, figures))


def parameters(source: str, figures: Mapping[str, float]) -> Row:
    """What the statements of a writer are told."""
    return {"source": source, "names": list(figures), "figures": list(figures.values())}


async def write_database(connection: Connection) -> None:
    """Look at the database itself, and write what is found as the source ``database``."""
    found = await only(connection, QUERIES["of_database"], {})
    behind = await rollups.lag(connection)
    figures = {name: float(value or 0) for name, value in found.items()}
    figures["rollups_behind_seconds"] = float(behind["seconds"])
    figures["rollups_stale_hours"] = float(behind["stale"])
    await write_async(connection, "database", figures)


async def let_go(connection: Connection) -> None:
    """Drop the chunks that are older than they are kept.

    Raises:
        psycopg.errors.LockNotAvailable: somebody reads one just now; try again later.
    """
    await connection.execute(QUERIES["patience"])
    await connection.execute(QUERIES["let_go"], {"days": DAYS})
