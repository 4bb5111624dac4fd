"""Faults on the way: messages lost, doubled, late or spoilt, and devices that fall over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from simulators.chance import BoolArray, Chance, IntArray
from simulators.faults.fault import Expectation, Fault, FaultError
from simulators.faults.frame import CUT_SHORT, NOISE, Frame
from simulators.site import HOUR


@dataclass
class DropOut(Fault):
    """A message is never sent: the sensor did not answer, or the firmware skipped a turn.

    The platform can tell it only by the gap: fewer readings than the model expects.
    """

    name: ClassVar[str] = "drop-out"
    expects: ClassVar[Expectation] = Expectation("missing", "a gap in what was expected")

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Send nothing."""
        hit = self.each(frame, chance)
        frame.copies[hit] = 0
        return hit


@dataclass
class Duplicate(Fault):
    """A message is sent twice: its acknowledgement was lost, and the device tries again.

    The platform stores it once, because both have one time stamp, and counts a duplicate.
    """

    name: ClassVar[str] = "duplicate"
    expects: ClassVar[Expectation] = Expectation(
        "duplicate", "stored once; the second copy counts as a duplicate"
    )

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Send it once more, where it is sent at all."""
        hit = self.each(frame, chance)
        frame.copies[hit & (frame.copies > 0)] += 1
        return hit


@dataclass
class LateBurst(Fault):
    """A device is offline for about an hour, keeps what it measures, and sends all at once.

    The platform stores each reading in its place; none replaces a newer "latest". They are late.
    """

    name: ClassVar[str] = "late-burst"
    expects: ClassVar[Expectation] = Expectation(
        "late", "stored in its place, and counted as late; offline meanwhile"
    )
    most: ClassVar[float] = 0.5

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Keep what is measured until the device is back."""
        away = self.now_and_then(frame, chance, 2 * HOUR, HOUR)
        back = np.rint(away.end * 1000).astype(np.int64)
        frame.due = np.where(away.on, np.maximum(frame.due, back), frame.due)
        frame.online &= ~away.on
        return away.on


@dataclass
class SlowNetwork(Fault):
    """For half an hour messages take seconds, and queue behind each other.

    The platform stores them in their place; those that took longer than it tolerates are late.

    Attributes:
        delay_seconds: that a message waits on average.
    """

    name: ClassVar[str] = "slow-network"
    expects: ClassVar[Expectation] = Expectation(
        "late", "stored in its place; late by the seconds that it took"
    )
    most: ClassVar[float] = 0.5

    delay_seconds: float = 20.0
    _last: dict[str, IntArray] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.delay_seconds <= HOUR:
            raise FaultError("delay_seconds of slow-network is above 0, and 3600 at most")

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Delay each by an exponential time, but none overtakes another."""
        slow = self.now_and_then(frame, chance, HOUR, HOUR / 2)
        waits = -np.log1p(-chance.uniform("wait", frame.moments)) * self.delay_seconds * 1000
        due = np.where(slow.on, frame.due + np.rint(waits).astype(np.int64), frame.due)
        last = self._last.get(frame.kind.id)
        first = due[:, :1] if last is None or last.size != len(due) else last[:, None]
        ordered = np.maximum.accumulate(np.concatenate([first, due], axis=1), axis=1)[:, 1:]
        frame.due = np.where(frame.online, ordered, frame.due)
        self._last[frame.kind.id] = ordered[:, -1]
        return slow.on


@dataclass
class BrokenJson(Fault):
    """A payload is cut short, lacks its quotes, or has bytes that turned over on the way.

    The platform stores nothing of it: a rejection ``unknown-format`` with its first bytes.
    """

    name: ClassVar[str] = "broken-json"
    expects: ClassVar[Expectation] = Expectation(
        "rejection", "nothing of it is stored", "unknown-format"
    )

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Choose one of the ways in which payloads break."""
        hit = self.each(frame, chance)
        ways = CUT_SHORT + chance.uniform("way", frame.moments) * (NOISE - CUT_SHORT + 1)
        frame.broken = np.where(hit, ways.astype(np.uint8), frame.broken)
        return hit


@dataclass
class RebootLoop(Fault):
    """For ten minutes a device falls over again and again, and forgets the time meanwhile.

    It is away for most of each round. What it sends before it has the time from a server is
    stamped in 1970: the platform rejects it as ``too-old``. The last will tells ``offline``.

    Attributes:
        round_seconds: from one start to the next.
    """

    name: ClassVar[str] = "reboot-loop"
    expects: ClassVar[Expectation] = Expectation(
        "rejection", "gaps while it starts; then stamped in 1970 and rejected", "too-old"
    )
    most: ClassVar[float] = 0.5

    round_seconds: float = 40.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 5 <= self.round_seconds <= 300:
            raise FaultError("round_seconds of reboot-loop is 5 to 300")

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Send nothing in the first half of a round, and with the wrong time in the second."""
        looping = self.now_and_then(frame, chance, 1200.0, 600.0)
        # Rounds are counted back from the end, when the device stays up.
        left = (looping.end - frame.seconds) % self.round_seconds
        starting = looping.on & (left > self.round_seconds / 2)
        up = np.rint((self.round_seconds - left) * 1000).astype(np.int64)
        frame.ts = np.where(looping.on, up, frame.ts)
        frame.copies[starting] = 0
        frame.online &= ~starting
        return looping.on & ~starting
