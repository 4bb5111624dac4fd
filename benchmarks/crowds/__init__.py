"""Ways to play many devices from one process, each told the same: so many, so fast, so long."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass

# Messages that are handed over at a time, and how many may be without acknowledgement.
PIECE, MOST_AHEAD = 500, 5000
# Each message holds five values and its own time, as those of the other benchmarks do.
METRICS = ("temperature", "humidity", "voltage", "current", "power")


@dataclass(frozen=True)
class Job:
    """What a crowd is to do.

    Attributes:
        port: of the broker.
        devices: how many connections; devices are `crowd-00000`, …, their secrets their names.
        interval: seconds between two messages of a device.
        seconds: how long they publish.
    """

    port: int
    devices: int
    interval: float
    seconds: float

    @property
    def names(self) -> list[str]:
        """Of the devices."""
        return [f"crowd-{number:05}" for number in range(self.devices)]


@dataclass(frozen=True)
class Done:
    """What a crowd has done.

    Attributes:
        connections: held at once while it published.
        connect_s: seconds until all were connected.
        acknowledged: messages, within the seconds of publishing.
        seconds: that it published.
        cpu_s: of its process, while it published.
        pace: messages acknowledged a second, as the slope of their course, which does not depend
            on where in a turn of the devices the publishing began and ended; None: not known.
    """

    connections: int
    connect_s: float
    acknowledged: int
    seconds: float
    cpu_s: float
    pace: float | None = None


def job() -> Job:
    """What the command line says."""
    return Job(**json.loads(sys.argv[1]))


def tell(done: Done) -> None:
    """Say what was done, to the process that asked."""
    print(json.dumps(asdict(done)), flush=True)


def payload(number: int) -> bytes:
    """A message of five values."""
    values = {name: number % 100 + index / 8 for index, name in enumerate(METRICS)}
    return json.dumps({"ts": time.time_ns() // 1_000_000, "values": values}).encode()
