"""Samples of memory and the like while something runs, and whether they stay flat."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from math import isnan, nan
from pathlib import Path
from statistics import median

import psutil

EVERY_SECONDS = 1.0
# The last third of a run may be so much above the second, and the slack of its kind. The first
# third is the warm-up: caches fill, and each kind of fault comes for the first time.
SHARE = 0.1

Gauge = Callable[[], float]


@dataclass
class Samples:
    """Values of gauges over time.

    Attributes:
        seconds: since the start, of each sample.
        values: name of the gauge to one value a sample; NaN where there was none.
    """

    seconds: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def between(self, name: str, start: float, end: float) -> list[float]:
        """The values of a gauge in a time, without what is missing."""
        pairs = zip(self.seconds, self.values[name], strict=True)
        return [value for at, value in pairs if start <= at < end and not isnan(value)]

    def most(self, name: str, start: float, end: float) -> float:
        """The largest of them."""
        return max(self.between(name, start, end))


@contextmanager
def watching(gauges: Mapping[str, Gauge]) -> Iterator[Samples]:
    """Sample all gauges once a second, in a thread of its own.

    A gauge of a process that is away at this moment has no value.
    """
    samples = Samples(values={name: [] for name in gauges})
    ending = threading.Event()
    started = time.monotonic()

    def sample() -> None:
        while not ending.wait(EVERY_SECONDS):
            samples.seconds.append(time.monotonic() - started)
            for name, gauge in gauges.items():
                value = nan
                with suppress(psutil.Error, OSError):
                    value = gauge()
                samples.values[name].append(value)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        ending.set()
        thread.join()


def tree(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started, as far as it is still there."""
    return [process, *process.children(recursive=True)]


def resident_mb(process: psutil.Process) -> float:
    """Resident megabytes of a process and its children."""
    total = 0
    for one in tree(process):
        with suppress(psutil.NoSuchProcess):
            total += one.memory_info().rss
    return total / 1e6


def private_mb(process: psutil.Process) -> float:
    """The same without what they share: of PostgreSQL, without its buffers."""
    total = 0
    for one in tree(process):
        with suppress(psutil.NoSuchProcess):
            memory = one.memory_info()
            total += memory.rss - memory.shared
    return total / 1e6


def descriptors(process: psutil.Process) -> float:
    """Open files and sockets of a process and its children."""
    total = 0
    for one in tree(process):
        with suppress(psutil.NoSuchProcess):
            total += one.num_fds()
    return total


def threads(process: psutil.Process) -> float:
    """Threads of a process and its children."""
    total = 0
    for one in tree(process):
        with suppress(psutil.NoSuchProcess):
            total += one.num_threads()
    return total


def folder_mb(folder: Path) -> float:
    """Megabytes of the files in a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total / 1e6


@dataclass(frozen=True)
class Trend:
    """The medians of the three thirds of a run, in their order."""

    warm_up: float
    first: float
    last: float

    def is_flat(self, slack: float) -> bool:
        """Whether the last third is at most a tenth, and ``slack``, above the second.

        Growth is what is looked for: less is as good as the same.
        """
        return self.last <= self.first * (1 + SHARE) + slack


def trend(values: Sequence[float]) -> Trend:
    """The trend of samples at equal distances; what is missing is left out.

    Raises:
        ValueError: a third has no value.
    """
    size = len(values)
    cuts = [0, size // 3, 2 * size // 3, size]
    thirds = [
        [value for value in values[start:end] if not isnan(value)] for start, end in pairwise(cuts)
    ]
    if not all(thirds):
        raise ValueError("a third of the run has no sample: let it last longer")
    return Trend(*(median(third) for third in thirds))
