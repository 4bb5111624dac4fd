"""Numbered SQL migrations, applied once each, in order, by one process at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql

from storage.aggregates import ensure
from storage.errors import MigrationError

# Any number that nothing else of ours uses: "technopark" on a telephone's keys, shortened.
ADVISORY_LOCK = 83246

TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version     integer PRIMARY KEY,
    name        text NOT NULL,
    sha256      text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True)
class Migration:
    """One file of ``migrations/``: its number, name and SQL."""

    version: int
    name: str
    body: str

    @property
    def sha256(self) -> str:
        """What tells that an applied file was changed afterwards."""
        return hashlib.sha256(self.body.encode()).hexdigest()


def available() -> list[Migration]:
    """The migrations of this version, in order."""
    files = (resources.files("storage") / "migrations").iterdir()
    return sorted(
        (
            Migration(int(file.name[:4]), file.name[5:-4], file.read_text("utf-8"))
            for file in files
            if file.name.endswith(".sql")
        ),
        key=lambda migration: migration.version,
    )


def migrate(connection: psycopg.Connection) -> list[Migration]:
    """Bring the schema up to this version.

    Args:
        connection: in autocommit mode, as the owner of the database.

    Returns:
        The migrations that were applied now.

    Raises:
        MigrationError: the database was migrated by a newer version, an applied file was changed
            afterwards, or the edition of TimescaleDB is one that cannot read what is there.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    try:
        connection.execute(TABLE)
        applied = pending_from(connection)
        for migration in applied:
            with connection.transaction():
                connection.execute(migration.body.encode())
                connection.execute(
                    "INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)",
                    [migration.version, migration.name, migration.sha256],
                )
        ensure(connection)
        return applied
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def pending_from(connection: psycopg.Connection) -> list[Migration]:
    """The migrations that the database does not have yet, after checking those that it has."""
    rows = connection.execute("SELECT version, sha256 FROM schema_migrations").fetchall()
    done: dict[int, str] = dict(rows)
    files = available()
    unknown = set(done) - {migration.version for migration in files}
    if unknown:
        raise MigrationError(
            f"the database has migration {max(unknown)}, which this version does not know: "
            "run the newer version of the platform"
        )
    for migration in files:
        if done.get(migration.version, migration.sha256) != migration.sha256:
            raise MigrationError(
                f"migration {migration.version:04} was changed after it was applied: "
                "restore the file, and put the change into a new migration"
            )
    return [migration for migration in files if migration.version not in done]


def set_grafana_password(connection: psycopg.Connection, password: str) -> None:
    """Let the role of Grafana's operator dashboards log in with ``password``."""
    connection.execute(
        sql.SQL("ALTER ROLE technopark_grafana LOGIN PASSWORD {}").format(sql.Literal(password))
    )
