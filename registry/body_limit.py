"""No request body is read beyond a limit, whatever its sender declared."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.problems import answer


class BodyLimit:
    """ASGI middleware. FastAPI's own limit would answer in plain text.

    Args:
        app: what is protected.
        limit: bytes.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app, self.limit = app, limit
        self.sentence = f"the body is larger than {limit} bytes: send it in parts"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it unread where its length is declared."""
        declared = Headers(scope=scope).get("content-length", "") if "headers" in scope else ""
        if declared.isdecimal() and int(declared) > self.limit:
            refusal = answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.sentence)
            await refusal(scope, receive, send)
        else:
            await self.app(scope, self.counted(receive), send)

    def counted(self, receive: Receive) -> Receive:
        """Receive, but not more than the limit: a chunked body declares no length."""
        got = 0

        async def limited() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > self.limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.sentence)
            return message

        return limited
