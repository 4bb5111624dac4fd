"""Long answers that are made in a thread, piece by piece, as fast as the client takes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from registry.http.problems import UnavailableError

# So many exports and imports run at once: each has a connection to the database and a thread.
PLACES = 4


class Places:
    """The places for long work; there is one of them for the app.

    Attributes:
        url: of the database: the pool's connections are for short questions.
    """

    def __init__(self, url: str, number: int = PLACES) -> None:
        self.url = url
        self._free = threading.Semaphore(number)

    def take(self) -> None:
        """Take a place.

        Raises:
            UnavailableError: all are taken.
        """
        if not self._free.acquire(blocking=False):
            raise UnavailableError("too many exports and imports run now: try again in a while")

    def give_back(self) -> None:
        """Give the place back."""
        self._free.release()


async def places(request: Request) -> Places:
    """The places of the app."""
    found: Places = request.app.state.places
    return found


LongWork = Annotated[Places, Depends(places)]


class Streamed(StreamingResponse):
    """An answer whose pieces a generator makes; when the client goes, the generator is closed.

    Args:
        pieces: makes the generator once there is a place for it.
        free: where the place is; it is given back at the end.
        media_type: of the answer.
        file: the name by which a browser saves it; None: none.
        after: is called at the end, whatever happened; a generator that was never asked for a piece
            would not tidy up itself.
    """

    def __init__(
        self,
        pieces: Callable[[], Iterator[bytes]],
        free: Places,
        media_type: str,
        file: str | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        headers = {"Content-Disposition": f'attachment; filename="{file}"'} if file else None
        free.take()
        self._free, self._pieces, self._after = free, pieces(), after
        super().__init__(self._pieces, media_type=media_type, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Starlette waits for the thread that makes a piece, so it can be closed then."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pieces.close()  # type: ignore[attr-defined]  # it is a generator
            self._free.give_back()
            self._after()
