"""One simulated device: the messages that it owes, and the connection that delivers them."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from paho.mqtt.reasoncodes import ReasonCode

from broker.topics import Channel, Topic
from simulators.connection import TAKEN_OVER, Address, Connection, LoginRefusedError

# Messages on the way to the broker at a time; paho itself holds back from 20 on.
WINDOW = 20
FIRST_DELAY = 0.25
LONGEST_DELAY = 10.0


@dataclass(slots=True)
class Message:
    """Something to be published until it is acknowledged.

    Attributes:
        payload: as it goes over the wire.
        time: the device's own time stamp in milliseconds; None where it is no reading.
        values: how many values it carries.
        channel: where it is published.
        sent: whether it has been on its way before.
    """

    payload: bytes
    time: int | None = None
    values: int = 0
    channel: Channel = Channel.TELEMETRY
    sent: bool = False

    @classmethod
    def reading(cls, time: int, values: Mapping[str, float]) -> Message:
        """Values at a time in milliseconds, in the contract's timed JSON."""
        return cls(msgspec.json.encode({"ts": time, "values": values}), time, len(values))


@dataclass
class Counts:
    """What became of a device's readings. ``first_ts`` and ``last_ts`` are of acknowledged ones."""

    published: int = 0
    acknowledged: int = 0
    values: int = 0
    first_ts: int | None = None
    last_ts: int | None = None
    # Not produced, because too many were waiting already.
    skipped: int = 0
    # Answered by the broker with a refusal, by its words.
    turned_away: dict[str, int] = field(default_factory=dict)

    def acknowledge(self, message: Message) -> None:
        """Count a message that the broker has safely taken."""
        if message.time is None:
            return
        self.acknowledged += 1
        self.values += message.values
        self.first_ts = min(message.time, self.first_ts or message.time)
        self.last_ts = max(message.time, self.last_ts or message.time)


class Device:
    """A device that stays connected, and keeps every message until it is acknowledged.

    Attributes:
        refused: why the broker does not serve this device; None while it does.
        trouble: why the last connection failed; None while connected.
    """

    def __init__(
        self,
        device_id: str,
        secret: str,
        address: Address,
        *,
        attributes: Mapping[str, Any],
        capacity: int,
        patience: float,
    ) -> None:
        """Prepare, without connecting.

        Args:
            device_id: also user name and client id.
            secret: the password.
            address: of the broker.
            attributes: what the device tells of itself, once.
            capacity: messages kept at most.
            patience: a refused log-in is tried again for so many seconds, because a new secret
                takes a moment to reach the broker.
        """
        self.id = device_id
        self.secret = secret
        self.address = address
        self.capacity = capacity
        self.patience = patience
        self.counts = Counts()
        self.refused: str | None = None
        self.trouble: str | None = "not connected yet"
        self.connection: Connection | None = None
        self.waiting: deque[Message] = deque()
        self.in_flight: dict[int, Message] = {}
        self.changed = asyncio.Event()
        if attributes:
            self.waiting.append(
                Message(msgspec.json.encode(attributes), channel=Channel.ATTRIBUTES)
            )

    @property
    def owed(self) -> int:
        """Readings that are not acknowledged yet."""
        return sum(m.time is not None for m in (*self.waiting, *self.in_flight.values()))

    @property
    def has_room(self) -> bool:
        """Whether another message is taken."""
        return self.refused is None and len(self.waiting) + len(self.in_flight) < self.capacity

    @property
    def settled(self) -> bool:
        """Whether nothing will change by waiting: all is acknowledged, or it was refused."""
        return self.refused is not None or not (self.waiting or self.in_flight)

    def offer(self, message: Message) -> bool:
        """Take a message for delivery; False where there is no room for it."""
        if not self.has_room:
            self.counts.skipped += 1
            return False
        self.waiting.append(message)
        self._send()
        return True

    async def until_room(self) -> None:
        """Wait until another message is taken, or none ever will be."""
        await self._until(lambda: self.has_room or self.refused is not None)

    async def until_settled(self) -> None:
        """Wait until everything is acknowledged, or the device was refused."""
        await self._until(lambda: self.settled)

    async def until_refused(self) -> None:
        """Wait until the broker does not serve this device any more."""
        await self._until(lambda: self.refused is not None)

    async def run(self) -> None:
        """Connect, and connect again whenever the connection is lost, until refused."""
        try:
            await self._keep_connected()
        except LoginRefusedError as error:
            self.refused = str(error)
            self.changed.set()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self.changed.clear()
            await self.changed.wait()

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        pauses, since = delays(), loop.time()
        while True:
            pause = next(pauses)
            try:
                connection = await Connection.open(
                    self.address, self.id, self.secret, self._acknowledged
                )
            except LoginRefusedError as error:
                left = since + self.patience - loop.time()
                if left <= 0:
                    raise
                self.trouble, pause = str(error), min(pause, left)
            except OSError as error:
                words = error.strerror or error
                self.trouble, since = f"no broker at {self.address}: {words}", loop.time()
            else:
                await self._serve(connection)
                pauses, since = delays(), loop.time()
            await asyncio.sleep(pause)

    async def _serve(self, connection: Connection) -> None:
        """Deliver until the connection ends; what is not acknowledged then is kept."""
        self.connection, self.trouble = connection, None
        self.waiting.appendleft(Message(b"online", channel=Channel.STATUS))
        try:
            self._send()
            reason = await connection.ended
        finally:
            self.connection = None
            connection.close()
            kept = (*self.in_flight.values(), *self.waiting)
            self.waiting = deque(m for m in kept if m.channel is not Channel.STATUS)
            self.in_flight.clear()
            self.changed.set()
        self.trouble = str(reason)
        if reason.value == TAKEN_OVER:
            raise LoginRefusedError("another client has connected as this device")

    def _send(self) -> None:
        connection = self.connection
        if connection is None:
            return
        while self.waiting and len(self.in_flight) < WINDOW and not connection.ended.done():
            message = self.waiting.popleft()
            topic, retain = Topic(self.id, message.channel), message.channel is Channel.STATUS
            self.in_flight[connection.publish(topic, message.payload, retain=retain)] = message
            self.counts.published += message.time is not None and not message.sent
            message.sent = True

    def _acknowledged(self, packet_id: int, reason: ReasonCode) -> None:
        message = self.in_flight.pop(packet_id)
        # "No matching subscribers" (16) is no failure to MQTT, but then nobody has the message.
        if reason.value == 0:
            self.counts.acknowledge(message)
        elif message.time is not None:
            words = str(reason)
            self.counts.turned_away[words] = self.counts.turned_away.get(words, 0) + 1
        self._send()
        self.changed.set()


def delays() -> Iterator[float]:
    """Seconds to wait before each further attempt: exponential, with full jitter.

    M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015: a fleet that lost its
    broker must not come back all at once.
    """
    longest = FIRST_DELAY
    while True:
        yield random.uniform(0, longest)
        longest = min(2 * longest, LONGEST_DELAY)
