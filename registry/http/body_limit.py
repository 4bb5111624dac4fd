"""No request body is read beyond a limit, whatever its sender declared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.http.problems import answer


class BodyLimit:
    """ASGI middleware. FastAPI's own limit would answer in plain text.

    Args:
        app: what is protected.
        limit: bytes.
        others: the limits of paths that have one of their own, by a pattern of the whole path.
    """

    def __init__(self, app: ASGIApp, limit: int, others: Mapping[str, int]) -> None:
        self.app, self.limit = app, limit
        self.others = [(re.compile(path), other) for path, other in others.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it unread where its length is declared."""
        path = scope.get("path", "")
        limit = next((own for paths, own in self.others if paths.fullmatch(path)), self.limit)
        declared = Headers(scope=scope).get("content-length", "") if "headers" in scope else ""
        if declared.isdecimal() and int(declared) > limit:
            refusal = answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence(limit))
            await refusal(scope, receive, send)
        else:
            await self.app(scope, counted(receive, limit), send)


def counted(receive: Receive, limit: int) -> Receive:
    """Receive, but not more than the limit: a chunked body declares no length."""
    got = 0

    async def limited() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence(limit))
        return message

    return limited


def sentence(limit: int) -> str:
    """What is wrong with the body, and how to mend it."""
    return f"the body is larger than {limit} bytes: send it in parts"
