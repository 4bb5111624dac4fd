"""Devices of one kind in a fleet: their values, all at once, as the messages of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np

from broker.topics import Channel, Topic
from simulators.chance import IntArray
from simulators.device import Message
from simulators.dialect import PLATFORM, Dialect
from simulators.faults import Fault, Frame, spoil
from simulators.faults.frame import row
from simulators.fleet import Fleet
from simulators.kinds.kind import Refused, Values
from simulators.simulation import Simulation

# A device that is offline at one reading and online at the next comes back in between.
OFFLINE_SHARE = 0.9


@dataclass
class Crew:
    """Devices of a fleet and the simulation that they publish, in the same order.

    Attributes:
        simulation: gives the values.
        device_ids: of its devices.
        faults: what goes wrong, in the order in which it does.
        dialect: how readings are put into messages.
        waveform: seconds of each waveform of the kind that go with a reading; 0: none.
    """

    simulation: Simulation[Any]
    device_ids: Sequence[str]
    faults: Sequence[Fault] = ()
    dialect: Dialect = PLATFORM
    waveform: float = 0.0

    def __post_init__(self) -> None:
        self.dialect.check(self.simulation.kind.metrics)

    def following(self, ts: int) -> int:
        """The first moment after ``ts``, both in ms, at which a device sends a reading."""
        intervals = np.unique(np.rint(self.simulation.interval * 1000).astype(np.int64))
        return int(((ts // intervals + 1) * intervals).min())

    @property
    def shortest(self) -> float:
        """The shortest interval of its devices, in seconds."""
        return float(self.simulation.interval.min())

    def due(self, ts: int) -> IntArray:
        """Which devices send a reading at a moment in milliseconds."""
        return np.flatnonzero(self.simulation.due(ts))

    def warm_up(self, ts: int) -> None:
        """Let the devices live through the day before a moment, unless they have begun already."""
        if self.simulation.time is None:
            self.simulation.at(ts)

    def publish(self, fleet: Fleet, ts: int, speed: float = 1.0) -> None:
        """Have every device whose moment it is publish what it measures.

        Args:
            fleet: has the devices.
            ts: the moment, in milliseconds since 1970.
            speed: simulated seconds in a second, for what is delayed.
        """
        values = self.simulation.at(ts)
        due = self.due(ts)
        if self.faults:
            frame = self._frame(np.array([ts]), values)
            for index in due.tolist():
                self._publish_faulty(fleet, frame, index, ts, speed)
        else:
            rows = self.simulation.kind.rows(values)
            for index in due.tolist():
                self._offer(fleet, index, ts, rows[index])
        if self.waveform:
            self._publish_waveforms(fleet, due)

    def _frame(self, ts: IntArray, values: Values) -> Frame:
        frame = Frame.of(self.simulation, ts, values)
        for fault in self.faults:
            fault(frame)
        return frame

    def _offer(self, fleet: Fleet, index: int, ts: int, values: Mapping[str, float | bool]) -> None:
        message = Message(self.encode(index, ts, values), ts, len(values))
        fleet.offer(self.device_ids[index], message)

    def encode(self, index: int, ts: int, values: Mapping[str, float | bool]) -> bytes:
        """The payload of a device's reading at a time in milliseconds, in the dialect."""
        return self.dialect.encode(self.device_ids[index], self.simulation.kind.id, ts, values)

    def _publish_faulty(
        self, fleet: Fleet, frame: Frame, index: int, ts: int, speed: float
    ) -> None:
        """Publish a device's column of a frame: so often, so late and so broken as it says."""
        device_id = self.device_ids[index]
        if not frame.online[index, 0]:
            away = float(self.simulation.interval[index]) * OFFLINE_SHARE / speed
            fleet.cut(device_id, away)
        message = self._message(frame, index, 0)
        wait = (int(frame.due[index, 0]) - ts) / 1000 / speed
        for _ in range(int(frame.copies[index, 0])):
            copy = Message(message.payload, message.time, message.values)
            if wait > 0:
                fleet.after(wait, partial(fleet.offer, device_id, copy))
            else:
                fleet.offer(device_id, copy)

    def _message(self, frame: Frame, index: int, moment: int) -> Message:
        ts, broken = int(frame.ts[index, moment]), int(frame.broken[index, moment])
        values = row(frame, index, moment)
        payload = spoil(self.encode(index, ts, values), broken)
        return Message(payload, ts, 0 if broken else len(values))

    def _publish_waveforms(self, fleet: Fleet, due: IntArray) -> None:
        for form in self.simulation.kind.waveforms:
            wave = self.simulation.waveform(form.metric, self.waveform)
            for index in due.tolist():
                samples = wave.values[index].tolist()
                body = {"t0": wave.t0, "dt": wave.dt, "values": {form.metric: samples}}
                last = wave.t0 + round((len(samples) - 1) * wave.dt)
                fleet.offer(
                    self.device_ids[index],
                    Message(msgspec.json.encode(body), last, len(samples), first=wave.t0),
                )

    def batches(
        self, first: int, last: int, interval: int, longest: int
    ) -> Iterator[list[tuple[str, Message]]]:
        """The past in few large messages: columns of up to ``longest`` readings of one device.

        Args:
            first: moment in milliseconds.
            last: moment at most.
            interval: between two readings, in milliseconds.
            longest: readings in a message.

        Yields:
            Device and message, of one portion of the time, of all devices.
        """
        for ts, values in self.simulation.blocks(first, last, interval, longest):
            frame = self._frame(ts, values)
            yield [
                (device_id, message)
                for index, device_id in enumerate(self.device_ids)
                for message in self._past(frame, index)
            ]

    def _past(self, frame: Frame, index: int) -> Iterator[Message]:
        """A device's part of a portion: whole readings as columns, broken ones by themselves."""
        copies, broken = frame.copies[index], frame.broken[index] > 0
        for number in range(1, int(copies.max(initial=0)) + 1):
            again = copies >= number
            whole = np.flatnonzero(again & ~broken)
            if whole.size:
                yield self._columns(frame, index, whole)
            for moment in np.flatnonzero(again & broken).tolist():
                yield self._message(frame, index, moment)

    def _columns(self, frame: Frame, index: int, moments: IntArray) -> Message:
        ts = frame.ts[index, moments]
        signals = frame.kind.signals
        values = {s.metric: s.told(frame.values[s.metric][index, moments]) for s in signals}
        payload = msgspec.json.encode({"ts": ts.tolist(), "values": values})
        return Message(payload, int(ts.max()), ts.size * len(values), first=int(ts.min()))

    def hear(self, fleet: Fleet, device_id: str, index: int, topic: Topic, payload: bytes) -> None:
        """Have a device do what the platform asks of it, and answer."""
        if topic.channel is Channel.COMMANDS:
            reply = msgspec.json.encode(self._obey(index, payload))
            message = Message(reply, channel=Channel.REPLY, command_id=topic.command_id)
            fleet.offer(device_id, message)
        elif topic.channel is Channel.DESIRED and payload:
            taken = self._follow(index, payload)
            if taken:
                body = msgspec.json.encode(taken)
                fleet.offer(device_id, Message(body, channel=Channel.ATTRIBUTES))

    def _obey(self, index: int, payload: bytes) -> dict[str, Any]:
        try:
            order = ORDERS.decode(payload)
            answer = self.simulation.command(index, order.name, order.parameters)
        except (msgspec.DecodeError, Refused) as error:
            return {"status": "refused", "reason": str(error)}
        return {"status": "done", **answer}

    def _follow(self, index: int, payload: bytes) -> dict[str, Any]:
        try:
            return self.simulation.desire(index, OBJECTS.decode(payload))
        except msgspec.DecodeError:
            return {}
        except Refused as refused:
            return refused.taken


class Order(msgspec.Struct):
    """A command as the platform sends it: ``{"name": "start_charge", "parameters": {…}}``."""

    name: str
    parameters: dict[str, Any] = {}


ORDERS = msgspec.json.Decoder(Order)
OBJECTS = msgspec.json.Decoder(dict[str, Any])
