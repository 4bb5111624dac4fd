"""Devices that keep at it: as fast as they are acknowledged, or at a rate, through every outage.

Unlike `benchmarks.load`, which times one burst, these go on for hours. Their messages are numbered,
and the numbers are the values, so that a round can be accounted for by what the database holds.
"""

from __future__ import annotations

import multiprocessing
import select
import socket
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import mqtt5

from benchmarks.load import METRICS, PIECE, WINDOW, Acknowledgements

RECONNECT_SECONDS = 0.2
# A broker that says nothing for so long while something is asked of it is tried anew.
SOCKET_SECONDS = 5.0
IDLE_SECONDS = 0.05
# The first message of a paced go is due so long after the order, to have everybody ready.
LEAD_SECONDS = 0.1
# How long the last acknowledgements may take.
PATIENCE_SECONDS = 120.0
# Values are a number and this much for each metric before it: exact in binary.
STEP = 1 / 8
VALUES = ", ".join(f'"{name}": %.3f' for name in METRICS)
PAYLOAD = f'{{"ts": %d, "values": {{{VALUES}}}}}'
OFFSETS = tuple(n * STEP for n in range(len(METRICS)))


@dataclass(frozen=True)
class Sender:
    """One connection, and what it sends.

    Attributes:
        name: of its devices, which are `name-00000`, `name-00001`, …
        port: of the broker, or of what stands in front of it.
        user: that it is connected as.
        password: of that user.
        devices: how many; they send in turns.
        rate: messages a second, evenly spaced; None: as fast as they are acknowledged.
        window: messages in flight.
    """

    name: str
    port: int
    user: str
    password: str
    devices: int
    rate: float | None = None
    window: int = WINDOW

    def packet(self, number: int, ts_us: int) -> bytes:
        """The message of a number, as it goes over the wire."""
        topic = f"devices/{self.name}-{number % self.devices:05}/telemetry"
        body = PAYLOAD % (ts_us, *(number + offset for offset in OFFSETS))
        packet_id = packet_id_of(number)
        return mqtt5.PublishPacket(
            topic, body.encode(), qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id
        ).write()


def packet_id_of(number: int) -> int:
    """The id of a message; ids of messages in flight differ, as the window is smaller."""
    return number % 65_535 + 1


@dataclass(frozen=True)
class Start:
    """When a go began: the message with the number ``first`` is due at this moment.

    Attributes:
        first: number of the first message.
        epoch_us: µs since 1970.
        monotonic_ns: the same moment by the clock that all processes of a machine share.
    """

    first: int
    epoch_us: int
    monotonic_ns: int


@dataclass(frozen=True)
class Progress:
    """How far a sender came.

    Attributes:
        name: of its devices.
        sent: messages, all of which are acknowledged; they have the numbers below this.
        resent: of these, how many were sent again after a connection was lost.
        late_us: how long after it was due each paced message of the last go was handed over.
    """

    name: str
    sent: int
    resent: int
    late_us: array[int]


@dataclass
class Device:
    """A sender at work, in a thread of its own.

    Attributes:
        number: of the next message.
        most: the number below which it may send.
        waiting: packet id to packet, of what is not acknowledged.
        refused: a reason of the broker's, if it refused a message.
    """

    sender: Sender
    number: int = 0
    most: int = 0
    resent: int = 0
    refused: str = ""
    waiting: dict[int, bytes] = field(default_factory=dict)
    late_us: array[int] = field(default_factory=lambda: array("q"))
    ending: threading.Event = field(default_factory=threading.Event)
    _making: threading.Lock = field(default_factory=threading.Lock)
    _start: Start = field(default_factory=lambda: Start(0, 0, 0))
    _last_us: int = 0

    def go(self, count: int) -> Start:
        """Send ``count`` more messages."""
        lead = int(LEAD_SECONDS * 1e9)
        self._start = Start(
            self.number, (time.time_ns() + lead) // 1000, time.monotonic_ns() + lead
        )
        self.late_us = array("q")
        self.most = self.number + count
        return self._start

    def halt(self) -> None:
        """Send nothing new, from the moment of the return."""
        with self._making:
            self.most = 0

    def run(self) -> None:
        """Connect, and again after every loss, until the end."""
        while not self.ending.is_set():
            try:
                with self.connect() as connection:
                    self.work(connection)
            except OSError:
                self.ending.wait(RECONNECT_SECONDS)

    def connect(self) -> socket.socket:
        """A connection that the broker has accepted.

        Raises:
            OSError: it has not.
        """
        sender = self.sender
        connection = socket.create_connection(("127.0.0.1", sender.port), timeout=SOCKET_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection.sendall(
                mqtt5.ConnectPacket(
                    sender.user,
                    username=sender.user,
                    password=sender.password.encode(),
                    clean_start=True,
                ).write()
            )
            answer, _ = mqtt5.read(memoryview(connection.recv(1024)))
            if not isinstance(answer, mqtt5.ConnAckPacket) or answer.reason_code != 0:
                raise ConnectionError("the broker does not let the sender in")
        except (OSError, IndexError) as error:
            connection.close()
            raise ConnectionError(str(error)) from error
        return connection

    def work(self, connection: socket.socket) -> None:
        """Send what was not acknowledged on the connection before, then what is due."""
        acknowledgements = Acknowledgements(connection)
        self.resent += len(self.waiting)
        connection.sendall(b"".join(self.waiting.values()))
        while not self.ending.is_set():
            with self._making:
                room = self.sender.window - len(self.waiting)
                packets = [self.next() for _ in range(min(self.due(), room, PIECE))]
            connection.sendall(b"".join(packets))
            if select.select([connection], [], [], self.pause())[0]:
                self.note(acknowledgements.read())

    def due(self) -> int:
        """How many messages may be sent by now."""
        left = self.most - self.number
        if self.sender.rate is None or left <= 0:
            return left
        since = (time.monotonic_ns() - self._start.monotonic_ns) / 1e9
        return min(left, int(since * self.sender.rate) + 1 - (self.number - self._start.first))

    def pause(self) -> float:
        """Seconds in which nothing but acknowledgements has to be seen to."""
        if self.number >= self.most or len(self.waiting) >= self.sender.window:
            return IDLE_SECONDS
        if self.sender.rate is None:
            return 0
        after = (self.number - self._start.first) / self.sender.rate
        since = (time.monotonic_ns() - self._start.monotonic_ns) / 1e9
        return min(IDLE_SECONDS, max(0, after - since))

    def next(self) -> bytes:
        """The next message. A paced one has the time at which it is due, not that of its sending.

        So a sender that was held up does not make what it measures look quicker.
        """
        now_us = time.time_ns() // 1000
        ts_us = max(now_us, self._last_us + 1)
        if self.sender.rate is not None:
            after = self.number - self._start.first
            ts_us = self._start.epoch_us + int(after * 1e6 / self.sender.rate)
            due_ns = self._start.monotonic_ns + int(after * 1e9 / self.sender.rate)
            self.late_us.append((time.monotonic_ns() - due_ns) // 1000)
        self._last_us = ts_us
        packet = self.sender.packet(self.number, ts_us)
        self.waiting[packet_id_of(self.number)] = packet
        self.number += 1
        return packet

    def note(self, packets: Sequence[mqtt5.PubAckPacket]) -> None:
        """Forget what was acknowledged. A refusal ends everything: none of these is expected."""
        for packet in packets:
            self.waiting.pop(packet.packet_id, None)
            if int(packet.reason_code) >= 0x80:
                self.refused = str(packet.reason_code)

    def settled(self) -> Progress:
        """Wait until everything is acknowledged.

        Raises:
            ConnectionError: it was not, or the broker refused something.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.waiting and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.waiting or self.refused:
            raise ConnectionError(
                f"{self.sender.name}: {len(self.waiting)} messages without acknowledgement; "
                f"refused: {self.refused or 'nothing'}"
            )
        return Progress(self.sender.name, self.number, self.resent, self.late_us)


def serve(senders: list[Sender], orders: Connection) -> None:
    """The process of the senders: it does what it is told until it is told to end."""
    devices = [Device(sender) for sender in senders]
    threads = [threading.Thread(target=device.run, daemon=True) for device in devices]
    for thread in threads:
        thread.start()
    while (order := orders.recv()) != "end":
        if order == "count":
            orders.send(sum(device.number - len(device.waiting) for device in devices))
        elif order == "settle":
            orders.send(settle(devices))
        else:
            orders.send([device.go(order) for device in devices])
    for device in devices:
        device.ending.set()
    for thread in threads:
        thread.join()


def settle(devices: list[Device]) -> list[Progress] | ConnectionError:
    """Let all halt, and wait for what is on its way."""
    for device in devices:
        device.halt()
    try:
        return [device.settled() for device in devices]
    except ConnectionError as error:
        return error


@dataclass(frozen=True)
class Crowd:
    """The senders, seen from outside."""

    orders: Connection

    def go(self, count: int) -> list[Start]:
        """Let each sender send ``count`` more messages."""
        self.orders.send(count)
        starts: list[Start] = self.answer()
        return starts

    def acknowledged(self) -> int:
        """Messages so far, of all senders."""
        self.orders.send("count")
        count: int = self.answer()
        return count

    def settle(self) -> list[Progress]:
        """Let them send nothing new, and wait until all is acknowledged.

        Raises:
            ConnectionError: it never was.
        """
        self.orders.send("settle")
        answer: list[Progress] | ConnectionError = self.answer()
        if isinstance(answer, ConnectionError):
            raise answer
        return answer

    def answer(self) -> Any:
        """What the process says.

        Raises:
            ConnectionError: nothing.
        """
        if not self.orders.poll(2 * PATIENCE_SECONDS):
            raise ConnectionError("the senders do not answer")
        return self.orders.recv()


@contextmanager
def sending(senders: list[Sender]) -> Iterator[Crowd]:
    """Senders in a process of their own; they connect, and wait for their first ``go``."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(senders, theirs), daemon=True
    )
    process.start()
    try:
        yield Crowd(ours)
        ours.send("end")
        process.join(2 * SOCKET_SECONDS)
    finally:
        process.kill()
        process.join()
