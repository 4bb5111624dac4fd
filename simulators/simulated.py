"""One simulated device for a test: connected, beside the test; or without a broker, by itself."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np

from broker.topics import Channel, Topic
from simulators.connection import Address, Login
from simulators.crew import Crew
from simulators.device import Device, Habits, Message
from simulators.dialect import PLATFORM, Dialect
from simulators.faults import Fault, Frame, deliveries
from simulators.fleet import Fleet
from simulators.kinds import KINDS
from simulators.simulation import Simulation
from simulators.site import Site

TURN_SECONDS = 0.01
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Published:
    """A message that a device would publish.

    Attributes:
        topic: where.
        payload: as it goes over the wire.
        due: when it goes out, in milliseconds since 1970.
    """

    topic: str
    payload: bytes
    due: int


class SimulatedDevice:
    """A device of a kind; a context manager, which connects it where there is a broker.

    Args:
        kind: id of its kind, as in ``KINDS``.
        device_id: what it is called.
        secret: its password.
        broker: where it connects to; None: nowhere, and ``messages`` tells what it would publish.
        seed: the same seed and times give the same values.
        site: where it stands.
        faults: that strike what ``messages`` gives.
        username: None: the device's id.
        client_id: None: the device's id.
        dialect: how another platform wants to be spoken to.

    Attributes:
        commands: what the platform has commanded, as JSON, in order; they are answered at once.
        desired: the desired attributes that came last.
        rejections: what the platform said of messages that it did not store.

    Raises:
        ValueError: there is no such kind.
    """

    def __init__(
        self,
        kind: str,
        device_id: str = "simulated-1",
        secret: str = "",
        *,
        broker: Address | None = None,
        seed: int = 1,
        site: Site | None = None,
        faults: Sequence[Fault] = (),
        username: str | None = None,
        client_id: str | None = None,
        dialect: Dialect = PLATFORM,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}: there are {', '.join(KINDS)}")
        self.broker, self.faults = broker, faults
        self.simulation: Simulation[Any] = Simulation(KINDS[kind], 1, seed, site)
        self.commands: list[Any] = []
        self.desired: dict[str, Any] = {}
        self.rejections: list[Any] = []
        self._crew = Crew(self.simulation, [device_id], dialect=dialect)
        topic = dialect.topic_of(device_id, kind)
        habits = Habits(foreign=topic is not None, hear=self._hear)
        login = Login(device_id, secret, username, client_id, topic)
        told = {device_id: self.simulation.attributes(0)}
        self._fleet = Fleet(broker or Address(), [login], attributes=told, habits=habits)
        self._device = self._fleet.devices[device_id]
        self._calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=device_id, daemon=True)

    @property
    def id(self) -> str:
        """What it is called."""
        return self._device.id

    @property
    def online(self) -> bool:
        """Whether the broker has let it in."""
        return self._device.online

    def __enter__(self) -> Self:
        """Connect, where there is a broker.

        Raises:
            TimeoutError: the broker did not let the device in; it says why.
        """
        if self.broker is None:
            return self
        self._thread.start()
        try:
            self.wait_until(lambda: self.online)
        except TimeoutError:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the broker, which publishes the last will."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_SECONDS)

    def messages(
        self, start: int, seconds: float, interval: float | None = None
    ) -> Iterator[Published]:
        """Its telemetry from a time on, faults included, in the order in which it goes out.

        Args:
            start: milliseconds since 1970.
            seconds: for which it measures.
            interval: seconds between two readings; None: the device's own.
        """
        step = round((interval or float(self.simulation.interval[0])) * 1000)
        ts = np.arange(start, start + round(seconds * 1000), step)
        frame = Frame.of(self.simulation, ts, self.simulation.over(ts))
        for fault in self.faults:
            fault(frame)
        topic = self._device.login.topic or str(Topic(self.id, Channel.TELEMETRY))
        for delivery in deliveries(frame, self._crew.encode):
            yield Published(topic, delivery.payload, delivery.due)

    def attributes(self) -> dict[str, Any]:
        """What it tells of itself."""
        return self.simulation.attributes(0)

    def command(self, name: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Have it do something, as by a command of the platform; what it answers.

        Raises:
            Refused: it does not.
        """
        return self.simulation.command(0, name, parameters or {})

    def desire(self, desired: Mapping[str, Any]) -> dict[str, Any]:
        """Have it follow desired attributes; those that it follows.

        Raises:
            Refused: it does not follow some of them.
        """
        return self.simulation.desire(0, desired)

    def publish(self, at: float | None = None) -> Mapping[str, float | bool]:
        """Measure once and publish it; the values, once the broker has them.

        Args:
            at: seconds since 1970, not before the last time; None: now.

        Raises:
            TimeoutError: the broker did not acknowledge.
        """
        self._require_connection()
        ts = round((time.time() if at is None else at) * 1000)
        [values] = self.simulation.messages(ts)
        self._send(Message(self._crew.encode(0, ts, values), ts, len(values)))
        return values

    def send(self, payload: bytes) -> None:
        """Publish telemetry that is whatever the test wants, and wait until the broker has it.

        Raises:
            TimeoutError: the broker did not acknowledge.
        """
        self._send(Message(payload, round(time.time() * 1000)))

    def cut(self, seconds: float = 0.0) -> None:
        """Lose the connection as by a loss of power, and stay away so long."""
        came = self._fleet.came
        self._calls.put(lambda: self._fleet.cut(self.id, seconds))
        self.wait_until(lambda: not self.online or self._fleet.came > came)

    def wait_until(self, holds: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
        """Return as soon as ``holds()`` is true.

        Raises:
            TimeoutError: it never was; the device's own trouble is named.
        """
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline or self._device.refused:
                trouble = self._device.refused or self._device.trouble or "waited in vain"
                raise TimeoutError(f"{self.id}: {trouble}")
            time.sleep(TURN_SECONDS)

    def _require_connection(self) -> None:
        if not self._thread.is_alive():
            raise TimeoutError(f"{self.id} is not connected: give a broker, and enter the device")

    def _send(self, message: Message) -> None:
        self._require_connection()
        before = self._device.counts.acknowledged
        self._calls.put(lambda: self._fleet.offer(self.id, message))
        self.wait_until(lambda: self._device.counts.acknowledged > before)

    def _hear(self, _device: Device, topic: Topic, payload: bytes) -> None:
        if topic.channel is Channel.REJECTIONS:
            self.rejections.append(msgspec.json.decode(payload))
            return
        if topic.channel is Channel.COMMANDS:
            self.commands.append(msgspec.json.decode(payload))
        elif topic.channel is Channel.DESIRED and payload:
            self.desired = msgspec.json.decode(payload)
        self._crew.hear(self._fleet, self.id, 0, topic, payload)

    def _run(self) -> None:
        with self._fleet:
            while not self._ending.is_set():
                while not self._calls.empty():
                    self._calls.get()()
                self._fleet.turn(TURN_SECONDS)
