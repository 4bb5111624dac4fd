"""Users as an OpenID provider knows them."""

from __future__ import annotations

from storage import queries
from storage.rows import Connection, first

QUERIES = queries.load("registry_providers")


async def user_of(connection: Connection, issuer: str, subject: str) -> int | None:
    """The number of the user whom a provider calls so."""
    row = await first(connection, QUERIES["user_of"], {"issuer": issuer, "subject": subject})
    return row["user_id"] if row else None


async def link(connection: Connection, issuer: str, subject: str, user_id: int) -> bool:
    """Remember how a provider calls a user. False where it calls the user otherwise already."""
    parameters = {"issuer": issuer, "subject": subject, "user_id": user_id}
    return await first(connection, QUERIES["link"], parameters) is not None


async def forget_credentials(connection: Connection, user_id: int) -> None:
    """Take from a user every way to come in but that by a provider."""
    for name in ("forget_password", "forget_authenticator", "forget_sessions", "revoke_tokens"):
        await connection.execute(QUERIES[name], {"user_id": user_id})
