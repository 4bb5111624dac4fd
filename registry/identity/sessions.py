"""Sessions at the console: sign in, see where one is signed in, sign out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status

from registry.access import Database, SignedIn, note_actor
from registry.http.fields import Answer, Number, example
from registry.http.pages import Page, PageQuery, by_id
from registry.http.problems import NotFoundError
from registry.identity.cookies import AppSettings, CookieSession, drop_session, keep_session
from registry.identity.sign_in import AnyVisitor, Credentials, Visitor, prove
from storage import sign_in
from storage.rows import Row

router = APIRouter(prefix="/sessions", tags=["identity"])


class Session(Answer):
    """A session. It ends after 12 hours without use, and in any case at ``expires_at``."""

    model_config = example(
        id=5,
        address="203.0.113.7",
        agent="Mozilla/5.0",
        created_at="2026-03-01T09:00:00Z",
        last_used_at="2026-03-01T09:30:00Z",
        expires_at="2026-03-08T09:00:00Z",
        current=True,
    )
    id: int
    address: str
    agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool


async def begin_session(visitor: Visitor, response: Response, user_id: int) -> dict[str, Any]:
    """Sign a user in who has proved who he or she is."""
    async with visitor.pool.connection() as connection:
        # Before it is noted who acts: he or she has not ended them.
        await sign_in.delete_old_sessions(connection)
        await note_actor(connection, user_id, None)
        row = await sign_in.create_session(connection, user_id, visitor.address, visitor.agent)
    keep_session(response, visitor.settings, row["key"])
    return row


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Session)
async def create_session(body: Credentials, response: Response, visitor: AnyVisitor) -> Row:
    """Sign in at the console: the answer sets a cookie, which is the session."""
    return await begin_session(visitor, response, await prove(visitor, body))


@router.get("", response_model=Page[Session])
async def list_sessions(
    query: Annotated[PageQuery, Query()],
    connection: Database,
    person: SignedIn,
    current: CookieSession,
) -> Row:
    """List where you are signed in."""
    rows = await sign_in.sessions(
        connection, person.id, current or "", query.after(int), query.limit + 1
    )
    return query.page(rows, by_id)


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
async def end_all_sessions(
    response: Response, connection: Database, person: SignedIn, settings: AppSettings
) -> None:
    """Sign out everywhere, here too."""
    await sign_in.end_sessions(connection, person.id)
    drop_session(response, settings)


@router.delete("/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
async def end_session(session_id: Number, connection: Database, person: SignedIn) -> None:
    """Sign out in one place."""
    if not await sign_in.end_session(connection, person.id, session_id):
        raise NotFoundError("there is no such session")
