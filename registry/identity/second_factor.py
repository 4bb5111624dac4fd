"""The authenticator app as a second factor: enrol, confirm, remove."""

from __future__ import annotations

from datetime import datetime

import pyotp
from fastapi import APIRouter, status

from registry.access import Administrator, Database, ReadableUser, SignedIn
from registry.http.fields import Answer, Body, example
from registry.http.problems import ConflictError, NotFoundError, UnprocessableError, in_body
from registry.identity import authenticator
from registry.identity.cookies import AppSettings
from registry.identity.password_hashing import KnownPassword
from registry.identity.sign_in import AnyVisitor, Code, prove_own
from storage import authenticators
from storage.accounts import hash_token
from storage.rows import Connection, Row

router = APIRouter(tags=["identity"])

ISSUER = "Technopark IoT"
NONE = {"confirmed_at": None, "recovery_codes": 0}


class OwnProof(Body):
    """Your password."""

    model_config = example(password="…")  # noqa: S106
    password: KnownPassword


class FirstCode(Body):
    """A code that the app shows."""

    model_config = example(code="492039")
    code: Code


class Removal(OwnProof):
    """Your password, and a code of the app or a recovery code."""

    model_config = example(password="…", code="492039")  # noqa: S106
    code: Code


class Authenticator(Answer):
    """Whether you have an authenticator app, and how many recovery codes are left."""

    model_config = example(confirmed_at="2026-03-01T09:00:00Z", recovery_codes=10)
    confirmed_at: datetime | None
    recovery_codes: int


class Enrolment(Answer):
    """What the app needs, shown once: as text, and as the address that a QR code holds."""

    model_config = example(
        secret="JBSWY3DPEHPK3PXP",  # noqa: S106
        uri="otpauth://totp/Technopark%20IoT:maria%40sunny.example?secret=JBSWY3DPEHPK3PXP",
    )
    secret: str
    uri: str


class RecoveryCodes(Answer):
    """Keep them on paper: each signs you in once if the app is lost. Nobody can show them again."""

    model_config = example(recovery_codes=["mfrg-g43f-mzxw-6ytb"])
    recovery_codes: list[str]


@router.get("/me/authenticator", response_model=Authenticator)
async def show_authenticator(connection: Database, person: SignedIn) -> Row:
    """Show whether you have an authenticator app."""
    return await authenticators.authenticator(connection, person.id) or NONE


@router.post("/me/authenticator", status_code=status.HTTP_201_CREATED, response_model=Enrolment)
async def enrol_authenticator(
    body: OwnProof, connection: Database, person: SignedIn, visitor: AnyVisitor
) -> Row:
    """Enrol an authenticator app. Sign-in asks for its codes when you have confirmed one."""
    cipher = authenticator.cipher(visitor.settings)
    await prove_own(connection, visitor, person, body.password)
    secret = pyotp.random_base32()
    if not await authenticators.enrol(connection, person.id, cipher.encrypt(secret.encode())):
        raise ConflictError("you have an authenticator app: remove it before you enrol another")
    uri = pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=ISSUER)
    return {"secret": secret, "uri": uri}


@router.post("/me/authenticator/confirm", response_model=RecoveryCodes)
async def confirm_authenticator(
    body: FirstCode, connection: Database, person: SignedIn, settings: AppSettings
) -> Row:
    """Confirm the app with a code, and get recovery codes. From now on sign-in asks for codes."""
    row = await authenticators.authenticator(connection, person.id)
    if row is None or row["confirmed_at"]:
        raise ConflictError("no authenticator app waits for its first code: enrol one")
    await require_code(connection, settings, person.id, body.code)
    codes = authenticator.new_recovery_codes()
    hashes = [hash_token(code.replace("-", "")) for code in codes]
    await authenticators.confirm(connection, person.id, hashes)
    return {"recovery_codes": codes}


async def require_code(
    connection: Connection, settings: AppSettings, user_id: int, code: str
) -> None:
    """Return only if the code is right; it is used up by that."""
    cipher = authenticator.cipher(settings)
    if not await authenticator.takes(connection, cipher, user_id, code):
        sentence = "this code is wrong or used: wait for the next one"
        raise UnprocessableError(sentence, [in_body("code", sentence)])


@router.post("/me/authenticator/remove", status_code=status.HTTP_204_NO_CONTENT)
async def remove_authenticator(
    body: Removal, connection: Database, person: SignedIn, visitor: AnyVisitor
) -> None:
    """Remove the app and its recovery codes: the password alone signs in again."""
    await prove_own(connection, visitor, person, body.password)
    await require_code(connection, visitor.settings, person.id, body.code)
    await authenticators.remove(connection, person.id)


@router.delete("/users/{user_id}/authenticator", status_code=status.HTTP_204_NO_CONTENT)
async def reset_authenticator(user: ReadableUser, connection: Database, _: Administrator) -> None:
    """Remove the app of somebody who has lost it and the recovery codes."""
    if not await authenticators.remove(connection, user["id"]):
        raise NotFoundError("this user has no authenticator app")
