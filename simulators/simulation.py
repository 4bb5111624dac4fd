"""Devices of a kind that live at a site: their readings at a moment, or over a whole history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic

import numpy as np

from simulators.chance import BoolArray, Chance, FloatArray, IntArray
from simulators.kinds.kind import Kind, Parameter, Refused, S, Values, World
from simulators.site import Site
from simulators.sky import load

# Before its first reading a device lives through the time before, in steps of at most so long.
WARM_UP_STEP = 300.0
# A state is advanced over so many moments at a time, so that memory stays bounded.
LONGEST_BLOCK = 4096
LARGEST_BLOCK = 1_000_000
INTERVAL = Parameter("interval_s", "s", 0.01, 86_400)


@dataclass(frozen=True)
class Wave:
    """A block of samples of n devices.

    Attributes:
        t0: of the first sample, in milliseconds since 1970.
        dt: milliseconds between two samples.
        values: (n, k).
    """

    t0: int
    dt: float
    values: FloatArray


class Simulation(Generic[S]):
    """Devices of a kind. The same seed, numbers and times give the same values.

    Time only goes forward. All times are milliseconds since 1970, as in messages.

    Attributes:
        kind: what they are.
        numbers: (n,) which devices of the seed they are; a device is the same in every fleet.
        interval: (n,) seconds between two readings of each.
        state: the kind's physics.
    """

    def __init__(
        self, kind: Kind[S], devices: int | Sequence[int], seed: int, site: Site | None = None
    ) -> None:
        """Put devices in their place.

        Args:
            kind: what they are.
            devices: how many, or which numbers.
            seed: of everything random.
            site: where they stand; by default Cimahi.
        """
        load()
        self.kind = kind
        self.site = site or Site()
        self.seed = seed
        self.numbers = np.arange(devices) if isinstance(devices, int) else np.asarray(devices)
        chance = Chance(seed, kind.id, self.numbers)
        self.state = kind.start(World(self.site, Chance(seed, "park", [0]), chance))
        self.interval = np.full(self.numbers.size, kind.interval)
        self.serials = chance.bits("serial", 0)[:, 0]
        self.scales = {signal.metric: 10.0**signal.digits for signal in kind.signals}
        self.time: int | None = None

    def at(self, ts: int) -> Values:
        """The readings at a moment: each metric's (n,), rounded as messages carry them.

        Raises:
            ValueError: it lies before an earlier one.
        """
        return {metric: values[:, 0] for metric, values in self.over(np.array([ts])).items()}

    def over(self, ts: IntArray) -> Values:
        """The readings at T rising moments: each metric's (n, T); the same as T calls of ``at``.

        Raises:
            ValueError: a moment lies before an earlier one.
        """
        moments = np.asarray(ts, np.int64)
        if not moments.size:
            return {metric: np.empty((self.numbers.size, 0)) for metric in self.kind.metrics}
        before = self._warm_up(int(moments[0])) if self.time is None else self.time
        gaps = np.diff(moments, prepend=before)
        if (gaps < 0).any():
            raise ValueError("a simulation cannot go back in time")
        parts: list[Values] = []
        for first, last in even(gaps):
            parts.extend(self._advance(before, int(gaps[first]), last - first))
            before = int(moments[last - 1])
        self.time = before
        return {metric: self._rounded(metric, parts) for metric in self.kind.metrics}

    def blocks(
        self, first: int, last: int, interval: int, longest: int = LONGEST_BLOCK
    ) -> Iterator[tuple[IntArray, Values]]:
        """A history in portions: the moments (T,) and each metric's (n, T).

        Args:
            first: moment.
            last: moment at most.
            interval: between two of them, in milliseconds.
            longest: moments of a portion at most.
        """
        for start in range(first, last + 1, interval * longest):
            ts = np.arange(start, min(start + interval * longest, last + 1), interval)
            yield ts, self.over(ts)

    def messages(self, ts: int) -> Iterator[dict[str, float | bool]]:
        """The readings at a moment of one device after another, by metric."""
        yield from self.kind.rows(self.at(ts))

    def waveform(self, metric: str, seconds: float) -> Wave:
        """The samples of the seconds that end with the newest reading, which is no part of them.

        Raises:
            KeyError: the kind has no such waveform.
            ValueError: there was no reading yet.
        """
        form = {wave.metric: wave for wave in self.kind.waveforms}[metric]
        if self.time is None:
            raise ValueError("a waveform ends with a reading: call at() or over() first")
        count = round(seconds * form.rate)
        age = np.arange(count, 0, -1) / form.rate
        values = form.sample(self.state, self.time / 1000, age)
        scale = 10.0**form.digits
        return Wave(
            self.time - round(count * 1000 / form.rate),
            1000 / form.rate,
            np.rint(values * scale) / scale + 0.0,
        )

    def due(self, ts: int) -> BoolArray:
        """(n,) which devices send a reading at a moment: it is a multiple of their interval."""
        interval = np.rint(self.interval * 1000).astype(np.int64)
        result: BoolArray = ts % interval == 0
        return result

    def attributes(self, index: int) -> dict[str, Any]:
        """What a device tells of itself: facts, and its settings as they are."""
        settings = {s.parameter.name: s.read(self.state, index) for s in self.kind.settings}
        return {
            "kind": self.kind.id,
            "simulated": True,
            "serial": f"{self.kind.id[:2].upper()}{int(self.serials[index]) % 10**8:08}",
            **self.kind.facts(self.state, index),
            INTERVAL.name: float(self.interval[index]),
            **settings,
        }

    def command(self, index: int, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Have a device do something; what it answers.

        Raises:
            Refused: it has no such command, cannot do that, or cannot do it now.
        """
        known = {command.name: command for command in self.kind.commands}
        if name not in known:
            takes = ", ".join(known) or "none"
            raise Refused(f"no command {name!r}: a {self.kind.id} knows {takes}")
        command = known[name]
        return dict(command.run(self.state, index, taken(command.parameters, parameters)))

    def desire(self, index: int, desired: Mapping[str, Any]) -> dict[str, Any]:
        """Have a device follow desired attributes; those that it follows, as they are now.

        Raises:
            Refused: it does not follow some of them; it follows the others.
        """
        reported, reasons = {}, []
        for name, value in desired.items():
            try:
                reported[name] = self._set(index, name, value)
            except Refused as refused:
                reasons.append(str(refused))
        if reasons:
            raise Refused("; ".join(reasons), reported)
        return reported

    def _set(self, index: int, name: str, value: Any) -> Any:
        if name == INTERVAL.name:
            self.interval[index] = INTERVAL.take(value)
            return float(self.interval[index])
        for setting in self.kind.settings:
            if setting.parameter.name == name:
                setting.write(self.state, index, setting.parameter.take(value))
                return setting.read(self.state, index)
        raise Refused(f"a {self.kind.id} has no attribute {name!r} that can be set")

    def _warm_up(self, ts: int) -> int:
        """Live through the time until shortly before ``ts``; when that was."""
        step = min(WARM_UP_STEP, self.kind.longest_step)
        count = int(self.kind.warm_up / step)
        start = ts - round(count * step * 1000)
        for _ in self._advance(start, round(step * 1000), count - 1):
            pass
        return start + round((count - 1) * step * 1000)

    def _advance(self, before: int, gap: int, count: int) -> Iterator[Values]:
        """Advance by ``count`` gaps of milliseconds; each metric's (n, some) at their ends."""
        steps = max(1, int(np.ceil(gap / 1000 / self.kind.longest_step)))
        longest = max(1, min(LONGEST_BLOCK, LARGEST_BLOCK // max(1, self.numbers.size)))
        portion = max(1, longest // steps)
        for done in range(0, count, portion):
            size = min(portion, count - done)
            fine = np.arange(1, size * steps + 1) * (gap / steps)
            times = (before + done * gap + fine) / 1000
            for part in range(0, times.size, longest):
                values = self.state.advance(times[part : part + longest], gap / steps / 1000)
            # The end of each gap; of one that is longer than a part, the end of its last part.
            yield {metric: v[:, ::-1][:, ::steps][:, ::-1] for metric, v in values.items()}

    def _rounded(self, metric: str, parts: Sequence[Values]) -> FloatArray:
        scale = self.scales[metric]
        values = np.concatenate([part[metric] for part in parts], axis=1)
        # Adding 0 turns the -0.0 of a rounded small negative number into 0.0.
        return np.rint(values * scale) / scale + 0.0


def taken(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a command, each checked.

    Raises:
        Refused: one is missing, unknown, or of the wrong size.
    """
    names = {parameter.name for parameter in parameters}
    if strangers := sorted(set(given) - names):
        raise Refused(
            f"no parameter {strangers[0]!r}: it takes {', '.join(sorted(names)) or 'none'}"
        )
    for parameter in parameters:
        if parameter.name not in given and not parameter.optional:
            raise Refused(f"the parameter {parameter.name!r} is missing")
    return {p.name: p.take(given[p.name]) for p in parameters if p.name in given}


def even(gaps: IntArray) -> list[tuple[int, int]]:
    """Runs of equal gaps: where each begins, and before where it ends."""
    changes = np.flatnonzero(np.diff(gaps)) + 1
    edges = [0, *changes.tolist(), len(gaps)]
    return list(pairwise(edges))
