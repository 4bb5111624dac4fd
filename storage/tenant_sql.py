"""The role by which a tenant reads with SQL: its password, and the end of what runs too long."""

from __future__ import annotations

import secrets

from psycopg import pq, sql

from storage import queries
from storage.rows import Connection, Row, every, first, only

QUERIES = queries.load("registry_tenant_sql")
# A role's own statement_timeout is an offer that it may change; what runs longer is ended.
LONGEST_SECONDS = 60


async def make(connection: Connection, tenant_id: str) -> None:
    """Make the tenant's role and schema, if they are not there; they go with the tenant."""
    await connection.execute(QUERIES["make"], {"tenant_id": tenant_id})


async def set_password(connection: Connection, tenant_id: str) -> Row:
    """Give the tenant's role a new password, which nobody can read again.

    Returns:
        ``database, user, password``.
    """
    # A tenant from before there was SQL for tenants has no role yet.
    await make(connection, tenant_id)
    row = await only(connection, QUERIES["role"], {"tenant_id": tenant_id})
    password = secrets.token_urlsafe(24)
    await connection.execute(new_password(connection.pgconn, row["role"], password))
    await connection.execute(QUERIES["note_password"], {"tenant_id": tenant_id})
    return {"database": row["database"], "user": row["role"], "password": password}


def new_password(pgconn: pq.abc.PGconn, role: str, password: str) -> sql.Composed:
    """The statement that lets a role log in by a password.

    It is hashed here, so that the password is in no log of the server.
    """
    hashed = pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
        sql.Identifier(role), sql.Literal(hashed.decode())
    )


async def lock(connection: Connection, tenant_id: str) -> None:
    """Let the tenant's role in no more, and end its sessions."""
    row = await first(connection, QUERIES["role"], {"tenant_id": tenant_id})
    if row is None:
        return
    role = sql.Identifier(row["role"])
    await connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(role))
    await connection.execute(QUERIES["forget_password"], {"tenant_id": tenant_id})
    await connection.execute(QUERIES["end_sessions"], {"role": row["role"]})


async def end_long_queries(connection: Connection) -> None:
    """End the sessions of tenants whose transaction lasts too long, whatever they have set."""
    await every(connection, QUERIES["end_long_queries"], {"seconds": LONGEST_SECONDS})
