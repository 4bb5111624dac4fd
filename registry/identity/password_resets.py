"""Another password by a link, for who has forgotten the old one or never had any."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, status

from registry.access import Database, ReadableUser, SignedIn, note_actor
from registry.http.fields import Answer, example
from registry.http.idempotency import Once
from registry.http.problems import ForbiddenError
from registry.identity.cookies import AppSettings
from registry.identity.links import LinkBody, still_good, with_link
from registry.identity.password_hashing import NewPassword
from registry.identity.sign_in import AnyVisitor
from registry.mail import texts
from registry.mail.outbox import AppOutbox
from storage import links, mails, sign_in
from storage.rows import Row

router = APIRouter(tags=["identity"], route_class=Once)
# Who comes with a link has no token, to which an Idempotency-Key would belong.
visitors = APIRouter(tags=["identity"])


class IssuedReset(Answer):
    """The link, good once, for a day.

    ``mailed``: a mail with it is on its way. Where it is false, send it to that person by a way
    that you trust.
    """

    model_config = example(
        user_id=2,
        expires_at="2026-03-02T09:00:00Z",
        token="tpr_…",  # noqa: S106
        link="https://iot.cimahi.example/link/#tpr_…",
        mailed=True,
    )
    user_id: int
    expires_at: datetime
    token: str
    link: str
    mailed: bool


class OtherPassword(LinkBody):
    """The password that you choose."""

    model_config = example(token="tpr_…", password="four words or more")  # noqa: S106
    password: NewPassword


@router.post(
    "/users/{user_id}/password-reset",
    status_code=status.HTTP_201_CREATED,
    response_model=IssuedReset,
)
async def create_password_reset(
    user: ReadableUser,
    connection: Database,
    person: SignedIn,
    settings: AppSettings,
    outbox: AppOutbox,
) -> Row:
    """Make a link by which a user sets a password; the link made before is worthless."""
    if not await links.may_reset(connection, person.id, user["id"]):
        raise ForbiddenError(
            "only an administrator may do this, or who owns every tenant the user belongs to"
        )
    issued = with_link(settings, await links.create_reset(connection, person.id, user["id"]))
    await mails.remove_of_reset(connection, user["id"])
    text = texts.reset(issued, person.email, user["language"])
    mailed = await outbox.put(
        connection, user["email"], text, issued["expires_at"], reset_user_id=user["id"]
    )
    return {**issued, "mailed": mailed}


@visitors.post("/password-resets/accept", status_code=status.HTTP_204_NO_CONTENT)
async def set_password_by_link(body: OtherPassword, visitor: AnyVisitor) -> None:
    """Set a password by a link. Sessions end; an authenticator app and tokens stay."""
    async with visitor.pool.connection() as connection:
        still_good(await links.reset(connection, body.token))
    hashed = await visitor.hasher.hash(body.password)
    async with visitor.pool.connection() as connection:
        user_id = still_good(await links.use_reset(connection, body.token))["user_id"]
        await note_actor(connection, user_id, None)
        await sign_in.set_password(connection, user_id, hashed)
        await sign_in.end_sessions(connection, user_id)
