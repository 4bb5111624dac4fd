"""ETags: who has an answer already need not get it again, and who changes a thing knows which one.

The ETag of a thing is strong and has two parts, ``"facts.answer"``. The second is of the answer as
it is: `If-None-Match` compares the whole. The first leaves out what the thing's device does by
itself, as a device that sends would be another at every look: `If-Match` compares the first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.params import Depends as Dependency
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.access import Database, SignedIn
from registry.http.fields import Answer, matching
from registry.http.problems import PreconditionFailedError
from storage.locks import Lockable, lock
from storage.rows import Row

# What devices change, and nobody by a request.
OBSERVED = frozenset({"attributes", "last_seen", "online"})
LIST_BEGINS = b'{"items":'
METHODS = frozenset({"GET", "PATCH"})

Loader = Callable[..., Coroutine[Any, Any, Row]]


def digest(content: bytes) -> str:
    """A short name of some bytes."""
    return hashlib.blake2b(content, digest_size=9).hexdigest()


def facts_of(answer: bytes) -> str:
    """The first part of a thing's ETag: of what people say of it."""
    thing = json.loads(answer)
    facts = {name: value for name, value in thing.items() if name not in OBSERVED}
    return digest(json.dumps(facts, sort_keys=True).encode())


def etag_of(answer: bytes) -> str:
    """The ETag of an answer; a list has one part, as nobody changes it."""
    if answer.startswith(LIST_BEGINS):
        return f'"{digest(answer)}"'
    return f'"{facts_of(answer)}.{digest(answer)}"'


def listed(header: str) -> list[str]:
    """The ETags of a header, or its ``*``."""
    return [each.strip() for each in header.split(",")]


class ETags:
    """ASGI middleware: gives each answer that is read its ETag, and leaves out one that is known.

    Args:
        app: whose answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] not in METHODS:
            await self.app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "") if scope["method"] == "GET" else ""
        await self.app(scope, receive, Tagging(send, listed(known)))


class Tagging:
    """Sends an answer with its ETag. One that comes in pieces goes through as it is."""

    def __init__(self, send: Send, known: list[str]) -> None:
        self.send, self.known = send, known
        self.start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Hold the beginning of an answer back until its body has come."""
        if message["type"] == "http.response.start" and message["status"] == 200:
            self.start = message
            return
        start, self.start = self.start, None
        if start is not None:
            message = self.tagged(start, message)
            await self.send(start)
        await self.send(message)

    def tagged(self, start: Message, body: Message) -> Message:
        """Put the ETag into the beginning.

        Returns:
            The body that is to follow: none where the client has it already.
        """
        headers = MutableHeaders(scope=start)
        if body.get("more_body") or headers.get("content-type") != "application/json":
            return body
        etag = headers["etag"] = etag_of(body["body"])
        if not {etag, f"W/{etag}", "*"} & set(self.known):
            return body
        start["status"] = 304
        del headers["content-length"], headers["content-type"]
        return {**body, "body": b""}


TAGS = r'\*|(W/)?"[^"]*"( *, *(W/)?"[^"]*")*'
IfMatch = Annotated[
    Annotated[str, matching(TAGS, "give the ETag as you got it, with its quotes, or *")] | None,
    Header(
        alias="If-Match",
        description="the ETag of what you have read: it is still the same",
        json_schema_extra={"pattern": f"^({TAGS})$"},
    ),
]


def unless_changed(table: Lockable, load: Loader, answer: type[Answer]) -> Dependency:
    """What a route depends on that changes a thing: `If-Match` holds, and nobody can change it.

    Args:
        table: the thing's, whose row is locked until the change is committed.
        load: the dependency that reads the thing of the path.
        answer: as which it is shown.
    """

    async def locked(
        request: Request, connection: Database, _: SignedIn, if_match: IfMatch = None
    ) -> None:
        if if_match is not None:
            key = list(request.path_params.values())[-1]
            await lock(connection, table, key)

    # Dependencies are met in this order: the thing is read when its row is locked.
    async def same(
        _: None = Depends(locked), row: Row = Depends(load), if_match: IfMatch = None
    ) -> None:
        if if_match is not None and not matches(if_match, answer, row):
            raise PreconditionFailedError(
                "somebody has changed it since you read it: read it again, and decide anew"
            )

    return Depends(same)  # type: ignore[no-any-return]


def matches(if_match: str, answer: type[Answer], row: Row) -> bool:
    """Whether one of the ETags is that of the thing as it is now."""
    shown = answer.model_validate(row).model_dump_json(by_alias=True).encode()
    now = f'"{facts_of(shown)}.'
    return any(tag == "*" or tag.startswith(now) for tag in listed(if_match))
