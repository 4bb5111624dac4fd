"""Links that are good once: invitations, and links for another password."""

from __future__ import annotations

from storage import queries
from storage.accounts import INVITATION_PREFIX, RESET_PREFIX, hash_token, new_token
from storage.people import Viewer
from storage.rows import Connection, Row, every, first, only

QUERIES = queries.load("registry_links")


async def create_invitation(connection: Connection, invited_by: int, invitation: Row) -> Row:
    """Invite; the row has the link's secret under ``token``, and nobody can read it again."""
    token = new_token(INVITATION_PREFIX)
    parameters = {**invitation, "invited_by": invited_by, "sha256": hash_token(token)}
    return {**await only(connection, QUERIES["create_invitation"], parameters), "token": token}


async def invited_lately(connection: Connection, user_id: int) -> int:
    """How many invitations a user has made within a day."""
    row = await only(connection, QUERIES["invited_lately"], {"invited_by": user_id})
    number: int = row["invitations"]
    return number


async def invitations(
    connection: Connection, viewer: Viewer, after: int | None, limit: int
) -> list[Row]:
    """The invitations that wait, as far as the viewer may see them."""
    parameters = {**viewer.parameters(), "after": after, "limit": limit}
    return await every(connection, QUERIES["invitations"], parameters)


async def withdraw_invitation(connection: Connection, viewer: Viewer, invitation_id: int) -> bool:
    """Make a link worthless. False where none waits that the viewer may withdraw."""
    parameters = {**viewer.parameters(), "id": invitation_id}
    return await first(connection, QUERIES["withdraw_invitation"], parameters) is not None


async def invitation(connection: Connection, token: str) -> Row | None:
    """The invitation of a link; None where it was used, withdrawn, or is too old."""
    return await first(connection, QUERIES["invitation"], {"sha256": hash_token(token)})


async def accept_invitation(connection: Connection, token: str) -> Row | None:
    """Use a link up. None as for ``invitation``."""
    return await first(connection, QUERIES["accept_invitation"], {"sha256": hash_token(token)})


async def accept_invitations(connection: Connection, email: str) -> list[Row]:
    """Use up all links that wait for an address."""
    return await every(connection, QUERIES["accept_invitations"], {"email": email})


async def may_reset(connection: Connection, maker: int, user_id: int) -> bool:
    """Whether one user may make a link for the other's password."""
    row = await only(connection, QUERIES["may_reset"], {"maker": maker, "user_id": user_id})
    allowed: bool = row["allowed"]
    return allowed


async def create_reset(connection: Connection, maker: int, user_id: int) -> Row:
    """Make a link for another password; the row has its secret under ``token``."""
    token = new_token(RESET_PREFIX)
    parameters = {"user_id": user_id, "maker": maker, "sha256": hash_token(token)}
    return {**await only(connection, QUERIES["create_reset"], parameters), "token": token}


async def reset(connection: Connection, token: str) -> Row | None:
    """Whose password a link is for: ``user_id``.

    Returns:
        None where the link was used or replaced, is too old, or its maker may not make it any more.
    """
    return await first(connection, QUERIES["reset"], {"sha256": hash_token(token)})


async def use_reset(connection: Connection, token: str) -> Row | None:
    """Use a link up. None as for ``reset``."""
    return await first(connection, QUERIES["use_reset"], {"sha256": hash_token(token)})
