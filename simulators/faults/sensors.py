"""Faults of sensors: values that stand still, leap, or come in another unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from simulators.chance import BoolArray, Chance, FloatArray
from simulators.faults.fault import Expectation, Fault
from simulators.faults.frame import Frame
from simulators.site import HOUR

# What firmware sends by mistake in place of a unit: factor, then offset.
MIX_UPS: dict[str, tuple[float, float]] = {
    "Cel": (1.8, 32.0),  # degrees Fahrenheit
    "V": (1000.0, 0.0),  # millivolts
    "A": (1000.0, 0.0),  # milliamperes
    "W": (0.001, 0.0),  # kilowatts
    "kW.h": (1000.0, 0.0),  # watt hours
    "m/s": (3.6, 0.0),  # kilometres an hour
    "km/h": (1 / 3.6, 0.0),  # metres a second
    "hPa": (100.0, 0.0),  # pascals
    "cm": (10.0, 0.0),  # millimetres
    "mm/s": (0.001, 0.0),  # metres a second
    "m/s2": (1 / 9.80665, 0.0),  # multiples of the standard gravity
    "ug/m3": (0.001, 0.0),  # milligrams in a cubic metre
    "lx": (0.0929, 0.0),  # foot-candles
}


def chosen(among: list[str], numbers: FloatArray) -> BoolArray:
    """Which of some metrics is struck: (metrics, n, T), from numbers 0 until 1 (n, T)."""
    picked = np.floor(numbers * len(among))
    return np.stack([picked == place for place in range(len(among))])


@dataclass
class StuckValue(Fault):
    """For about an hour one metric repeats its last value: a sensor that hangs, or a full pipe.

    The platform stores the readings; that they never change is what tells a dead sensor.
    """

    name: ClassVar[str] = "stuck-value"
    expects: ClassVar[Expectation] = Expectation("stored", "stored; a flat line in one metric")
    most: ClassVar[float] = 0.5

    _last: dict[tuple[str, str], FloatArray] = field(default_factory=dict, init=False, repr=False)

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Repeat what one metric had before."""
        stuck = self.now_and_then(frame, chance, 2 * HOUR, HOUR)
        which = stuck.numbers(chance, "metric")
        metrics = list(frame.values)
        for metric, mine in zip(metrics, chosen(metrics, which), strict=True):
            frame.values[metric] = self.held(frame, metric, stuck.on & mine)
        return stuck.on

    def held(self, frame: Frame, metric: str, stuck: BoolArray) -> FloatArray:
        """A metric that stands still while it is stuck: (n, T)."""
        values, place = frame.values[metric], (frame.kind.id, metric)
        last = self._last.get(place, values[:, 0])
        # Each moment takes the newest one that is not stuck; the first of all is what was before.
        steps = np.arange(1, values.shape[1] + 1)
        source = np.maximum.accumulate(np.where(stuck, 0, steps), axis=1)
        known = np.concatenate([last[:, None], values], axis=1)
        held = np.take_along_axis(known, source, axis=1)
        self._last[place] = held[:, -1]
        return held


@dataclass
class Spike(Fault):
    """A single value leaps out of the range of its model: a loose contact, a bit that turned over.

    The platform stores it with a flag, ``above-range`` or ``below-range``; a model that says
    ``reject`` makes it a rejection ``out-of-range``, of that value alone.
    """

    name: ClassVar[str] = "spike"
    expects: ClassVar[Expectation] = Expectation(
        "flag", "one value stored with a flag, or rejected as out-of-range where the model says so"
    )

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Throw one number of a message above or below its range."""
        hit = self.each(frame, chance)
        signals = [signal for signal in frame.kind.signals if signal.kind == "number"]
        far = chance.uniform("far", frame.moments)
        which = chosen([s.metric for s in signals], chance.uniform("metric", frame.moments))
        for signal, mine in zip(signals, which, strict=True):
            width = (signal.maximum - signal.minimum) * (0.1 + np.abs(far - 0.5))
            leapt = np.where(far < 0.5, signal.minimum - width, signal.maximum + width)
            values = frame.values[signal.metric]
            frame.values[signal.metric] = np.where(hit & mine, np.round(leapt, 3), values)
        return hit


@dataclass
class UnitMixUp(Fault):
    """For about an hour one metric comes in another unit: °F for °C, mV for V, kW for W.

    The platform cannot know it: it stores the values, and flags those that leave the range of
    the model. Only a format that names its units (SenML) is rejected, as ``wrong-unit``.
    """

    name: ClassVar[str] = "unit-mix-up"
    expects: ClassVar[Expectation] = Expectation(
        "flag", "stored; flagged where the other unit leaves the model's range"
    )
    most: ClassVar[float] = 0.5

    def strike(self, frame: Frame, chance: Chance) -> BoolArray:
        """Convert one metric whose unit has such a twin."""
        mixed = self.now_and_then(frame, chance, 2 * HOUR, HOUR)
        signals = [signal for signal in frame.kind.signals if signal.unit in MIX_UPS]
        if not signals:
            return np.zeros_like(mixed.on)
        which = chosen([signal.metric for signal in signals], mixed.numbers(chance, "metric"))
        for signal, mine in zip(signals, which, strict=True):
            factor, offset = MIX_UPS[signal.unit]
            values = frame.values[signal.metric]
            wrong = np.round(values * factor + offset, signal.digits + 3)
            frame.values[signal.metric] = np.where(mixed.on & mine, wrong, values)
        return mixed.on
