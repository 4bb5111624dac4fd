"""A door to the broker, in front of its own, that can be slow and that can be cut off."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PIECE_BYTES = 65_536


@dataclass
class Proxy:
    """Forwards connections of loopback to another port of loopback.

    Attributes:
        target: the port behind it.
        port: its own, once it runs.
        delay: seconds that every piece is held back, both ways.
        loses_messages: whether pieces to the target vanish while connections seem to stand.
    loses_answers: the same of pieces from it.
    """

    target: int
    port: int = 0
    delay: float = 0.0
    loses_messages: bool = False
    loses_answers: bool = False
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Serve in a thread of its own."""
        ready = threading.Event()
        thread = threading.Thread(target=self._run, args=[ready])
        thread.start()
        try:
            ready.wait()
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._ending.set)
            thread.join()

    @contextmanager
    def cut(self, *, only_answers: bool = False) -> Iterator[None]:
        """Swallow what comes, then break every connection.

        Args:
            only_answers: messages arrive, but nobody hears of it.
        """
        self.loses_messages, self.loses_answers = not only_answers, True
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._mend)

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Hold every piece back."""
        self.delay = seconds
        try:
            yield
        finally:
            self.delay = 0.0

    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await self._ending.wait()
            self._break()

    def _break(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    def _mend(self) -> None:
        """Not before all connections are broken: none may go on with a gap in it."""
        self._break()
        self.loses_messages = self.loses_answers = False

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, behind[1]}
        ways = [
            asyncio.create_task(self._forward(reader, behind[1], lambda: self.loses_messages)),
            asyncio.create_task(self._forward(behind[0], writer, lambda: self.loses_answers)),
        ]
        try:
            # A connection that ends on one side ends on both.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, behind[1]):
                end.transport.abort()
                self._open.discard(end)

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, loses: Callable[[], bool]
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await source.read(PIECE_BYTES):
                await asyncio.sleep(self.delay)
                if not loses():
                    sink.write(piece)
                    await sink.drain()
