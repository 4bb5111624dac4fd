"""What a device kind is: a table of signals over a state that lives on in time.

A kind computes all of its devices at once, and many moments at once: n devices at T moments are
arrays (n, T). Live, T is 1; a history of a month is the same call with a long T. A kind knows
nothing of networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np

from simulators.chance import BoolArray, Chance, FloatArray
from simulators.site import Site
from simulators.weather import Weather

Values = dict[str, FloatArray]
# What a device lives through in one step, each (n,).
Step = tuple[FloatArray | BoolArray, ...]


class Refused(ValueError):  # noqa: N818  # what a device answers, no failure of the program
    """A device does not do what it was told; the message says why, and what it takes.

    Attributes:
        taken: what of the same demand was done all the same.
    """

    def __init__(self, reason: str, taken: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.taken = dict(taken or {})


@dataclass(frozen=True)
class World:
    """What devices are put into.

    Attributes:
        site: where they stand.
        park: the random numbers that all devices of a seed share, such as the weather's.
        chance: the devices' own.
    """

    site: Site
    park: Chance
    chance: Chance

    @property
    def devices(self) -> int:
        """How many devices there are."""
        return self.chance.numbers.size

    def weather(self, times: FloatArray) -> Weather:
        """The park's, at (T,) seconds since 1970."""
        return Weather(self.site, self.park, times)


class State(Protocol):
    """The physics of n devices of a kind: arrays (n,)."""

    def advance(self, times: FloatArray, seconds: float) -> Values:
        """Live through T moments.

        Args:
            times: (T,) seconds since 1970.
            seconds: between two of them, and between the last advance and the first of them.

        Returns:
            Each metric's values: (n, T).
        """


S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Signal:
    """One metric of a kind.

    Attributes:
        metric: its name in messages.
        unit: in UCUM's notation.
        minimum: no healthy device reads below.
        maximum: no healthy device reads above.
        digits: decimals that a message carries.
        source: where its formula is from.
        kind: as models have it; a boolean is 0 or 1.
    """

    metric: str
    unit: str
    minimum: float
    maximum: float
    digits: int
    source: str
    kind: Literal["number", "boolean"] = "number"

    def told(self, values: FloatArray) -> Any:
        """Values as a message carries them, in lists: numbers, or true and false."""
        return (values.astype(bool) if self.kind == "boolean" else values).tolist()


def switch(metric: str, source: str) -> Signal:
    """A signal that is true or false."""
    return Signal(metric, "1", 0, 1, 0, source, kind="boolean")


@dataclass(frozen=True)
class Waveform(Generic[S]):
    """A metric that is sampled too fast for single messages.

    Attributes:
        metric: its name in messages.
        unit: in UCUM's notation.
        rate: samples in a second.
        minimum: no healthy device reads below.
        maximum: no healthy device reads above.
        digits: decimals that a message carries.
        source: where its formula is from.
        sample: from the state, the moment of the state in seconds since 1970, and the age (k,) in
            seconds of each sample at that moment, rising to the newest: (n, k).
    """

    metric: str
    unit: str
    rate: float
    minimum: float
    maximum: float
    digits: int
    source: str
    sample: Callable[[S, float, FloatArray], FloatArray]


@dataclass(frozen=True)
class Parameter:
    """A value that a device is given, by a command or as a desired attribute.

    Attributes:
        name: in the JSON object.
        unit: in UCUM's notation; "1" for none.
        minimum: it takes no less.
        maximum: it takes no more.
        choices: the texts that it takes instead of numbers.
        boolean: whether it takes true and false instead.
        optional: whether a command may leave it out.
    """

    name: str
    unit: str = "1"
    minimum: float = 0.0
    maximum: float = 0.0
    choices: tuple[str, ...] = ()
    boolean: bool = False
    optional: bool = False

    def take(self, value: Any) -> Any:
        """The value, where the device can do that.

        Raises:
            Refused: it cannot.
        """
        if self.choices:
            if value not in self.choices:
                raise Refused(f"{self.name} is one of {', '.join(self.choices)}")
            return value
        if self.boolean:
            if not isinstance(value, bool):
                raise Refused(f"{self.name} is true or false")
            return value
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not self.minimum <= value <= self.maximum:
            unit = "" if self.unit == "1" else f" {self.unit}"
            raise Refused(
                f"{self.name} is a number from {self.minimum:g} to {self.maximum:g}{unit}"
            )
        return float(value)


@dataclass(frozen=True)
class Command(Generic[S]):
    """Something that a device does when it is told to.

    Attributes:
        name: in the command.
        description: what happens.
        run: does it to the device with an index of the state; what it answers. May raise Refused.
        parameters: what it is given.
    """

    name: str
    description: str
    run: Callable[[S, int, Mapping[str, Any]], Mapping[str, Any]]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Setting(Generic[S]):
    """A desired attribute that a device follows.

    Attributes:
        parameter: its name, unit and range.
        description: what it changes.
        read: how it is set now, by the index of the device in the state.
        write: sets it.
    """

    parameter: Parameter
    description: str
    read: Callable[[S, int], Any]
    write: Callable[[S, int, Any], None]


@dataclass(frozen=True)
class Kind(Generic[S]):
    """A kind of device.

    Attributes:
        id: its short name, also of the device model that it is registered as.
        name: for people.
        description: one sentence for people.
        interval: seconds between two readings, unless a device is told otherwise.
        longest_step: seconds; the state is never advanced by more at once.
        warm_up: seconds that a device lives through before its first reading.
        signals: its metrics.
        start: makes the state of the devices of a world.
        facts: what a device tells of itself as attributes, by the index in the state.
        references: the sources that signals name in short.
        waveforms: metrics that come in blocks.
        commands: what it can be told to do.
        settings: desired attributes that it follows, beside the interval.
    """

    id: str
    name: str
    description: str
    interval: float
    longest_step: float
    warm_up: float
    signals: tuple[Signal, ...]
    start: Callable[[World], S]
    facts: Callable[[S, int], Mapping[str, Any]]
    references: tuple[str, ...]
    waveforms: tuple[Waveform[S], ...] = ()
    commands: tuple[Command[S], ...] = ()
    settings: tuple[Setting[S], ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the signals."""
        return tuple(signal.metric for signal in self.signals)

    def rows(self, values: Values) -> list[dict[str, float | bool]]:
        """The readings of one moment, each metric's (n,), as a mapping for each device."""
        columns = [signal.told(values[signal.metric]) for signal in self.signals]
        return [dict(zip(self.metrics, row, strict=True)) for row in zip(*columns, strict=True)]


def array_setting(
    parameter: Parameter, description: str, array: Callable[[Any], FloatArray]
) -> Setting[Any]:
    """A setting that is one number for each device in an array (n,) of the state."""

    def write(state: Any, index: int, value: float) -> None:
        array(state)[index] = value

    return Setting(parameter, description, lambda state, index: float(array(state)[index]), write)


def lived(steps: Iterable[Step]) -> FloatArray:
    """What T steps gave, one after the other: k arrays (n, T), a switch as 0 or 1."""
    return np.moveaxis(np.array(list(steps), float), 0, -1)


def approach(
    value: FloatArray, target: FloatArray | float, seconds: float, memory: FloatArray | float
) -> FloatArray:
    """A first-order lag: exact for a constant target, stable for any step.

    Args:
        value: before.
        target: where it goes.
        seconds: the step.
        memory: the time constant in seconds.
    """
    return target + (value - target) * np.exp(-seconds / memory)


def lagged(start: FloatArray, targets: FloatArray, seconds: float, memory: float) -> FloatArray:
    """A first-order lag behind targets (n, T), from (n,): (n, T)."""
    kept = np.exp(-seconds / memory)
    result = np.empty_like(targets)
    value = start
    for moment in range(targets.shape[1]):
        target = targets[:, moment]
        value = target + (value - target) * kept
        result[:, moment] = value
    return result
