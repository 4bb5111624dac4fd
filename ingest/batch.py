"""Messages of the broker, decoded into the columns that are written together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
from ingest import rules
from ingest.known import Known
from storage.ingest import RejectedMessage, Said, Status
from storage.writer import Readings

NO_SERIES: dict[str, int] = {}
# A value as it was decoded: a number or a boolean, the JSON text of a state, or a whole column.
Value = float | str | Column

parse_topic = lru_cache(maxsize=100_000)(Topic.parse)


class Message(NamedTuple):
    """A message as it came.

    Attributes:
        arrival: µs since 1970, different for every message.
        replayed: whether it came before, was rejected, and is sent again.
    """

    topic: str
    payload: bytes
    content_type: str | None
    arrival: int
    replayed: bool = False

    @property
    def key(self) -> tuple[int, str]:
        """What tells it from every other, also from one that another worker received."""
        return self.arrival, self.topic


@dataclass(slots=True)
class Batch:
    """What is written in one transaction.

    Attributes:
        known: what ingest has learned; a batch only looks up, and charges quotas.
        charged: key of a message to why its quota refuses it, if it does: a message that is
            decoded again is not charged again.
        generation: of ``known``, when the batch was begun.
        messages: in the order in which they came.
        series: ids, one for each single reading, with ``ts`` and ``value`` beside it.
        senders: messages with single readings; ``ends`` tells where those of each end.
        columns: of testbeds, which stay arrays, each with its message and series id.
        samples: how many readings came in columns.
        states: series id, time and JSON text.
        unresolved: message, device, metric, time, value, and the unit if the message gave one:
            what belongs to series that are not known yet, or is not usual.
        units: (device id, metric) to the unit that the message itself gave.
        rejections: complete after ``readings``.
        news: what devices say of themselves.
        heard: device id to the arrival of its newest message.
    """

    known: Known
    charged: dict[tuple[int, str], Rejection | None] = field(default_factory=dict)
    generation: int = field(init=False)
    messages: list[Message] = field(default_factory=list)
    series: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    senders: list[Message] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    columns: list[tuple[Message, int, Column]] = field(default_factory=list)
    samples: int = 0
    states: list[tuple[int, int, str]] = field(default_factory=list)
    unresolved: list[tuple[Message, str, str, int, Value, str | None]] = field(default_factory=list)
    units: dict[tuple[str, str], str] = field(default_factory=dict)
    rejections: list[RejectedMessage] = field(default_factory=list)
    news: list[tuple[Message, Said | Status]] = field(default_factory=list)
    heard: dict[str, int] = field(default_factory=dict)
    _broken: dict[tuple[int, str], tuple[Message, Decoded]] = field(default_factory=dict)
    _strangers: set[tuple[int, str]] = field(default_factory=set)
    _readings: Readings | None = None

    def __post_init__(self) -> None:
        self.generation = self.known.generation

    def __len__(self) -> int:
        return len(self.messages)

    def again(self, messages: Iterable[Message]) -> Batch:
        """Some messages of this batch, decoded again with what is known now."""
        batch = Batch(self.known, self.charged)
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
        if device in self.known.quotas.limited and self.is_over_quota(
            message, device, decoded.count + len(decoded.states)
        ):
            return
        units = decoded.units
        # Where the message names units, they are compared one by one.
        ids = self.known.series.get(device, NO_SERIES) if not units else NO_SERIES
        for metric, ts, value in decoded.readings:
            number = ids.get(metric)
            if number is None:
                self.unresolved.append((message, device, metric, ts, value, units.get(metric)))
            else:
                self.series.append(number)
                self.ts.append(ts)
                self.value.append(value)
        self.senders.append(message)
        self.ends.append(len(self.series))
        self.add_rarer(message, device, decoded)
        for rejection in decoded.rejections:
            self.reject(message, device, rejection)

    def is_over_quota(self, message: Message, device: str, values: int) -> bool:
        """Count the message; whether its quota refuses it, which rejects it whole.

        One that is sent again was counted when it first came.
        """
        if message.replayed:
            return False
        if message.key not in self.charged:
            self.charged[message.key] = self.known.quotas.charge(device, values, message.arrival)
        refusal = self.charged[message.key]
        if refusal is not None:
            self.reject(message, device, refusal)
        return refusal is not None

    def add_rarer(self, message: Message, device: str, decoded: Decoded) -> None:
        """Append what most messages do not have; its series are looked up with the unknown ones."""
        for metric, ts, text in decoded.states:
            unit = decoded.units.get(metric)
            self.unresolved.append((message, device, metric, ts, text, unit))
        for column in decoded.columns:
            self.unresolved.append((message, device, column.metric, 0, column, None))
            self.samples += len(column.ts)
        for metric, unit in decoded.units.items():
            self.units[device, metric] = unit
        if decoded.attributes:
            self.news.append((message, Said(device, message.arrival, decoded.attributes)))

    def add_attributes(self, message: Message, device: str) -> None:
        """Note what the device says of itself."""
        attributes = decode_attributes(message.payload)
        if isinstance(attributes, Rejection):
            self.reject(message, device, attributes)
        elif device not in self.known.quotas.limited or not self.is_over_quota(
            message, device, len(attributes)
        ):
            self.news.append((message, Said(device, message.arrival, attributes)))

    def add_status(self, message: Message, device: str) -> None:
        """Note that the device came or went."""
        online = decode_status(message.payload)
        if isinstance(online, Rejection):
            self.reject(message, device, online)
        else:
            self.news.append((message, Status(device, message.arrival, online)))

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
                message.content_type,
            )
        )

    def unknown_series(self) -> dict[tuple[str, str], str]:
        """(device id, metric) of values without a known series, with the kind of the first."""
        wanted: dict[tuple[str, str], str] = {}
        for _, device, metric, _, value, _ in self.unresolved:
            if metric not in self.known.series.get(device, ()):
                wanted.setdefault((device, metric), kind_of(value))
        return wanted

    def resolve(self) -> None:
        """Move unresolved values to the columns; what is still unknown has no device."""
        for message, device, metric, ts, value, unit in self.unresolved:
            number = self.known.series.get(device, NO_SERIES).get(metric)
            if number is None:
                self.reject_unknown(message, device)
            elif (ruled := self.known.rules.get(number)) is not None and (
                why := rules.unfit(ruled, value, unit)
            ):
                self.break_rule(message, why)
            elif isinstance(value, str):
                self.add_state(message, number, ts, value)
            elif isinstance(value, Column):
                self.columns.append((message, number, value))
            else:
                self.series.append(number)
                self.ts.append(ts)
                self.value.append(value)
                self.senders.append(message)
                self.ends.append(len(self.series))
        self.unresolved.clear()

    def add_state(self, message: Message, number: int, ts: int, value: str) -> None:
        """Append a state, unless it is too old to be kept."""
        if self.known.rules.is_expired(number, ts, message.arrival - ts):
            self.break_rule(message, rules.too_old(self.known.rules.kept(number), ts))
        else:
            self.states.append((number, ts, value))

    def reject_unknown(self, message: Message, device: str) -> None:
        """The broker knew the device, the registry does not (any more); once for each message."""
        if message.key not in self._strangers:
            self._strangers.add(message.key)
            self.reject(
                message,
                device,
                Rejection(
                    Reason.UNKNOWN_DEVICE, f"no device {device!r} is registered: add it first"
                ),
            )

    def break_rule(self, message: Message, why: Rejection, count: int = 1) -> None:
        """Note that values of a message break the rules of its model."""
        _, broken = self._broken.setdefault(message.key, (message, Decoded()))
        broken.reject(why.reason, lambda: why.detail, count)

    def readings(self) -> Readings:
        """All readings that the rules let through, as arrays; made once, after ``resolve``."""
        if self._readings is None:
            parts = [self.allowed_singles()]
            parts += [self.allowed_column(*column) for column in self.columns]
            self._readings = Readings.joined(parts) if len(parts) > 1 else parts[0]
            self.reject_broken()
        return self._readings

    def allowed_singles(self) -> Readings:
        """The single readings as arrays, without those that the rules refuse."""
        ts = np.array(self.ts, np.int64)
        rows = Readings(
            np.array(self.series, np.int32),
            ts,
            np.array(self.value, np.float64),
            delay=self.arrivals() - ts,
        )
        rows, refused, expired = self.known.rules.judge(rows)
        for index in expired.tolist():
            series = self.known.rules.kept(int(rows.series[index]))
            why = rules.too_old(series, int(rows.ts[index]))
            self.break_rule(self.sender(index), why)
        for index in refused.tolist():
            self.break_series_rule(self.sender(index), rows, index)
        gone = np.concatenate([refused, expired])
        return rows.without(gone) if len(gone) else rows

    def arrivals(self) -> NDArray[np.int64]:
        """(n,) µs since 1970: when each single reading came."""
        came = np.array([message.arrival for message in self.senders], np.int64)
        ends = np.array([0, *self.ends], np.int64)
        return np.repeat(came, ends[1:] - ends[:-1])

    def sender(self, index: int) -> Message:
        """The message of a single reading."""
        return self.senders[bisect_right(self.ends, index)]

    def allowed_column(self, message: Message, number: int, column: Column) -> Readings:
        """The readings of a testbed, without those that the rules refuse."""
        rows = Readings(
            np.full(len(column.ts), number, np.int32),
            column.ts,
            column.value,
            delay=message.arrival - column.ts,
        )
        rows, refused, expired = self.known.rules.judge(rows)
        if len(expired):
            why = rules.too_old(self.known.rules.kept(number), int(column.ts[expired[0]]))
            self.break_rule(message, why, len(expired))
        if len(refused):
            self.break_series_rule(message, rows, int(refused[0]), len(refused))
        gone = np.concatenate([refused, expired])
        return rows.without(gone) if len(gone) else rows

    def break_series_rule(
        self, message: Message, rows: Readings, index: int, count: int = 1
    ) -> None:
        """Note that a reading, and so many in all, are refused by the rules of its series."""
        ruled = self.known.rules.get(int(rows.series[index]))
        if ruled is not None:
            self.break_rule(message, rules.refusal(ruled, float(rows.value[index])), count)

    def reject_broken(self) -> None:
        """One rejection for each message and reason."""
        for message, broken in self._broken.values():
            device = parse_topic(message.topic).device_id
            for rejection in broken.rejections:
                self.reject(message, device, rejection)
        self._broken.clear()


def kind_of(value: Value) -> str:
    """The kind of a series by its first value; a text is the JSON of a state."""
    if isinstance(value, bool) or (isinstance(value, Column) and value.boolean):
        return "boolean"
    if isinstance(value, str):
        return "text" if value.startswith('"') else "object"
    return "number"
