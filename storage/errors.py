"""What can go wrong in the database, in our words."""

from __future__ import annotations

import psycopg


class StorageError(Exception):
    """The database refused."""


class MigrationError(StorageError):
    """The schema in the database is not one that this version can work with."""


# Classes of SQLSTATE (the first two characters) for which the data is to blame, so that the same
# statement fails for ever: cardinality, data, integrity constraint, check option, program limit
# exceeded, and what a trigger raised. Source: PostgreSQL 18 documentation, appendix A.
PERMANENT_CLASSES = frozenset({"21", "22", "23", "44", "54", "P0"})
# TimescaleDB's limit of tuples decompressed by one transaction: a smaller batch may pass.
PERMANENT_STATES = frozenset({"53400"})


def is_permanent(error: psycopg.Error) -> bool:
    """Whether repeating the same work fails again, whatever an operator does.

    Everything else is worth repeating: a lost connection, a full disk, a lock, a conflict, and
    also a missing table or right, which are mended in the database and not in the message.
    """
    state = error.sqlstate or ""
    return state[:2] in PERMANENT_CLASSES or state in PERMANENT_STATES


def is_conflict(error: psycopg.Error) -> bool:
    """Whether two transactions stood in each other's way, so that this one has to be repeated.

    Source: PostgreSQL 18 documentation, 13.5: class 40, above all ``40001`` and ``40P01``.
    """
    return (error.sqlstate or "").startswith("40")
