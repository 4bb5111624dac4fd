"""Users, the roles that they have, and the tokens that they come with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from storage import queries
from storage.accounts import hash_token, new_token
from storage.rows import Connection, Row, every, first, only, planned
from storage.search import search

QUERIES = queries.load("registry_people")


@dataclass(frozen=True)
class Viewer:
    """Who looks at people: themselves, those of the tenants that they own, or everybody."""

    id: int
    everything: bool
    owned: tuple[str, ...]

    def parameters(self) -> Row:
        """The parameters by which the queries know the viewer."""
        return {"viewer": self.id, "everything": self.everything, "owned": list(self.owned)}


async def person(connection: Connection, key: str) -> Row | None:
    """The user whom a token or a session stands for, with the memberships that count today.

    Returns:
        ``id, email, name, memberships, scopes, has_passes``; None for a key that is unknown,
        expired or revoked.
    """
    row = await first(connection, QUERIES["person"], {"sha256": hash_token(key)})
    if row is not None:
        await mark_used(connection, row)
    return row


async def person_and_device(
    connection: Connection, key: str, device_id: str
) -> tuple[Row | None, Row | None]:
    """The row of ``person``, and a device for which nobody has asked yet whether he may see it.

    Returns:
        The device is as ``storage.devices.device`` gives it to its own people; None: there is none.
    """
    parameters = {"sha256": hash_token(key), "id": device_id}
    row = await first(connection, QUERIES["person_and_device"], parameters)
    if row is None:
        return None, None
    person: Row = row.pop("person")
    await mark_used(connection, person)
    return person, row if row["id"] is not None else None


async def mark_used(connection: Connection, person: Row) -> None:
    """Note that a key is in use, once a minute."""
    if person["unmarked"]:
        kind = "mark_token_used" if person["token_id"] else "mark_session_used"
        await connection.execute(QUERIES[kind], person)


async def create_user(connection: Connection, user: Row) -> Row:
    """Add a user, who has no role yet: ``email, name`` and, if it is known, ``language``."""
    return await only(connection, QUERIES["create_user"], {"language": None, **user})


async def users(
    connection: Connection,
    viewer: Viewer,
    email: str | None,
    q: str | None,
    after: int | None,
    limit: int,
) -> list[Row]:
    """The users whom the viewer may see, with the words of ``q``, in the order of their numbers."""
    page = {"id": None, "email": email, "after": after, "limit": limit, **search(q)}
    return await planned(connection, QUERIES["users"], {**viewer.parameters(), **page})


async def user(connection: Connection, viewer: Viewer, user_id: int) -> Row | None:
    """One user, if the viewer may see him or her."""
    page: dict[str, Any] = {"id": user_id, "email": None, "after": None, "limit": 1}
    parameters = {**viewer.parameters(), **page, **search(None)}
    rows = await planned(connection, QUERIES["users"], parameters)
    return rows[0] if rows else None


async def forget_person(connection: Connection, user_id: int) -> None:
    """Delete a user with all that is about him or her alone, in the audit log too."""
    await connection.execute(QUERIES["forget_person"], {"user_id": user_id})


async def create_membership(connection: Connection, user_id: int, membership: Row) -> Row:
    """Give a user a role."""
    parameters = {**membership, "user_id": user_id}
    return await only(connection, QUERIES["create_membership"], parameters)


async def memberships(
    connection: Connection, viewer: Viewer, user_id: int, after: int | None, limit: int
) -> list[Row]:
    """The roles of a user that the viewer may see, ended ones too."""
    page = {"id": None, "user_id": user_id, "after": after, "limit": limit}
    return await every(connection, QUERIES["memberships"], {**viewer.parameters(), **page})


async def membership(
    connection: Connection, viewer: Viewer, user_id: int, membership_id: int
) -> Row | None:
    """One role of a user, if the viewer may see it."""
    page = {"id": membership_id, "user_id": user_id, "after": None, "limit": 1}
    return await first(connection, QUERIES["memberships"], {**viewer.parameters(), **page})


async def end_membership(connection: Connection, membership_id: int) -> None:
    """Take a role away."""
    await connection.execute(QUERIES["end_membership"], {"id": membership_id})


async def create_token(connection: Connection, user_id: int, token: Row) -> Row:
    """Make a token; the row has it under ``token``, and nobody can read it again."""
    text = new_token()
    parameters = {**token, "user_id": user_id, "sha256": hash_token(text)}
    return {**await only(connection, QUERIES["create_token"], parameters), "token": text}


async def tokens(connection: Connection, user_id: int, after: int | None, limit: int) -> list[Row]:
    """A user's tokens that were not revoked, without the tokens themselves."""
    parameters = {"user_id": user_id, "after": after, "limit": limit}
    return await every(connection, QUERIES["tokens"], parameters)


async def revoke_token(connection: Connection, viewer: Viewer, token_id: int) -> bool:
    """Make a token worthless. False where there is none that the viewer may revoke."""
    parameters = {**viewer.parameters(), "id": token_id}
    return await first(connection, QUERIES["revoke_token"], parameters) is not None
