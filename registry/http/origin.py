"""Where a request comes from: the audit log keeps it, and every answer has the request's id."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Origin:
    """What is known of a request.

    Attributes:
        changes: whether it may change something.
        address: of whoever is connected: the client, or the proxy before the API.
        request_id: what the client or the proxy calls the request, else a random one.
    """

    changes: bool
    address: str | None
    request_id: str


ORIGIN: ContextVar[Origin] = ContextVar("origin")


def origin_of(scope: Scope) -> Origin:
    """The origin of an HTTP request."""
    given = Headers(scope=scope).get(HEADER, "")
    client = scope.get("client")
    return Origin(
        scope["method"] not in READING,
        client[0] if client else None,
        given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8),
    )


class KnownOrigin:
    """ASGI middleware: while a request is served, ``ORIGIN`` tells where it comes from."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its id back."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        origin = origin_of(scope)
        ORIGIN.set(origin)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = origin.request_id
            await send(message)

        await self.app(scope, receive, named)
