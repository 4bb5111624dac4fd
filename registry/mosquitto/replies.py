"""What devices answer to commands: from a session that the broker keeps, into the database.

The session is a user's of its own, because the registry's other one must forget: what the broker's
log said while nobody listened is of no use any more. An answer is acknowledged to the broker after
the commit, so it survives a restart of the registry or of the database.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Sequence

import msgspec
import psycopg
import structlog

from broker.config import REPLIES, REPLIES_USER
from broker.session import Session, SessionLostError, SessionRefusedError
from broker.topics import InvalidTopicError, Topic
from registry.access import Pool
from storage import commands
from storage.commands import Outcome, Reply

# Of a longer answer only the beginning is kept, as text.
MAX_REPLY = 4096
MAX_REASON = 500
# So many answers may be on their way into the database; the broker keeps the others.
RECEIVE_MAXIMUM = 100
# How soon a stop is noticed.
TURN_SECONDS = 0.2
RETRY_SECONDS = 1.0

log = structlog.get_logger()


class Replies:
    """Notes the answers of devices.

    Args:
        host: of the broker.
        port: of its plain MQTT listener.
        password: of the broker's user ``_replies``.
        pool: where they are noted.
    """

    def __init__(self, host: str, port: int, password: str, pool: Pool) -> None:
        self._host, self._port, self._password, self._pool = host, port, password, pool

    async def run(self) -> None:
        """Note what comes until cancelled. It is read in a thread, and waits in the broker."""
        loop, stopping = asyncio.get_running_loop(), threading.Event()
        try:
            while True:
                try:
                    await asyncio.to_thread(self._follow, loop, stopping)
                except SessionRefusedError as error:
                    # Where the platform was just upgraded the broker has to learn of the user.
                    log.warning("answers to commands have to wait", error=str(error))
                except psycopg.Error as error:
                    log.warning("answers to commands have to wait", error=type(error).__name__)
                except SessionLostError:
                    pass  # the registry's other connection tells of it
                await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1))
        finally:
            stopping.set()

    def _follow(self, loop: asyncio.AbstractEventLoop, stopping: threading.Event) -> None:
        """One connection from its beginning to its end, in a thread."""
        with Session(
            self._host,
            self._port,
            REPLIES_USER,
            self._password,
            [REPLIES],
            receive_maximum=RECEIVE_MAXIMUM,
        ) as session:
            while not stopping.is_set():
                messages = session.receive(TURN_SECONDS)
                replies = [read(message.topic, message.payload) for message in messages]
                if known := [reply for reply in replies if reply is not None]:
                    asyncio.run_coroutine_threadsafe(self._note(known), loop).result()
                session.acknowledge([m.packet_id for m in messages if m.packet_id is not None])

    async def _note(self, replies: Sequence[Reply]) -> None:
        async with self._pool.connection() as connection:
            noted = await commands.note_replies(connection, replies)
        if noted < len(replies):
            # One line, however many there are: a device may answer what nobody asked.
            devices = sorted({reply.device_id for reply in replies})
            log.info(
                "answers without an open command", count=len(replies) - noted, among=devices[:5]
            )


def read(topic: str, payload: bytes) -> Reply | None:
    """The answer in a message; None where the topic names no command of the contract.

    A JSON object that says ``"status": "refused"`` is a refusal, and ``reason`` tells why; every
    other answer means that it is done. What is no JSON is kept as text.
    """
    try:
        place = Topic.parse(topic)
    except InvalidTopicError:
        return None
    text = payload.decode(errors="replace").replace("\0", "\ufffd")
    try:
        # PostgreSQL cannot store NUL.
        said = msgspec.json.decode(text.replace("\\u0000", "\\ufffd"))
        body = json.dumps(said if len(payload) <= MAX_REPLY else text[:MAX_REPLY], allow_nan=False)
    except (ValueError, RecursionError):
        said, body = None, json.dumps(text[:MAX_REPLY])
    refused = isinstance(said, dict) and said.get("status") == "refused"
    outcome: Outcome = "refused" if refused else "done"
    reason = said.get("reason") if refused else None
    words = reason[:MAX_REASON] if isinstance(reason, str) else None
    return Reply(str(place.command_id), place.device_id, outcome, words, body)
