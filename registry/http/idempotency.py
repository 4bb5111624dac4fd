"""`Idempotency-Key`: a POST that comes again is answered as the first time, and done once.

The answer is stored in the transaction of the request (ADR 0017): it is kept if, and only if, what
the request did is kept. The header is that of draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute

from registry.access import Credentials, Database, SignedIn, token_scheme
from registry.http.fields import matching
from registry.http.problems import ConflictError, UnprocessableError
from storage import idempotency
from storage.idempotency import Kept
from storage.rows import Connection

NONCE_BYTES = 12

KEY = r"[\x21-\x7e]{1,255}"
KEY_RULE = "give 1 to 255 visible ASCII characters, without blanks: a UUID is a good key"
Key = Annotated[
    Annotated[str, matching(KEY, KEY_RULE)] | None,
    Header(
        alias="Idempotency-Key",
        json_schema_extra={"pattern": f"^{KEY}$"},
        description="any text that you use for this one request: within 24 hours, the same "
        "request with the same key is done once, and gets the same answer",
    ),
]


class Repeated(Exception):  # noqa: N818 - it is no error
    """The request was done before.

    Attributes:
        response: as it was answered.
    """

    def __init__(self, response: Response) -> None:
        self.response = response


@dataclass(frozen=True)
class Claim:
    """The right to do a request that nobody has done yet.

    Attributes:
        connection: with the transaction of the request.
        user_id: whose key it is.
        key: as it was sent.
        fingerprint: of the request.
        token: with which the answer is encrypted.
    """

    connection: Connection
    user_id: int
    key: str
    fingerprint: bytes
    token: str

    async def keep(self, response: Response) -> None:
        """Store the answer, until the key ends."""
        answer = encrypted(self.token, bytes(response.body))
        kept = Kept(self.fingerprint, response.status_code, answer)
        await idempotency.keep(self.connection, self.user_id, self.key, kept)


async def claim(
    request: Request,
    connection: Database,
    person: SignedIn,
    credentials: Annotated[Credentials, Depends(token_scheme)],
    key: Key = None,
) -> None:
    """Find out whether the request was done before, and let nobody else do it meanwhile."""
    if key is None or credentials is None:
        return
    if not await idempotency.claim(connection, person.id, key):
        raise ConflictError(
            "the request with this Idempotency-Key is still at work: ask again in a moment"
        )
    fingerprint = await fingerprint_of(request)
    kept = await idempotency.kept(connection, person.id, key)
    if kept is not None:
        raise Repeated(repeated(kept, fingerprint, credentials.key))
    request.state.claim = Claim(connection, person.id, key, fingerprint, credentials.key)


def repeated(kept: Kept, fingerprint: bytes, token: str) -> Response:
    """The answer of the first time.

    Raises:
        UnprocessableError: the key came with another request, or with another token.
    """
    if kept.fingerprint != fingerprint:
        raise UnprocessableError(
            "this Idempotency-Key came with another request: use a new key for each"
        )
    try:
        body = decrypted(token, kept.answer)
    except InvalidTag as error:
        raise UnprocessableError(
            "this Idempotency-Key came with another of your tokens, which alone opens its answer"
        ) from error
    headers = {"Idempotency-Replayed": "true"}
    return Response(body, kept.status, headers, "application/json" if body else None)


async def fingerprint_of(request: Request) -> bytes:
    """What tells one request from another."""
    place = f"{request.method} {request.url.path}?{request.url.query}\n"
    return hashlib.sha256(place.encode() + await request.body()).digest()


def cipher(token: str) -> AESGCM:
    """Encrypts with a token, which the platform itself has only as a hash."""
    return AESGCM(hashlib.blake2b(token.encode(), digest_size=32, person=b"idempotency").digest())


def encrypted(token: str, text: bytes) -> bytes:
    """A nonce, and the text as only who has the token can read it."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher(token).encrypt(nonce, text, None)


def decrypted(token: str, stored: bytes) -> bytes:
    """The text.

    Raises:
        InvalidTag: it was encrypted with another token.
    """
    return cipher(token).decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], None)


class Once(APIRoute):
    """A route whose POST takes an `Idempotency-Key`; for those that act in one transaction."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if "POST" in options.get("methods", ()):
            options["dependencies"] = [Depends(claim), *(options.get("dependencies") or ())]
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, within the transaction of its request."""
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            try:
                response = await handle(request)
            except Repeated as before:
                return before.response
            claimed: Claim | None = getattr(request.state, "claim", None)
            if claimed is not None:
                await claimed.keep(response)
            return response

        return once
