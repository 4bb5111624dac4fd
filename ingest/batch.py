"""Messages of the broker, decoded into the columns that are written together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from broker.payloads import (
    Column,
    Decoded,
    Reason,
    Rejection,
    decode,
    decode_attributes,
    decode_status,
)
from broker.topics import Channel, InvalidTopicError, Topic
from storage.ingest import RejectedMessage
from storage.writer import Readings

# device id → metric → series id: what ingest has learned of the table `series`.
SeriesIds = dict[str, dict[str, int]]
# A value as it was decoded: a number or a boolean, the JSON text of a state, or a whole column.
Value = float | str | Column

parse_topic = lru_cache(maxsize=100_000)(Topic.parse)


class Message(NamedTuple):
    """A message as it came.

    Attributes:
        arrival: µs since 1970, different for every message.
    """

    topic: str
    payload: bytes
    content_type: str | None
    arrival: int


@dataclass(slots=True)
class Batch:
    """What is written in one transaction.

    Attributes:
        known: ids of series; a batch only reads it.
        messages: in the order in which they came.
        series: ids, one for each single reading, with ``ts`` and ``value`` beside it.
        columns: series id and the readings of a testbed, which stay arrays.
        samples: how many readings came in columns.
        unresolved: what belongs to series that are not known yet.
        units: (device id, metric) to the unit that the message itself gave.
        heard: device id to the arrival of its newest message.
    """

    known: SeriesIds
    messages: list[Message] = field(default_factory=list)
    series: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    columns: list[tuple[int, Column]] = field(default_factory=list)
    samples: int = 0
    states: list[tuple[int, int, str]] = field(default_factory=list)
    unresolved: list[tuple[Message, str, str, int, Value]] = field(default_factory=list)
    units: dict[tuple[str, str], str] = field(default_factory=dict)
    rejections: list[RejectedMessage] = field(default_factory=list)
    attributes: list[tuple[Message, str, dict[str, Any]]] = field(default_factory=list)
    statuses: list[tuple[Message, str, bool]] = field(default_factory=list)
    heard: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.messages)

    @classmethod
    def of(cls, known: SeriesIds, messages: Iterable[Message]) -> Batch:
        """A batch of messages that were decoded before, decoded again."""
        batch = cls(known)
        for message in messages:
            batch.add(message)
        return batch

    def add(self, message: Message) -> None:
        """Decode a message into its columns."""
        self.messages.append(message)
        try:
            topic = parse_topic(message.topic)
        except InvalidTopicError as error:
            self.reject(message, "", Rejection(Reason.BAD_TOPIC, str(error)))
            return
        device = topic.device_id
        self.heard[device] = message.arrival
        if topic.channel is Channel.TELEMETRY:
            self.add_telemetry(message, device)
        elif topic.channel is Channel.ATTRIBUTES:
            self.add_attributes(message, device)
        elif topic.channel is Channel.STATUS:
            self.add_status(message, device)
        else:
            self.reject(
                message, device, Rejection(Reason.BAD_TOPIC, f"{topic.channel} is not stored")
            )

    def add_telemetry(self, message: Message, device: str) -> None:
        """Append the readings and states of a message to the columns."""
        decoded = decode(message.content_type, message.payload, message.arrival)
        ids = self.known.get(device, {})
        for metric, ts, value in decoded.readings:
            number = ids.get(metric)
            if number is None:
                self.unresolved.append((message, device, metric, ts, value))
            else:
                self.series.append(number)
                self.ts.append(ts)
                self.value.append(value)
        self.add_rarer(message, device, decoded)
        for rejection in decoded.rejections:
            self.reject(message, device, rejection)

    def add_rarer(self, message: Message, device: str, decoded: Decoded) -> None:
        """Append what most messages do not have; its series are looked up with the unknown ones."""
        for metric, ts, text in decoded.states:
            self.unresolved.append((message, device, metric, ts, text))
        for column in decoded.columns:
            self.unresolved.append((message, device, column.metric, 0, column))
            self.samples += len(column.ts)
        for metric, unit in decoded.units.items():
            self.units[device, metric] = unit
        if decoded.attributes:
            self.attributes.append((message, device, decoded.attributes))

    def add_attributes(self, message: Message, device: str) -> None:
        """Note what the device says of itself."""
        attributes = decode_attributes(message.payload)
        if isinstance(attributes, Rejection):
            self.reject(message, device, attributes)
        else:
            self.attributes.append((message, device, attributes))

    def add_status(self, message: Message, device: str) -> None:
        """Note that the device came or went."""
        online = decode_status(message.payload)
        if isinstance(online, Rejection):
            self.reject(message, device, online)
        else:
            self.statuses.append((message, device, online))

    def reject(self, message: Message, device: str, rejection: Rejection) -> None:
        """Note that a part of a message is not stored, and why."""
        self.rejections.append(
            RejectedMessage(
                message.arrival,
                device,
                message.topic,
                rejection.reason,
                rejection.detail,
                message.payload,
            )
        )

    def unknown_series(self) -> dict[tuple[str, str], str]:
        """(device id, metric) of values without a known series, with the kind of the first."""
        wanted: dict[tuple[str, str], str] = {}
        for _, device, metric, _, value in self.unresolved:
            if metric not in self.known.get(device, ()):
                wanted.setdefault((device, metric), kind_of(value))
        return wanted

    def resolve(self) -> None:
        """Move unresolved values to the columns; what is still unknown has no device."""
        lost: dict[int, tuple[Message, str]] = {}
        for message, device, metric, ts, value in self.unresolved:
            number = self.known.get(device, {}).get(metric)
            if number is None:
                lost[message.arrival] = (message, device)
            elif isinstance(value, str):
                self.states.append((number, ts, value))
            elif isinstance(value, Column):
                self.columns.append((number, value))
            else:
                self.series.append(number)
                self.ts.append(ts)
                self.value.append(value)
        self.unresolved.clear()
        for message, device in lost.values():
            self.reject_unknown(message, device)

    def reject_unknown(self, message: Message, device: str) -> None:
        """The broker knew the device, the registry does not (any more)."""
        self.reject(
            message,
            device,
            Rejection(Reason.UNKNOWN_DEVICE, f"no device {device!r} is registered: add it first"),
        )

    def readings(self) -> Readings:
        """All readings as arrays."""
        singles = Readings(
            np.array(self.series, np.int32),
            np.array(self.ts, np.int64),
            np.array(self.value, np.float64),
        )
        if not self.columns:
            return singles
        columns = [
            Readings(np.full(len(column.ts), number, np.int32), column.ts, column.value)
            for number, column in self.columns
        ]
        return Readings.joined([singles, *columns])


def kind_of(value: Value) -> str:
    """The kind of a series by its first value; a text is the JSON of a state."""
    if isinstance(value, bool) or (isinstance(value, Column) and value.boolean):
        return "boolean"
    if isinstance(value, str):
        return "text" if value.startswith('"') else "object"
    return "number"
