"""Keeps the broker's password file in step with the devices and secrets of the database.

Every change of a credential sends word through PostgreSQL's LISTEN; the file is rendered anew as
a whole, so that a word that was missed costs nothing once another comes, and a render at the
start mends what happened while nobody kept it. ADR 0004 tells how both secrets of a rotation work.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Coroutine, Mapping
from itertools import takewhile
from pathlib import Path

import psycopg
import structlog

from broker import passwords
from registry.access import Pool
from registry.mosquitto.log import BrokerLog
from registry.mosquitto.room import Room
from storage import credentials

# Every reload makes the broker check all connected clients again, so a burst of changes shares
# one; a single change goes out at once.
PAUSE_SECONDS = 0.3
# Even a word of PostgreSQL's that was lost costs no more than this.
CHECK_SECONDS = 30.0
# Not less between two secrets offered for refused log-ins: anybody can be refused.
OFFER_SECONDS = 0.7
RETRY_SECONDS = 1.0
# How often the room in the broker is looked at; its own counters change once a second.
ROOM_SECONDS = 0.5

log = structlog.get_logger()


class Keeper:
    """Renders, replaces and reloads the password file.

    Args:
        pool: for reading credentials.
        database_url: for a connection of its own that listens.
        folder: the broker's, with ``passwords`` and ``mosquitto.pid``.
        internal: the platform's own users of the broker and their passwords.
        room: while it is full, the file has no devices.

    Attributes:
        reloads: how often the broker was told to read the file.
        checked: when the file was last seen in step, epoch seconds; 0: never yet.
    """

    def __init__(
        self,
        pool: Pool,
        database_url: str,
        folder: Path,
        internal: Mapping[str, str],
        room: Room,
    ) -> None:
        self._pool, self._database_url = pool, database_url
        self._file, self._pid_file = folder / "passwords", folder / "mosquitto.pid"
        self._internal, self._room = internal, room
        self._log = BrokerLog()
        self._changed, self._refusals = asyncio.Event(), asyncio.Event()
        self._reload_anyway = True
        self._writing = asyncio.Lock()
        self.reloads = 0
        self.checked = 0.0

    def heard(self, line: str | None) -> None:
        """Follow the broker's log; None: a connection to the broker has begun."""
        if line is None:
            self._log.forget()
            # It may have read the file just before we replaced it, and had no pid file yet.
            self._reload_anyway = True
            self._changed.set()
        elif self._log.read(line):
            self._refusals.set()

    def work(self) -> tuple[Coroutine[None, None, None], ...]:
        """What keeps the file: each to be run as a task of its own, until it is cancelled."""
        return self._listen(), self._render_changes(), self._offer_others(), self._watch_room()

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                async with await psycopg.AsyncConnection.connect(
                    self._database_url, autocommit=True
                ) as connection:
                    await connection.execute("SELECT listen_to('credentials')")
                    # What happened until now nobody told us.
                    self._changed.set()
                    async for _ in connection.notifies():
                        self._changed.set()
            await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1))

    async def _render_changes(self) -> None:
        due = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(due):
                    await self._changed.wait()
            self._changed.clear()
            try:
                due = await self._render()
            except (psycopg.Error, OSError) as error:
                log.warning("the password file waits", error=type(error).__name__)
                due = RETRY_SECONDS
            await asyncio.sleep(PAUSE_SECONDS)

    async def _render(self) -> float:
        """Bring the file up to date, and the broker.

        Returns:
            Seconds until it has to be looked at again.
        """
        lines, expiry = await self._let_in()
        await self._write(lines)
        return CHECK_SECONDS if expiry is None else min(max(expiry, 0.0), CHECK_SECONDS)

    async def _let_in(self) -> tuple[str, float | None]:
        """Whom the broker has to know, and in how many seconds that changes by itself."""
        if self._room.is_full:
            return "", None
        async with self._pool.connection() as connection:
            lines, malformed = await credentials.broker_entries(connection)
            expiry = await credentials.seconds_to_next_expiry(connection)
        if malformed:
            # One would make the broker refuse the whole file, and all devices with it.
            log.error("malformed hashes are left out", count=malformed)
        return lines, expiry

    async def _write(self, lines: str) -> None:
        async with self._writing:
            # Room may have ended while the database was asked.
            let_in = "" if self._room.is_full else lines
            changed = await asyncio.to_thread(self._replace, let_in)
            if changed or self._reload_anyway:
                self._reload_anyway = False
                self.reloads += passwords.reload(self._pid_file)
            self.checked = time.time()

    async def _watch_room(self) -> None:
        while True:
            try:
                if self._room.look():
                    await self._open_or_shut()
            except OSError as error:
                log.warning("the broker's folder is of no use", error=str(error))
                self._changed.set()
            await asyncio.sleep(ROOM_SECONDS)

    async def _open_or_shut(self) -> None:
        if self._room.is_full:
            log.error("no room in the broker: devices have to wait", used=self._room.used)
            # Not by way of the database: that it hangs may be why the broker runs full.
            await self._write("")
        else:
            log.warning("room in the broker again: devices may come", used=self._room.used)
            self._changed.set()

    def _replace(self, lines: str) -> bool:
        internal = passwords.render(internal_entries(self._file, self._internal))
        return passwords.replace(self._file, internal + lines)

    async def _offer_others(self) -> None:
        while True:
            await self._refusals.wait()
            self._refusals.clear()
            refused = self._log.take_refused()
            # Without room nobody is let in: that says nothing about secrets.
            if self._room.is_full:
                continue
            try:
                async with self._pool.connection() as connection:
                    await credentials.offer_next_secret(connection, refused)
            except psycopg.Error as error:
                log.warning("a refused device waits", error=type(error).__name__)
            await asyncio.sleep(OFFER_SECONDS)


def internal_entries(file: Path, internal: Mapping[str, str]) -> list[tuple[str, str]]:
    """The entries of the platform's own users: the file's where they hold, else new ones.

    A new hash has another salt, so that new ones alone would make every file another.
    """
    lines: dict[str, str] = {}
    with contextlib.suppress(FileNotFoundError), file.open() as opened:
        # Theirs come first and begin with "_"; no device's does.
        for line in takewhile(lambda line: line.startswith("_"), opened):
            user, _, hashed = line.rstrip().partition(":")
            lines[user] = hashed
    return [
        (user, lines[user])
        if passwords.verify_secret(password, lines.get(user, ""))
        else (user, passwords.hash_secret(password))
        for user, password in internal.items()
    ]
