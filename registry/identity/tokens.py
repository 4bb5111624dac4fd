"""Tokens of people and programs, and who one is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, status

from registry.access import Database, Person, SignedIn, note_actor
from registry.http.fields import Answer, Body, FutureTime, Name, Number, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, by_id
from registry.http.problems import NotFoundError, no_such
from registry.identity.scopes import Scopes
from registry.identity.sign_in import AnyVisitor, Credentials, prove
from registry.identity.users import MEMBERSHIP
from registry.rights import Role
from storage import people
from storage.rows import Row

router = APIRouter(tags=["identity"], route_class=Once)
# Who signs in has no token yet, to which an Idempotency-Key would belong.
visitors = APIRouter(tags=["identity"])

TOKEN: dict[str, Any] = {
    "id": 11,
    "user_id": 2,
    "name": "notebook",
    "scopes": ["read", "devices:write"],
    "created_at": "2026-03-01T09:00:00Z",
    "expires_at": "2027-03-01T00:00:00Z",
    "last_used_at": None,
}


class NewToken(Body):
    """A token for yourself; an administrator may make one for another user."""

    model_config = example(
        name="notebook", scopes=["read", "devices:write"], expires_at="2027-03-01T00:00:00Z"
    )
    name: Name
    scopes: Scopes | None = None
    expires_at: FutureTime | None = None
    user_id: Number | None = None


class SignInToken(Credentials):
    """A token for who has no session and no token: the command line."""

    model_config = example(
        email="maria@sunny.example",
        password="…",  # noqa: S106
        name="notebook",
        expires_at="2027-03-01T00:00:00Z",
    )
    name: Name
    scopes: Scopes | None = None
    expires_at: FutureTime | None = None


class Token(Answer):
    """A token, which is itself not shown any more."""

    model_config = example(**TOKEN)
    id: int
    user_id: int
    name: str
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class IssuedToken(Token):
    """A new token: keep it now, nobody can show it again."""

    model_config = example(**TOKEN, token="tpa_…")  # noqa: S106
    token: str


class TokenQuery(PageQuery):
    """Whose tokens; by default one's own."""

    user_id: Number | None = None


class Held(Answer):
    """A role that counts today."""

    model_config = example(**MEMBERSHIP)
    role: Role
    park_id: str | None
    tenant_id: str | None
    until: date | None


class Me(Answer):
    """The user whom the token stands for, with the roles that count today."""

    model_config = example(
        id=2, email="maria@sunny.example", name="Maria Sousa", memberships=[MEMBERSHIP]
    )
    id: int
    email: str
    name: str
    memberships: list[Held]


def whose(person: Person, user_id: int | None) -> int:
    """The user whose tokens are meant.

    Raises:
        ForbiddenError: another's, and the person is no administrator.
    """
    if user_id not in (None, person.id):
        person.require("token.manage", {})
    return person.id if user_id is None else user_id


@router.get("/me", response_model=Me)
async def me(person: SignedIn) -> Person:
    """Show who you are, and your roles."""
    return person


@router.post("/tokens", status_code=status.HTTP_201_CREATED, response_model=IssuedToken)
async def create_token(body: NewToken, connection: Database, person: SignedIn) -> Row:
    """Make a token. It is shown in this answer only."""
    user_id = whose(person, body.user_id)
    if await people.user(connection, person.viewer, user_id) is None:
        raise no_such("user_id", "user")
    return await people.create_token(connection, user_id, body.model_dump())


@visitors.post("/tokens/sign-in", status_code=status.HTTP_201_CREATED, response_model=IssuedToken)
async def create_token_by_password(body: SignInToken, visitor: AnyVisitor) -> Row:
    """Make a token with e-mail address and password. It is shown in this answer only."""
    user_id = await prove(visitor, body)
    async with visitor.pool.connection() as connection:
        await note_actor(connection, user_id, None)
        return await people.create_token(connection, user_id, body.model_dump())


@router.get("/tokens", response_model=Page[Token])
async def list_tokens(
    query: Annotated[TokenQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List tokens that were not revoked, without the tokens themselves."""
    user_id = whose(person, query.user_id)
    rows = await people.tokens(connection, user_id, query.after(int), query.limit + 1)
    return query.page(rows, by_id)


# Not for `/tokens/sign-in`, which is a path of its own.
@router.delete("/tokens/{token_id:int}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_token(token_id: Number, connection: Database, person: SignedIn) -> None:
    """Make a token worthless, at once."""
    if not await people.revoke_token(connection, person.among("token.manage"), token_id):
        raise NotFoundError("there is no such token")
