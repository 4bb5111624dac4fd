"""Faults of clocks: the values are right, and the times are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simulators.chance import BoolArray, Chance
from simulators.faults.fault import Expectation, Fault, FaultError
from simulators.faults.frame import Frame
from simulators.site import DAY


@dataclass
class ClockDrift(Fault):
    """A device's clock goes too fast or too slowly, and is set right once in a while.

    The platform stores the readings under the times that they say, which are wrong by the offset.
    The offset between stamp and arrival tells it; an hour ahead would be a rejection.

    Attributes:
        rate: the share of devices that have such a clock.
        seconds_a_day: that the worst of them gain or lose.
        days: after which a clock is set right.
    """

    name: ClassVar[str] = "clock-drift"
    expects: ClassVar[Expectation] = Expectation(
        "stored", "stored under a time that is off; the clock's offset grows and jumps back"
    )

    seconds_a_day: float = 20.0
    days: float = 7.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.seconds_a_day * self.days <= 3000:
            raise FaultError(
                "seconds_a_day times days of clock-drift is above 0 and at most 3000: more would "
                "be rejections, which are what clock-jump is for"
            )

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Add what the clock has gained since it was set."""
        drifting = chance.uniform("device", 0) < self.rate
        gains = (2 * chance.uniform("gain", 0) - 1) * self.seconds_a_day
        # Clocks are not set all on one day.
        age = (frame.seconds / DAY + chance.uniform("set", 0) * self.days) % self.days
        shift = np.where(drifting, gains * age * 1000, 0.0)
        frame.ts = frame.ts + np.rint(shift).astype(np.int64)
        return np.broadcast_to(drifting, frame.ts.shape)


@dataclass
class ClockJump(Fault):
    """For ten minutes a device's clock is hours off: a wrong time zone, or a battery that died.

    More than an hour ahead the platform rejects the readings as ``clock-ahead``. Behind, it stores
    them at a time that is past: late, and with the same stamps as older ones duplicates.

    Attributes:
        jump_seconds: that the clock is ahead; negative is behind.
    """

    name: ClassVar[str] = "clock-jump"
    expects: ClassVar[Expectation] = Expectation(
        "rejection", "stamped in the future, and rejected", "clock-ahead"
    )
    most: ClassVar[float] = 0.5

    jump_seconds: float = 7 * 3600.0

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Stamp with the clock that jumped."""
        jumped = self.now_and_then(frame, chance, 1200.0, 600.0)
        frame.ts = frame.ts + np.where(jumped.on, round(self.jump_seconds * 1000), 0)
        return jumped.on
