"""The account: what a ledger says was sent, held against what the platform stored and rejected."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from broker.payloads import Decoded, decode
from simulators.ledger import TELEMETRY, Contents, Sent

# A rejection shows so much of a payload.
SHOWN_BYTES = 1024
# (metric, µs since 1970): what can be stored once.
Key = tuple[str, int]
Value = float | str
# Beginning of a payload → reasons why a part of it, or all, was rejected.
Refused = Mapping[bytes, Collection[str]]


class Platform(Protocol):
    """What the platform tells of a device."""

    def readings(
        self, device_id: str, metric: str, first: int, last: int, /
    ) -> Iterable[tuple[int, Value]]:
        """Times (µs since 1970) and numbers that are stored."""

    def states(
        self, device_id: str, metric: str, first: int, last: int, /
    ) -> Iterable[tuple[int, Value]]:
        """Times (µs since 1970) and states that are stored, as ``canonical`` JSON."""

    def rejections(self, device_id: str, since: int, /) -> Iterable[tuple[bytes, str]]:
        """Beginning of the payload and reason, of what came since a moment in ms since 1970."""


@dataclass
class Account:
    """What became of everything that was sent.

    Attributes:
        messages: telemetry in the ledger.
        acknowledged: of them, those that the broker has taken.
        values: in the acknowledged messages.
        stored: acknowledged messages of which every value is stored.
        rejected: acknowledged messages that are among the rejections, wholly or in part.
        reasons: how often each reason was given.
        repeated: values that were sent again with the same time, and are stored once.
        late: values that came after a newer one of their device.
        untimed: values without a time of their own, which cannot be told apart and are not
            looked for.
        unanswered: messages without an answer of the broker; they may be stored or not.
        turned_away: messages that the broker refused.
        differences: everything that nothing of this explains, each by name.
    """

    messages: int = 0
    acknowledged: int = 0
    values: int = 0
    stored: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    late: int = 0
    untimed: int = 0
    unanswered: int = 0
    turned_away: int = 0
    differences: list[str] = field(default_factory=list)


def account(contents: Contents, platform: Platform) -> Account:
    """Compare a ledger with the platform, device by device."""
    result = Account()
    for device_id, messages in contents.devices.items():
        telemetry = [message for message in messages if message.channel == TELEMETRY]
        if telemetry:
            Judge(device_id, telemetry, platform, result).judge()
    return result


class Judge:
    """The account of one device."""

    def __init__(
        self, device_id: str, messages: list[Sent], platform: Platform, result: Account
    ) -> None:
        """Ask the platform for everything that the messages can have become."""
        self.device_id = device_id
        self.result = result
        self.messages = [(message, said(message)) for message in messages]
        self.sent: dict[Key, set[Value]] = defaultdict(set)
        for message, decoded in self.messages:
            if message.code is None or message.code == 0:
                for key, value in timed(message, decoded):
                    self.sent[key].add(value)
        self.found = self._found(platform)
        self.refused: dict[bytes, set[str]] = defaultdict(set)
        for payload, reason in platform.rejections(device_id, messages[0].at):
            self.refused[payload].add(reason)
        self.seen: set[Key] = set()

    def _found(self, platform: Platform) -> dict[Key, Value]:
        spans: dict[tuple[str, bool], tuple[int, int]] = {}
        for (metric, ts), values in self.sent.items():
            for is_state in {isinstance(value, str) for value in values}:
                first, last = spans.get((metric, is_state), (ts, ts))
                spans[metric, is_state] = min(first, ts), max(last, ts)
        return {
            (metric, ts): value
            for (metric, is_state), span in spans.items()
            for ts, value in (platform.states if is_state else platform.readings)(
                self.device_id, metric, *span
            )
        }

    def judge(self) -> None:
        """Judge every message, and what is there that nobody has sent."""
        newest = 0
        for message, decoded in self.messages:
            self.result.messages += 1
            if message.code is None:
                self.result.unanswered += 1
            elif message.code != 0:
                self.result.turned_away += 1
            else:
                self.result.acknowledged += 1
                newest = self._judge(message, decoded, newest)
        known = {message.payload[:SHOWN_BYTES] for message, _ in self.messages}
        self._differ(
            f"{key} is stored, but not in the ledger"
            for key in self.found.keys() - self.sent.keys()
        )
        self._differ(
            f"{payload[:60]!r} is rejected ({', '.join(sorted(reasons))}), but not in the ledger"
            for payload, reasons in self.refused.items()
            if payload not in known
        )

    def _judge(self, message: Sent, decoded: Decoded, newest: int) -> int:
        name = f"message {message.number}"
        reasons = self.refused.get(message.payload[:SHOWN_BYTES], set())
        expected = {str(reason) for reason in decoded.refused}
        if expected - reasons:
            self._differ([f"{name} should be rejected as {', '.join(sorted(expected - reasons))}"])
        values = timed(message, decoded)
        missing = [key for key, value in values if not self._is_there(key, value)]
        if missing and not reasons:
            self._differ(
                f"{name}: {key} was acknowledged, but {self._instead(key)}" for key in missing
            )
        self.result.values += (count := len(values_of(decoded)))
        self.result.untimed += count - len(values)
        self.result.stored += not missing and not reasons and bool(values)
        self.result.rejected += bool(reasons)
        self.result.reasons.update(reasons)
        keys = {key for key, _ in values}
        self.result.repeated += len(keys & self.seen)
        self.result.late += sum(ts < newest for _, ts in keys - self.seen)
        self.seen |= keys
        return max([newest, *(ts for _, ts in keys)])

    def _is_there(self, key: Key, value: Value) -> bool:
        """Whether the value is stored, or another one that was sent with the same time."""
        there = self.found.get(key)
        return there is not None and (there == value or there in self.sent[key])

    def _instead(self, key: Key) -> str:
        return f"{self.found[key]} is stored" if key in self.found else "is not stored"

    def _differ(self, sentences: Iterable[str]) -> None:
        self.result.differences += [f"{self.device_id}: {sentence}" for sentence in sentences]


def arrival(message: Sent) -> int:
    """When a message came at the latest, in µs since 1970."""
    return (message.answered_at or message.at) * 1000


def said(message: Sent) -> Decoded:
    """What a message says, if it came when it was answered."""
    return decode(None, message.payload, arrival(message))


def timed(message: Sent, decoded: Decoded) -> list[tuple[Key, Value]]:
    """The values that have a time of their own, not that of their arrival."""
    now = arrival(message)
    return [(key, value) for key, value in values_of(decoded) if key[1] != now]


def values_of(decoded: Decoded) -> list[tuple[Key, Value]]:
    """What is to be stored of a message: numbers, and states as JSON text in its shortest form."""
    return [
        *(((metric, ts), float(value)) for metric, ts, value in decoded.readings),
        *(
            ((column.metric, ts), value)
            for column in decoded.columns
            for ts, value in zip(column.ts.tolist(), column.value.tolist(), strict=True)
        ),
        *(((metric, ts), canonical(json.loads(text))) for metric, ts, text in decoded.states),
    ]


def canonical(document: object) -> str:
    """JSON in one form, for comparing."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False)
