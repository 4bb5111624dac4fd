"""One simulated device: the messages that it owes, and the connection that delivers them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

import mqtt5
import msgspec

from broker.topics import Channel, InvalidTopicError, Topic
from simulators.connection import FINAL_REFUSALS, TAKEN_OVER, Connection, Login

# Messages on the way to the broker at a time, where the broker does not ask for fewer.
WINDOW = 100
LAST_PACKET_ID = 65_535
FIRST_DELAY = 0.25
LONGEST_DELAY = 10.0
QOS_1 = mqtt5.QoS.AT_LEAST_ONCE
# What a device of the platform listens to.
HEARS = ("commands/+", "desired", "rejections")


@dataclass(slots=True)
class Message:
    """Something to be published until it is acknowledged.

    Attributes:
        payload: as it goes over the wire.
        time: the device's own time stamp in milliseconds, of several the last; None where it is
            no reading.
        values: how many values it carries.
        channel: where it is published.
        command_id: of the command that it answers.
        first: of several time stamps the first; None: ``time``.
        number: the ledger's, once it has been on its way.
        sent: whether it has been on its way before.
    """

    payload: bytes
    time: int | None = None
    values: int = 0
    channel: Channel = Channel.TELEMETRY
    command_id: str | None = None
    first: int | None = None
    number: int = 0
    sent: bool = False

    @classmethod
    def reading(cls, time: int, values: Mapping[str, float]) -> Message:
        """Values at a time in milliseconds, in the contract's timed JSON."""
        return cls(msgspec.json.encode({"ts": time, "values": values}), time, len(values))


@dataclass(slots=True)
class Counts:
    """What became of a device's readings. ``first_ts`` and ``last_ts`` are of acknowledged ones."""

    published: int = 0
    acknowledged: int = 0
    values: int = 0
    first_ts: int | None = None
    last_ts: int | None = None
    # Not produced, because too many were waiting already.
    skipped: int = 0
    # Said by the platform on the device's topic.
    rejections: int = 0
    # Answered by the broker with a refusal, by its words.
    turned_away: dict[str, int] = field(default_factory=dict)

    def acknowledge(self, message: Message) -> None:
        """Count a message that the broker has safely taken."""
        if message.time is None:
            return
        self.acknowledged += 1
        self.values += message.values
        first = message.time if message.first is None else message.first
        if self.first_ts is None or first < self.first_ts:
            self.first_ts = first
        if self.last_ts is None or message.time > self.last_ts:
            self.last_ts = message.time


class Book(Protocol):
    """Who writes down what is sent and acknowledged."""

    def sent(self, device_id: str, message: Message) -> int:
        """Note a message that is on its way for the first time; its number."""

    def answered(self, number: int, code: int) -> None:
        """Note what the broker answered: MQTT 5's reason code, 0 where it has taken it."""

    def flush(self) -> None:
        """Make safe what was noted."""


@dataclass(frozen=True)
class Habits:
    """What all devices of a fleet have in common.

    Attributes:
        capacity: unacknowledged messages that a device keeps; beyond it takes no more.
        patience: seconds for which a refused log-in is tried again, because a new secret takes a
            moment to reach the broker.
        keep_alive: seconds after which broker and device miss a sign of life from each other.
        foreign: whether it is another platform: there, devices have topics of their own for
            telemetry, no status, no attributes, and they hear nothing.
        book: writes down every message; None: nobody does.
        hear: told of what the platform sends: device, channel, command id and payload.
    """

    capacity: int = 1000
    patience: float = 5.0
    keep_alive: int = 60
    foreign: bool = False
    book: Book | None = None
    hear: Callable[[Device, Topic, bytes], None] | None = None


class Device:
    """A device that keeps every message until it is acknowledged.

    It does nothing by itself: its fleet opens its connections and tells when one can be used.

    Attributes:
        refused: why the broker does not serve this device; None while it does.
        trouble: why the last connection failed; None while connected.
        away_until: it stays without connection until then, in monotonic seconds.
    """

    __slots__ = (
        "_id", "_telemetry", "_window", "attributes", "away_until", "connection", "counts",
        "delays", "habits", "in_flight", "login", "refused", "since", "trouble", "waiting",
    )  # fmt: skip

    def __init__(self, login: Login, habits: Habits, attributes: Mapping[str, Any]) -> None:
        """Prepare, without connecting.

        Args:
            login: as whom it connects.
            habits: of its fleet.
            attributes: what the device tells of itself, once.
        """
        self.login = login
        self.habits = habits
        self.counts = Counts()
        self.refused: str | None = None
        self.trouble: str | None = "not connected yet"
        self.away_until = 0.0
        self.since: float | None = None
        self.delays = delays()
        self.connection: Connection | None = None
        self.waiting: deque[Message] = deque()
        self.in_flight: dict[int, Message] = {}
        self.attributes = attributes
        self._id = 0
        self._window = WINDOW
        self._telemetry = login.topic or f"devices/{self.id}/telemetry"
        if attributes and not habits.foreign:
            self.tell(attributes)

    @property
    def id(self) -> str:
        """What the device is called."""
        return self.login.device_id

    @property
    def online(self) -> bool:
        """Whether the broker has let it in."""
        return self.connection is not None and self.connection.welcome

    @property
    def owed(self) -> int:
        """Readings that are not acknowledged yet."""
        if not self.outstanding:
            return 0
        return sum(m.time is not None for m in (*self.waiting, *self.in_flight.values()))

    @property
    def outstanding(self) -> int:
        """Messages that are not acknowledged yet."""
        return len(self.waiting) + len(self.in_flight)

    @property
    def has_room(self) -> bool:
        """Whether another message is taken."""
        return self.refused is None and self.outstanding < self.habits.capacity

    @property
    def settled(self) -> bool:
        """Whether nothing will change by waiting: all is acknowledged, or it was refused."""
        return self.refused is not None or not self.outstanding

    def hello(self) -> bytes:
        """What begins each of its connections."""
        return self.login.packet(self.habits.keep_alive, will=not self.habits.foreign)

    def tell(self, attributes: Mapping[str, Any]) -> None:
        """Publish facts of the device."""
        self.offer(Message(msgspec.json.encode(attributes), channel=Channel.ATTRIBUTES))

    def offer(self, message: Message) -> bool:
        """Take a message for delivery; False where there is no room for it."""
        if not self.has_room:
            self.counts.skipped += message.time is not None
            return False
        self.waiting.append(message)
        return True

    def flush(self) -> None:
        """Send what waits, as much as may be on its way.

        Raises:
            OSError: the connection is gone.
        """
        connection = self.connection
        if connection is None or not connection.welcome:
            return
        packets = []
        while self.waiting and len(self.in_flight) < self._window:
            packets.append(self._packet(self.waiting.popleft()))
        if packets:
            connection.send(packets[0] if len(packets) == 1 else b"".join(packets))

    def _packet(self, message: Message) -> bytes:
        self._id = self._id % LAST_PACKET_ID + 1
        self.in_flight[self._id] = message
        if not message.sent:
            message.sent = True
            self.counts.published += message.time is not None
            if self.habits.book is not None:
                message.number = self.habits.book.sent(self.id, message)
        if message.channel is Channel.TELEMETRY:
            topic = self._telemetry
        else:
            topic = str(Topic(self.id, message.channel, message.command_id))
        retain = message.channel is Channel.STATUS
        return mqtt5.PublishPacket(
            topic, message.payload, qos=QOS_1, retain=retain, packet_id=self._id
        ).write()

    def take(self, connection: Connection, packets: list[mqtt5.Packet]) -> None:
        """Act on what the broker has sent.

        Raises:
            OSError: it has ended the connection, or does not let the device in yet.
            LoginRefusedError: another attempt will not help.
        """
        for packet in packets:
            match packet:
                case mqtt5.PubAckPacket():
                    self._answered(packet.packet_id, packet.reason_code)
                case mqtt5.PublishPacket():
                    self._hear(connection, packet)
                case mqtt5.ConnAckPacket():
                    self._enter(connection, packet)
                case mqtt5.DisconnectPacket():
                    if packet.reason_code == TAKEN_OVER:
                        raise LoginRefusedError("another client has connected as this device")
                    raise OSError(f"the broker says {words(packet.reason_code)}")
        self.flush()

    def _enter(self, connection: Connection, answer: mqtt5.ConnAckPacket) -> None:
        code = answer.reason_code
        if code.value in FINAL_REFUSALS:
            raise LoginRefusedError(
                f"the broker refused its secret ({words(code)}): it is wrong, or was rotated or "
                "revoked"
            )
        if code.value >= 0x80:
            raise OSError(f"the broker says {words(code)}")
        connection.welcome = True
        self.trouble = self.since = None
        self.delays = delays()
        self._id, self._window = 0, min(WINDOW, answer.receive_max)
        if not self.habits.foreign:
            filters = [
                mqtt5.TopicFilter(f"devices/{self.id}/{end}", max_qos=QOS_1) for end in HEARS
            ]
            connection.send(mqtt5.SubscribePacket(1, filters).write())
            self.waiting.appendleft(Message(b"online", channel=Channel.STATUS))

    def _hear(self, connection: Connection, packet: mqtt5.PublishPacket) -> None:
        if packet.packet_id is not None:
            connection.send(mqtt5.PubAckPacket(packet.packet_id).write())
        try:
            topic = Topic.parse(packet.topic)
        except InvalidTopicError:
            return  # nobody is meant
        self.counts.rejections += topic.channel is Channel.REJECTIONS
        if self.habits.hear is not None:
            self.habits.hear(self, topic, packet.payload)

    def _answered(self, packet_id: int, code: IntEnum) -> None:
        message = self.in_flight.pop(packet_id, None)
        if message is None:
            return  # answered twice
        if self.habits.book is not None:
            self.habits.book.answered(message.number, code.value)
        # "No matching subscribers" (16) is no failure to MQTT, but then nobody has the message.
        if code.value == 0 or (self.habits.foreign and code.value < 0x80):
            self.counts.acknowledge(message)
        elif message.time is not None:
            said = words(code)
            self.counts.turned_away[said] = self.counts.turned_away.get(said, 0) + 1

    def lose(self, reason: str | None) -> None:
        """Note that the connection is gone; what was not acknowledged is kept, and sent again."""
        self.connection, self.trouble = None, reason
        kept = (*self.in_flight.values(), *self.waiting)
        self.waiting = deque(m for m in kept if m.channel is not Channel.STATUS)
        self.in_flight.clear()

    def patience_left(self, now: float) -> float:
        """Seconds for which a refused log-in is still tried again."""
        self.since = now if self.since is None else self.since
        return self.since + self.habits.patience - now


class LoginRefusedError(Exception):
    """The broker does not serve this device; its words are the message."""


def words(code: IntEnum) -> str:
    """A reason code as people say it: NOT_AUTHORIZED is "not authorized"."""
    return code.name.replace("_", " ").lower()


def delays() -> Iterator[float]:
    """Seconds to wait before each further attempt: exponential, with full jitter.

    M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015: a fleet that lost its
    broker must not come back all at once.
    """
    longest = FIRST_DELAY
    while True:
        yield random.uniform(0, longest)
        longest = min(2 * longest, LONGEST_DELAY)
