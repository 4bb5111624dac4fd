"""What the devices send: made of device and number alone, so that the end can make it again."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.payloads import Reason

# Time between two messages of a device, by its own clock. It runs slower than the real one, so
# that no time stamp is ever ahead.
SPACING_MS = 10
SAMPLES = 8
DAY_MS = 86_400_000
# Longer than what a rejection shows of a payload.
FILLER = "x" * 1200

# Metrics whose values are sent without a time, each only once.
UNTIMED = ("arrival", "said")

# (metric, µs since 1970) → value; a text is a state.
Stored = dict[tuple[str, int], float | str]


@dataclass(frozen=True)
class Message:
    """A message and what has to become of it.

    Attributes:
        payload: as it is sent.
        stored: what the database has to hold of it, once.
        reason: why a part of it, or all, has to be among the rejections.
        arrived: metric to value, of what it has to hold at least once, at whatever time.
    """

    payload: bytes
    stored: Stored = field(default_factory=dict)
    reason: Reason | None = None
    arrived: dict[str, float | str] = field(default_factory=dict)

    @property
    def values(self) -> int:
        """How many values the database has to hold."""
        return len(self.stored) + len(self.arrived)

    @property
    def digest(self) -> str:
        """The payload's hash, as the ledger has it."""
        return hashlib.sha256(self.payload).hexdigest()[:16]


def message(device: str, number: int, t0: int) -> Message:
    """The message of a device with this number; ``t0`` is in epoch milliseconds."""
    make = KINDS[number % len(KINDS)]
    return make(f"{device} {number}", t0 + number * SPACING_MS)


def fingerprint(name: str) -> int:
    """A number that belongs to one message of one device, so that a mix-up is seen."""
    return zlib.crc32(name.encode())


def timed(name: str, ts: int) -> Message:
    """Numbers, a boolean and a text with one time."""
    number, door = fingerprint(name), ts % 20 == 0
    values = {"number": number, "door": door, "mode": name}
    stored: Stored = {
        ("number", ts * 1000): number,
        ("door", ts * 1000): float(door),
        ("mode", ts * 1000): name,
    }
    return Message(encoded({"ts": ts, "values": values}), stored)


def untimed(name: str, ts: int) -> Message:
    """A number and a text without a time: the server's counts."""
    values: dict[str, float | str] = {"arrival": ts, "said": name}
    return Message(encoded(values), arrived=values)


def listed(name: str, ts: int) -> Message:
    """Three moments in a list."""
    moments = [(ts + i, fingerprint(name) + i) for i in range(3)]
    entries = [{"ts": when, "values": {"number": value}} for when, value in moments]
    return Message(encoded(entries), {("number", when * 1000): value for when, value in moments})


def columnar(name: str, ts: int) -> Message:
    """A column with a time for each value."""
    times = [ts + i for i in range(SAMPLES)]
    column = {"vibration": [fingerprint(name) + i for i in range(SAMPLES)]}
    return Message(encoded({"ts": times, "values": column}), samples(name, ts))


def sampled(name: str, ts: int) -> Message:
    """A column with a first time and a step."""
    column = {"vibration": [fingerprint(name) + i for i in range(SAMPLES)]}
    return Message(encoded({"t0": ts, "dt": 1.0, "values": column}), samples(name, ts))


def samples(name: str, ts: int) -> Stored:
    """What is stored of both kinds of columns."""
    return {("vibration", (ts + i) * 1000): fingerprint(name) + i for i in range(SAMPLES)}


def unreadable(name: str, ts: int) -> Message:
    """JSON that ends too early, and a long one."""
    whole = encoded({"message": name, "ts": ts, "filler": FILLER})
    return Message(whole[:-1], reason=Reason.UNKNOWN_FORMAT)


def ahead(name: str, ts: int) -> Message:
    """A clock that is a day ahead."""
    body = {"ts": ts + DAY_MS, "values": {"number": fingerprint(name), "mode": name}}
    return Message(encoded(body), reason=Reason.CLOCK_AHEAD)


def half(name: str, ts: int) -> Message:
    """A good value beside a bad one."""
    good = fingerprint(name)
    body = {"ts": ts, "values": {"number": good, "a bad name": name}}
    return Message(encoded(body), {("number", ts * 1000): good}, Reason.BAD_METRIC_NAME)


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


KINDS: tuple[Callable[[str, int], Message], ...] = (
    timed, listed, columnar, unreadable, untimed, timed, sampled, half, timed, listed, ahead,
)  # fmt: skip
