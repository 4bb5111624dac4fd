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
from registry.identity.users import MEMBERSHIP, MailLanguage, Membership, NewMembership, User
from registry.mail import texts
from registry.mail.outbox import AppOutbox
from registry.rights import Role
from storage import links, people, sign_in
from storage.rows import Row

router = APIRouter(prefix="/invitations", tags=["identity"], route_class=Once)
# Who comes with a link has no token, to which an Idempotency-Key would belong.
visitors = APIRouter(prefix="/invitations", tags=["identity"])

MAILED_A_DAY = 100
INVITATION: dict[str, Any] = {
    "id": 3,
    "email": "maria@sunny.example",
    **MEMBERSHIP,
    "language": "id",
    "created_at": "2026-03-01T09:00:00Z",
    "expires_at": "2026-03-08T09:00:00Z",
}


class NewInvitation(NewMembership):
    """Whom you invite, and the role that he or she will have."""

    model_config = example(email="maria@sunny.example", **MEMBERSHIP, language="id")
    email: Email
    language: MailLanguage = None


class Invitation(Answer):
    """An invitation that waits; its link is not shown any more."""

    model_config = example(**INVITATION)
    id: int
    email: str
    role: Role
    park_id: str | None
    tenant_id: str | None
    until: date | None
    language: str | None
    created_at: datetime
    expires_at: datetime


class IssuedInvitation(Invitation):
    """An invitation with its link.

    ``mailed``: a mail with the link is on its way. Where it is false, send the link to that person
    by a way that you trust.
    """

    model_config = example(
        **INVITATION,
        token="tpi_…",  # noqa: S106
        link="https://iot.cimahi.example/link/#tpi_…",
        mailed=True,
    )
    token: str
    link: str
    mailed: bool


class Acceptance(LinkBody):
    """Who you are, and the password that you choose."""

    model_config = example(
        token="tpi_…",  # noqa: S106
        name="Maria Sousa",
        password="four words or more",  # noqa: S106
        language="id",
    )
    name: Name
    password: NewPassword
    language: MailLanguage = None


class Joining(LinkBody):
    """The link of an invitation for the person who asks."""

    model_config = example(token="tpi_…")  # noqa: S106


@router.post("", status_code=status.HTTP_201_CREATED, response_model=IssuedInvitation)
async def invite(
    body: NewInvitation,
    connection: Database,
    person: SignedIn,
    settings: AppSettings,
    outbox: AppOutbox,
) -> Row:
    """Invite somebody. The link is shown in this answer only; it is good once, for 7 days.

    If the platform has a mail server it mails the link, up to 100 a day for each who invites.
    """
    person.require("membership.give", body.model_dump())
    row = await links.create_invitation(connection, person.id, body.model_dump())
    issued = with_link(settings, row)
    # So that nobody sends floods of mails in the platform's name.
    if await links.invited_lately(connection, person.id) > MAILED_A_DAY:
        return {**issued, "mailed": False}
    text = texts.invitation(issued, person.email)
    mailed = await outbox.put(
        connection, row["email"], text, row["expires_at"], invitation_id=row["id"]
    )
    return {**issued, "mailed": mailed}


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
        language = body.language or invitation["language"]
        user = {"email": invitation["email"], "name": body.name, "language": language}
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
