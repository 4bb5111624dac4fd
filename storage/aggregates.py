"""What stands behind the rollups, by the edition of TimescaleDB: ADR 0019.

Continuous aggregates cannot be made in a transaction, and a database may change its edition; so
this is no migration, but is looked after whenever the schema is brought up to date.
"""

from __future__ import annotations

import psycopg

from storage.edition import Edition, edition
from storage.errors import MigrationError
from storage.queries import load

QUERIES = load("aggregates")
# In this order; each is a transaction.
APACHE = ("views_of_tables", "triggers")
COMMUNITY = (
    "no_triggers", "aggregate_minutes", "aggregate_hours", "aggregate_days", "views_of_aggregates",
    "policies",
)  # fmt: skip


def ensure(connection: psycopg.Connection) -> None:
    """Give ``readings_1m`` and those of longer buckets the meaning of the edition.

    Args:
        connection: in autocommit mode, as the owner of the database. Nothing is changed that is
            there already.

    Raises:
        MigrationError: what the Community edition made is there, and this is the other one.
    """
    if edition(connection) is Edition.COMMUNITY:
        for name in COMMUNITY:
            connection.execute(QUERIES[name])
    elif is_continuous(connection):
        raise MigrationError(
            "what TimescaleDB's Community edition has stored cannot be read without it: start that "
            "edition again, run `technopark migrate --leave-community`, then change the edition"
        )
    else:
        for name in APACHE:
            connection.execute(QUERIES[name])
    # Each is a transaction: together they would need more locks than a server has.
    for role in connection.execute(QUERIES["roles_without_views"]).fetchall():
        connection.execute(QUERIES["make_tenant_views"], {"role": role[0]})


def leave_community(connection: psycopg.Connection) -> None:
    """Undo what only the Community edition can read, chunk by chunk; the job sums up anew later.

    Args:
        connection: in autocommit mode, as the owner of the database, with the Community edition
            still running. The next ``ensure`` of that edition would make it all again.
    """
    connection.execute(QUERIES["remove_policies"])
    while chunk := connection.execute(QUERIES["compressed_chunk"]).fetchone():
        connection.execute(QUERIES["decompress"], {"chunk": chunk[0]})
    for name in ("leave_columnstore", *APACHE, "drop_aggregates"):
        connection.execute(QUERIES[name])


def is_continuous(connection: psycopg.Connection) -> bool:
    """Whether TimescaleDB keeps the rollups."""
    row = connection.execute(QUERIES["continuous"]).fetchone()
    return bool(row and row[0])
