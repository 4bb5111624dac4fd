"""Sign-in with e-mail address and password: proof, and waiting after failures.

An account and an address each have a few failures free; after that the wait doubles, up to a
minute for an account, so that nobody is locked out for good. A user who does not exist is refused
in the same words and after the same time as a wrong password.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated

from fastapi import Depends, Request
from pydantic import Field

from registry.access import Person, Pool, pool
from registry.http.fields import Body, Email, example
from registry.http.problems import (
    ForbiddenError,
    TooManyAttemptsError,
    UnauthorizedError,
    in_body,
)
from registry.identity import authenticator
from registry.identity.cookies import AppSettings
from registry.identity.password_hashing import Hasher, KnownPassword, is_outdated
from registry.settings import Settings
from storage import sign_in
from storage.rows import Connection, Row
from storage.sign_in import Limit

ACCOUNT = Limit(free=5, longest=60)
ADDRESS = Limit(free=30, longest=300)
# Who gets here knows the password. Three of a million codes are right at any moment.
CODE = Limit(free=5, longest=900)
WRONG = "e-mail address or password is wrong"
AGENT_LENGTH = 200

Code = Annotated[
    str,
    Field(min_length=6, max_length=24, description="of the authenticator app, or a recovery code"),
]


class Credentials(Body):
    """How a person signs in; ``code`` is for those who have an authenticator app."""

    model_config = example(email="maria@sunny.example", password="…", code="492039")  # noqa: S106
    email: Email
    password: KnownPassword
    code: Code | None = None


@dataclass(frozen=True)
class Visitor:
    """Where a request comes from, and what is needed to hear it.

    Attributes:
        pool: connections: none is held while a password is hashed.
        hasher: of passwords.
        settings: of the app.
        address: of the client.
        agent: its program, as it says.
    """

    pool: Pool
    hasher: Hasher
    settings: Settings
    address: str
    agent: str


async def visitor(
    request: Request, opened: Annotated[Pool, Depends(pool)], settings: AppSettings
) -> Visitor:
    """Whoever asks, known or not."""
    address = request.client.host if request.client else ""
    agent = request.headers.get("User-Agent", "")[:AGENT_LENGTH]
    return Visitor(opened, request.app.state.hasher, settings, address, agent)


AnyVisitor = Annotated[Visitor, Depends(visitor)]


async def prove(visitor: Visitor, given: Credentials) -> int:
    """The number of the user whose credentials these are.

    Raises:
        UnauthorizedError: they are nobody's, or the code misses or is wrong.
        TooManyAttemptsError: too many failed before.
    """
    account = await prove_password(visitor, given)
    if account["secret"]:
        await prove_code(visitor, account, given.code)
    async with visitor.pool.connection() as connection:
        await sign_in.forget_attempts(connection, account_key(given.email))
        await sign_in.forgive_attempt(connection, address_key(visitor.address))
    user_id: int = account["id"]
    return user_id


async def prove_password(visitor: Visitor, given: Credentials) -> Row:
    """The account with this address and password."""
    async with visitor.pool.connection() as connection:
        await sign_in.forget_old_attempts(connection)
        await begin(connection, account_key(given.email), ACCOUNT)
        await begin(connection, address_key(visitor.address), ADDRESS)
        account = await sign_in.account(connection, given.email)
    hashed = account["hash"] if account else None
    if not await visitor.hasher.matches(hashed, given.password) or account is None:
        raise UnauthorizedError(WRONG)
    if is_outdated(account["hash"]):
        newer = await visitor.hasher.hash(given.password)
        async with visitor.pool.connection() as connection:
            await sign_in.rehash_password(connection, account["id"], account["hash"], newer)
    return account


async def prove_code(visitor: Visitor, account: Row, code: str | None) -> None:
    """Return only if the code is one of the account's authenticator, or a recovery code."""
    if code is None:
        sentence = "give the code of your authenticator app too"
        raise UnauthorizedError(sentence, [in_body("code", sentence)])
    key = f"code {account['id']}"
    async with visitor.pool.connection() as connection:
        await begin(connection, key, CODE)
    async with visitor.pool.connection() as connection:
        cipher = authenticator.cipher(visitor.settings)
        if not await authenticator.takes(connection, cipher, account["id"], code):
            sentence = "this code is wrong or used: wait for the next one"
            raise UnauthorizedError(sentence, [in_body("code", sentence)])
        await sign_in.forget_attempts(connection, key)


async def prove_own(
    connection: Connection, visitor: Visitor, person: Person, password: KnownPassword | None
) -> None:
    """Return only if the password is the person's: a session that was left open is not enough.

    Raises:
        ForbiddenError: it is not.
    """
    await begin(connection, account_key(person.email), ACCOUNT)
    account = await sign_in.account(connection, person.email)
    # Counted, whatever the refusal below rolls back.
    await connection.commit()
    hashed = account["hash"] if account else None
    if password is None or not await visitor.hasher.matches(hashed, password):
        raise ForbiddenError("this is not your password")
    await sign_in.forget_attempts(connection, account_key(person.email))


async def begin(connection: Connection, key: str, limit: Limit) -> None:
    """Count an attempt, if one is heard at this moment."""
    if seconds := await sign_in.begin_attempt(connection, key, limit):
        raise TooManyAttemptsError(seconds)


def account_key(email: str) -> str:
    """By which the failures of an account are counted, whether it exists or not."""
    return f"account {email.lower()}"


def address_key(address: str) -> str:
    """By which the failures of an address are counted; of IPv6 a home has 2^64."""
    try:
        parsed = ip_address(address.removeprefix("::ffff:"))
    except ValueError:
        return f"address {address}"
    if isinstance(parsed, IPv6Address):
        return f"address {ip_network((parsed, 64), strict=False)}"
    return f"address {parsed}"
