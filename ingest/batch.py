"""Messages of the broker, decoded into the columns that are written together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from broker.payloads import (
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

# (device id, metric) → series id: what ingest has learned of the table `series`.
SeriesIds = dict[str, dict[str, int]]

parse_topic = lru_cache(maxsize=100_000)(Topic.parse)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came.

    Attributes:
        arrival: µs since 1970, different for every message.
        packet_id: what acknowledges it; None at QoS 0.
    """

    topic: str
    payload: bytes
    content_type: str | None
    arrival: int
    packet_id: int | None


@dataclass(slots=True)
class Batch:
    """What is written in one transaction and acknowledged after it.

    Attributes:
        known: ids of series; a batch only reads it.
        messages: in the order in which they came.
        series: ids, one for each reading; with ``ts`` and ``value`` the columns of readings.
        unresolved: readings and states of series that are not known yet.
        heard: device id to the arrival of its newest message.
    """

    known: SeriesIds
    messages: list[Message] = field(default_factory=list)
    series: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    states: list[tuple[int, int, str]] = field(default_factory=list)
    unresolved: list[tuple[Message, str, str, int, float | str]] = field(default_factory=list)
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
        self.add_states(message, device, decoded, ids)
        for rejection in decoded.rejections:
            self.reject(message, device, rejection)

    def add_states(
        self, message: Message, device: str, decoded: Decoded, ids: dict[str, int]
    ) -> None:
        """Append states, which are rarer."""
        for metric, ts, text in decoded.states:
            if metric in ids:
                self.states.append((ids[metric], ts, text))
            else:
                self.unresolved.append((message, device, metric, ts, text))

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
        """(device id, metric) of the unresolved values, with the kind of the first of each."""
        wanted: dict[tuple[str, str], str] = {}
        for _, device, metric, _, value in self.unresolved:
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
        """The columns as arrays."""
        return Readings(
            np.array(self.series, np.int32),
            np.array(self.ts, np.int64),
            np.array(self.value, np.float64),
        )


def kind_of(value: float | str) -> str:
    """The kind of a series by its first value; a text is the JSON of a state."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text" if value.startswith('"') else "object"
    return "number"
