"""Whether the database is one that this version can work with."""

from __future__ import annotations

from functools import cache

import psycopg

from storage.errors import MigrationError
from storage.migrate import available
from storage.rows import Connection


@cache
def newest_version() -> int:
    """The number of the last migration that this version has."""
    return available()[-1].version


async def require_current_schema(connection: Connection) -> None:
    """Return only if the schema is the one of this version.

    Raises:
        MigrationError: it is older, newer, or not there; the message says what to do.
    """
    try:
        cursor = await connection.execute(
            "SELECT coalesce(max(version), 0) AS version FROM schema_migrations"
        )
    except psycopg.errors.UndefinedTable as error:
        raise MigrationError("the database is empty: run `technopark migrate`") from error
    row = await cursor.fetchone()
    version = row["version"] if row else 0
    if version != newest_version():
        raise MigrationError(
            f"the database's schema is version {version}, this program's {newest_version()}: "
            "run `technopark migrate` of the newer one"
        )
