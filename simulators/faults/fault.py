"""What a fault is: something that changes what devices send, seeded, and counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from simulators.chance import BoolArray, Chance, IntArray, Windows
from simulators.faults.frame import Frame


class FaultError(ValueError):
    """A fault was given a rate or an option that it cannot have; the message says which it can."""


@dataclass(frozen=True)
class Expectation:
    """What the platform makes of a message that a fault has struck.

    Attributes:
        effect: ``missing`` (never sent), ``duplicate`` (stored once), ``late`` (stored in its
            place), ``rejection`` (with a reason), ``flag`` (stored, outside of the model's range)
            or ``stored`` (nothing tells it from a good one but its looks).
        reason: of the rejection.
        sentence: for people.
    """

    effect: Literal["missing", "duplicate", "late", "rejection", "flag", "stored"]
    sentence: str
    reason: str | None = None


@dataclass
class Fault(ABC):
    """Strikes a share of what devices send; the same seed strikes the same devices and moments.

    It may strike several kinds, but of each kind always the same devices, in the order of time.

    Attributes:
        rate: the share of messages that it strikes, on average.
        seed: of what is struck.
        struck: (n,) messages of each device that it has struck so far, by the kind's id.
    """

    name: ClassVar[str]
    expects: ClassVar[Expectation]
    most: ClassVar[float] = 1.0

    rate: float
    seed: int = 1
    struck: dict[str, IntArray] = field(default_factory=dict, init=False, repr=False)
    _chances: dict[str, Chance] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= self.most:
            raise FaultError(
                f"the rate of {self.name} is {self.rate:g}: it can be 0 to {self.most:g}"
            )

    def __call__(self, frame: Frame) -> Frame:
        """Strike; the same frame, changed."""
        sent = frame.copies > 0
        hit = self.strike(frame, self.chance(frame)) & sent
        before = self.struck.get(frame.kind.id, np.zeros(frame.numbers.size, np.int64))
        self.struck[frame.kind.id] = before + hit.sum(axis=1)
        return frame

    @abstractmethod
    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Change the frame; (n, T) which moments were struck."""

    def chance(self, frame: Frame) -> Chance:
        """The random numbers of this fault for the frame's devices."""
        known = self._chances.get(frame.kind.id)
        if known is None or not np.array_equal(known.numbers, frame.numbers):
            known = Chance(self.seed, f"{self.name} {frame.kind.id}", frame.numbers)
            self._chances[frame.kind.id] = known
        return known

    def each(self, frame: Frame, chance: Chance) -> BoolArray:
        """(n, T) each message by itself, at the rate."""
        return chance.uniform("each", frame.moments) < self.rate

    def now_and_then(self, frame: Frame, chance: Chance, slot: float, length: float) -> Windows:
        """Times of about a length in seconds, one in a slot or none, as often as the rate says."""
        likely = self.rate * slot / length
        return chance.windows("time", frame.seconds, slot, likely, (0.8 * length, 1.2 * length))


def faulty(frames: Iterable[Frame], faults: Sequence[Fault]) -> Iterator[Frame]:
    """Frames after all faults have struck, one after the other in their order."""
    for frame in frames:
        for fault in faults:
            fault(frame)
        yield frame
