"""One's own password."""

from __future__ import annotations

from fastapi import APIRouter, status

from registry.access import Database, SignedIn
from registry.http.fields import Body, example
from registry.identity.cookies import CookieSession
from registry.identity.password_hashing import KnownPassword, NewPassword
from registry.identity.sign_in import AnyVisitor, prove_own
from storage import sign_in

router = APIRouter(tags=["identity"])


class OwnPassword(Body):
    """Another password; the present one has to be given where there is one."""

    model_config = example(current_password="…", password="four words or more")  # noqa: S106
    password: NewPassword
    current_password: KnownPassword | None = None


@router.put("/me/password", status_code=status.HTTP_204_NO_CONTENT)
async def set_own_password(
    body: OwnPassword,
    connection: Database,
    person: SignedIn,
    visitor: AnyVisitor,
    current: CookieSession,
) -> None:
    """Set your password. Your other sessions end, tokens stay."""
    account = await sign_in.account(connection, person.email)
    if account and account["hash"]:
        await prove_own(connection, visitor, person, body.current_password)
    hashed = await visitor.hasher.hash(body.password)
    await sign_in.set_password(connection, person.id, hashed)
    await sign_in.end_sessions(connection, person.id, but=current)
