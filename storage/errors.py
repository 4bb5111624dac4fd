"""What can go wrong in the database, in our words. An error's docstring is its message."""

from __future__ import annotations

import psycopg


class StorageError(Exception):
    """The database refused."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().rstrip("."))


class MigrationError(StorageError):
    """The schema in the database is not one that this version can work with."""


# Classes of SQLSTATE (the first two characters) after which the same statement may succeed:
# connection, insufficient resources (disk full, memory, connections), operator intervention
# (shutdown, cancel), system error of the server's machine, and serialization conflicts.
# Source: PostgreSQL 18 documentation, appendix A.
TRANSIENT_CLASSES = frozenset({"08", "40", "53", "57", "58"})
# Single states of other classes: a lock that was not to be had, an object in use.
TRANSIENT_STATES = frozenset({"55P03", "55006", "25006", "25P03"})


def is_transient(error: psycopg.Error) -> bool:
    """Whether repeating the same work later can succeed.

    An error without a SQLSTATE comes from the connection itself, so it is transient too.
    """
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state[:2] in TRANSIENT_CLASSES or state in TRANSIENT_STATES
