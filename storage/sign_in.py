"""Passwords, the attempts to sign in with them, and the sessions that follow."""

from __future__ import annotations

from dataclasses import dataclass

from storage import queries
from storage.accounts import SESSION_PREFIX, hash_token, new_token
from storage.rows import Connection, Row, every, first, only

QUERIES = queries.load("registry_sign_in")


@dataclass(frozen=True)
class Limit:
    """How often one may fail.

    Attributes:
        free: failures until the first wait, which is a second.
        longest: seconds of the longest wait.
    """

    free: int
    longest: int


async def account(connection: Connection, email: str) -> Row | None:
    """Who has the address: ``id, email, hash, secret``, the last two None where there is none."""
    return await first(connection, QUERIES["account"], {"email": email})


async def set_password(connection: Connection, user_id: int, hashed: str) -> None:
    """Give a user another password."""
    await connection.execute(QUERIES["set_password"], {"user_id": user_id, "hash": hashed})


async def rehash_password(connection: Connection, user_id: int, old: str, new: str) -> None:
    """Store the same password in another way."""
    parameters = {"user_id": user_id, "old": old, "hash": new}
    await connection.execute(QUERIES["rehash_password"], parameters)


async def begin_attempt(connection: Connection, key: str, limit: Limit) -> int:
    """Count an attempt as failed, until it is forgotten or forgiven.

    Returns:
        0, or how many seconds one has to wait before an attempt is heard.
    """
    parameters = {"key": key, "free": limit.free, "longest": limit.longest}
    if await first(connection, QUERIES["begin_attempt"], parameters):
        return 0
    seconds: int = (await only(connection, QUERIES["wait"], {"key": key}))["seconds"]
    return seconds


async def forget_attempts(connection: Connection, key: str) -> None:
    """Forget what failed."""
    await connection.execute(QUERIES["forget_attempts"], {"key": key})


async def forgive_attempt(connection: Connection, key: str) -> None:
    """Forget the last attempt, which did not fail."""
    await connection.execute(QUERIES["forgive_attempt"], {"key": key})


async def forget_old_attempts(connection: Connection) -> None:
    """Keep the table small."""
    await connection.execute(QUERIES["forget_old_attempts"])


async def delete_old_sessions(connection: Connection) -> None:
    """Delete the sessions, of whomever, that have ended by themselves."""
    await connection.execute(QUERIES["delete_old_sessions"])


async def create_session(connection: Connection, user_id: int, address: str, agent: str) -> Row:
    """Begin a session; the row has its key under ``key``, and nobody can read it again."""
    key = new_token(SESSION_PREFIX)
    parameters = {"user_id": user_id, "sha256": hash_token(key), "address": address}
    row = await only(connection, QUERIES["create_session"], {**parameters, "agent": agent})
    return {**row, "key": key}


async def sessions(
    connection: Connection, user_id: int, key: str, after: int | None, limit: int
) -> list[Row]:
    """A user's sessions that have not ended; ``current`` is the one with the key."""
    parameters = {"user_id": user_id, "sha256": hash_token(key), "after": after, "limit": limit}
    return await every(connection, QUERIES["sessions"], parameters)


async def end_session(connection: Connection, user_id: int, session_id: int) -> bool:
    """End one session. False where the user has none of this number."""
    parameters = {"user_id": user_id, "id": session_id}
    return await first(connection, QUERIES["end_session"], parameters) is not None


async def end_sessions(connection: Connection, user_id: int, but: str | None = None) -> None:
    """End a user's sessions, all of them or all but the one with the key ``but``."""
    kept = None if but is None else hash_token(but)
    await connection.execute(QUERIES["end_sessions"], {"user_id": user_id, "but": kept})
