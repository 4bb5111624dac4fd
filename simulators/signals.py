"""What a device kind is: a table of signals over a state that advances in time.

Signals know nothing of the network. All devices of a kind are computed at once, as numpy arrays of
one value a device; a fleet of thousands costs little more than one device.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulators.site import Site

FloatArray = NDArray[np.float64]
# Before its first reading a state lives through the day so far, in steps of this many seconds.
WARM_UP_STEP = 300.0


class State(Protocol):
    """The physics of all devices of a kind: arrays of one value a device."""

    def advance(self, time: float, seconds: float) -> None:
        """Move to ``time`` (seconds since 1970), which is ``seconds`` after the last one."""


S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Signal(Generic[S]):
    """One metric of a kind.

    Attributes:
        metric: its name in messages.
        unit: in UCUM's notation.
        minimum: no reading is below.
        maximum: no reading is above.
        digits: decimals that a message carries.
        of: reads it from the state, one value a device.
    """

    metric: str
    unit: str
    minimum: float
    maximum: float
    digits: int
    of: Callable[[S], FloatArray]


@dataclass(frozen=True)
class Kind(Generic[S]):
    """A kind of device.

    Attributes:
        id: its short name, also of the device model that it is registered as.
        name: for people.
        description: one sentence for people.
        signals: its metrics, in the order of the columns of ``Simulation.at``.
        start: makes the state of so many devices from a source of random numbers, at a site.
    """

    id: str
    name: str
    description: str
    signals: tuple[Signal[S], ...]
    start: Callable[[int, np.random.Generator, Site], S]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics, in the order of the columns."""
        return tuple(signal.metric for signal in self.signals)


class Simulation(Generic[S]):
    """So many devices of a kind, at a site. The same seed and times give the same values.

    Args:
        kind: what they are.
        devices: how many.
        seed: of everything random.
        site: where they stand.
    """

    def __init__(self, kind: Kind[S], devices: int, seed: int, site: Site | None = None) -> None:
        self.kind = kind
        self.site = site or Site()
        # Kinds of one fleet share the seed but not the numbers.
        random = np.random.default_rng([seed, zlib.crc32(kind.id.encode())])
        self.state = kind.start(devices, random, self.site)
        self.scale = 10.0 ** np.array([signal.digits for signal in kind.signals])
        self.time: float | None = None

    def at(self, time: float) -> FloatArray:
        """The readings at ``time``, shape (devices, metrics), rounded as messages carry them.

        Args:
            time: seconds since 1970.

        Raises:
            ValueError: ``time`` lies before an earlier one.
        """
        before = self.warm_up(time) if self.time is None else self.time
        if time < before:
            raise ValueError("a simulation cannot go back in time")
        self.state.advance(time, time - before)
        self.time = time
        values = np.column_stack([signal.of(self.state) for signal in self.kind.signals])
        # Adding 0 turns the -0.0 of a rounded small negative number into 0.0.
        rounded: FloatArray = np.rint(values * self.scale) / self.scale + 0.0
        return rounded

    def warm_up(self, time: float) -> float:
        """Live through the day until shortly before ``time``; when that was."""
        now = self.site.midnight(time)
        self.state.advance(now, 0.0)
        while now + WARM_UP_STEP < time:
            now += WARM_UP_STEP
            self.state.advance(now, WARM_UP_STEP)
        return now

    def messages(self, time: float) -> Iterator[dict[str, float]]:
        """The readings at ``time`` of one device after another, by metric."""
        metrics = self.kind.metrics
        for row in self.at(time).tolist():
            yield dict(zip(metrics, row, strict=True))


class Drift:
    """Noise with a memory: a first-order autoregressive process for each device.

    The Ornstein-Uhlenbeck process with its exact update for any step, which is AR(1) for equal
    steps: D. T. Gillespie, "Exact numerical simulation of the Ornstein-Uhlenbeck process and its
    integral", Physical Review E 54, 1996. It has mean 0 and standard deviation 1; values beyond 3
    are cut off, so that what is made of it has a range.
    """

    def __init__(self, devices: int, random: np.random.Generator, memory: float) -> None:
        """Begin in the steady state; after ``memory`` seconds the correlation is 1/e."""
        self.random = random
        self.memory = memory
        self.raw: FloatArray = random.standard_normal(devices)

    def advance(self, seconds: float) -> FloatArray:
        """The values ``seconds`` later, one a device, -3 to 3."""
        kept = np.exp(-seconds / self.memory)
        fresh = self.random.standard_normal(self.raw.size)
        self.raw = kept * self.raw + np.sqrt(1 - kept**2) * fresh
        return np.clip(self.raw, -3.0, 3.0)


def approach(
    value: FloatArray, target: FloatArray | float, seconds: float, memory: float
) -> FloatArray:
    """A first-order lag: exact for a constant target, stable for any step.

    Args:
        value: before.
        target: where it goes.
        seconds: the step.
        memory: the time constant in seconds.
    """
    moved: FloatArray = target + (value - target) * np.exp(-seconds / memory)
    return moved
