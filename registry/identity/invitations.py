"""Invitations by link: a role for somebody who may not be a user yet."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, status

from registry.access import Database, SignedIn, note_actor
from registry.http.fields import Answer, Email, Name, Number, example
from registry.http.idempotency import Once
from registry.http.pages import Page, PageQuery, by_id
from registry.http.problems import ConflictError, ForbiddenError, NotFoundError
from registry.identity.cookies import AppSettings
from registry.identity.links import LinkBody, still_good, with_link
from registry.identity.password_hashing import NewPassword
from registry.identity.sign_in import AnyVisitor
from registry.identity.users import MEMBERSHIP, Membership, NewMembership, User
from registry.rights import Role
from storage import links, people, sign_in
from storage.rows import Row

router = APIRouter(prefix="/invitations", tags=["identity"], route_class=Once)
# Who comes with a link has no token, to which an Idempotency-Key would belong.
visitors = APIRouter(prefix="/invitations", tags=["identity"])

INVITATION: dict[str, Any] = {
    "id": 3,
    "email": "maria@sunny.example",
    **MEMBERSHIP,
    "created_at": "2026-03-01T09:00:00Z",
    "expires_at": "2026-03-08T09:00:00Z",
}


class NewInvitation(NewMembership):
    """Whom you invite, and the role that he or she will have."""

    model_config = example(email="maria@sunny.example", **MEMBERSHIP)
    email: Email


class Invitation(Answer):
    """An invitation that waits; its link is not shown any more."""

    model_config = example(**INVITATION)
    id: int
    email: str
    role: Role
    park_id: str | None
    tenant_id: str | None
    until: date | None
    created_at: datetime
    expires_at: datetime


class IssuedInvitation(Invitation):
    """An invitation with its link: send it to that person by a way that you trust."""

    model_config = example(
        **INVITATION,
        token="tpi_…",  # noqa: S106
        link="https://iot.cimahi.example/link/#tpi_…",
    )
    token: str
    link: str


class Acceptance(LinkBody):
    """Who you are, and the password that you choose."""

    model_config = example(token="tpi_…", name="Maria Sousa", password="four words or more")  # noqa: S106
    name: Name
    password: NewPassword


class Joining(LinkBody):
    """The link of an invitation for the person who asks."""

    model_config = example(token="tpi_…")  # noqa: S106


@router.post("", status_code=status.HTTP_201_CREATED, response_model=IssuedInvitation)
async def invite(
    body: NewInvitation, connection: Database, person: SignedIn, settings: AppSettings
) -> Row:
    """Invite somebody. The link is shown in this answer only; it is good once, for 7 days."""
    person.require("membership.give", body.model_dump())
    row = await links.create_invitation(connection, person.id, body.model_dump())
    return with_link(settings, row)


@router.get("", response_model=Page[Invitation])
async def list_invitations(
    query: Annotated[PageQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List the invitations that wait: yours, and those to tenants that you own."""
    rows = await links.invitations(connection, person.viewer, query.after(int), query.limit + 1)
    return query.page(rows, by_id)


# Not for `/invitations/accept` and `/invitations/join`, which are paths of their own.
@router.delete("/{invitation_id:int}", status_code=status.HTTP_204_NO_CONTENT)
async def withdraw_invitation(
    invitation_id: Number, connection: Database, person: SignedIn
) -> None:
    """Withdraw an invitation: its link is worthless."""
    if not await links.withdraw_invitation(connection, person.viewer, invitation_id):
        raise NotFoundError("there is no such invitation")


@visitors.post("/accept", status_code=status.HTTP_201_CREATED, response_model=User)
async def accept_invitation(body: Acceptance, visitor: AnyVisitor) -> Row:
    """Accept an invitation as a new user, with the link alone."""
    async with visitor.pool.connection() as connection:
        invitation = still_good(await links.invitation(connection, body.token))
        # Whoever made the link can use it: it must not give him another's account.
        if await sign_in.account(connection, invitation["email"]):
            raise ConflictError("you are a user already: sign in, and join with this link")
    hashed = await visitor.hasher.hash(body.password)
    async with visitor.pool.connection() as connection:
        await note_actor(connection, None, None)
        invitation = still_good(await links.accept_invitation(connection, body.token))
        user = {"email": invitation["email"], "name": body.name}
        created = await people.create_user(connection, user)
        await note_actor(connection, created["id"], None)
        await sign_in.set_password(connection, created["id"], hashed)
        await people.create_membership(connection, created["id"], invitation)
        return created


@router.post("/join", status_code=status.HTTP_201_CREATED, response_model=Membership)
async def join_by_invitation(body: Joining, connection: Database, person: SignedIn) -> Row:
    """Accept an invitation as the user who you are already."""
    invitation = still_good(await links.accept_invitation(connection, body.token))
    if invitation["email"].lower() != person.email.lower():
        raise ForbiddenError("this invitation is for another e-mail address than yours")
    return await people.create_membership(connection, person.id, invitation)
