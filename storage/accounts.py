"""The first administrator, and tokens that the machine's own operator makes for himself."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

import psycopg

# Prefixes tell what was found where it should not be: an API token, a session's key, the link of
# an invitation, the link for another password.
TOKEN_PREFIX = "tpa_"  # noqa: S105
SESSION_PREFIX = "tps_"
INVITATION_PREFIX = "tpi_"
RESET_PREFIX = "tpr_"
ADMIN_EMAIL = "admin@localhost"


def new_token(prefix: str = TOKEN_PREFIX) -> str:
    """An API token, or what another prefix stands for, of 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """The only form in which a token is stored."""
    return hashlib.sha256(token.encode()).digest()


def create_first_admin(connection: psycopg.Connection) -> str | None:
    """Make the platform's first administrator, unless there is a user already.

    Returns:
        The new administrator's token, to be shown once; None where there were users.
    """
    with connection.transaction():
        connection.execute("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")
        if connection.execute("SELECT FROM users LIMIT 1").fetchone() is not None:
            return None
        row = connection.execute(
            "INSERT INTO users (email, name) VALUES (%s, 'Administrator') RETURNING id",
            [ADMIN_EMAIL],
        ).fetchone()
        assert row  # noqa: S101 - an INSERT that returns gives a row
        connection.execute(
            "INSERT INTO memberships (user_id, role) VALUES (%s, 'platform-admin')", row
        )
        return issue_token(connection, row[0], "first token")


def issue_token(
    connection: psycopg.Connection, user_id: int, name: str, expires_at: datetime | None = None
) -> str:
    """Make a token for a user; the caller shows it, nobody can read it again."""
    token = new_token()
    connection.execute(
        "INSERT INTO tokens (user_id, name, sha256, expires_at) VALUES (%s, %s, %s, %s)",
        [user_id, name, hash_token(token), expires_at],
    )
    return token


def operator_token(connection: psycopg.Connection, name: str, expires_at: datetime) -> str:
    """A short-lived administrator's token for a program that already holds the database password.

    Raises:
        LookupError: the platform has no administrator yet.
    """
    row = connection.execute(
        "SELECT user_id FROM memberships WHERE role = 'platform-admin' ORDER BY id LIMIT 1"
    ).fetchone()
    if row is None:
        raise LookupError("the platform has no administrator")
    return issue_token(connection, row[0], name, expires_at)
