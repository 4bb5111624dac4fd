"""What a running platform does at this moment, measured once a second in a thread of its own."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

import psycopg
from prometheus_client.parser import text_string_to_metric_families
from psycopg.rows import class_row

from storage.queries import load

PERIOD_SECONDS = 1.0
# Seconds over which a rate is taken, so that it does not flicker.
RATE_SECONDS = 5.0
HISTORY = 60
COUNTERS = ("messages_received", "readings_stored", "rejections")


@dataclass(frozen=True)
class Newest:
    """The newest reading of a series."""

    device: str
    metric: str
    unit: str | None
    value: float


@dataclass(frozen=True)
class Sample:
    """One look at the platform.

    Attributes:
        time: of the look, monotonic seconds.
        messages: that ingest received since the meter started; so also the next two.
        readings: stored.
        rejections: messages or parts of them.
        online: devices that are connected.
        newest: of the devices that are shown, by device and metric.
    """

    time: float
    messages: float = 0
    readings: float = 0
    rejections: float = 0
    online: int = 0
    newest: Sequence[Newest] = ()


@dataclass
class Meter:
    """Looks every second as long as it is entered. Its figures may be read from any thread.

    Attributes:
        metrics_port: ingest's, on loopback.
        database_url: of the platform's database.
        devices: whose readings are of interest, asked at each look, and with which time stamp;
            None: the newest of all.
        samples: the last minute, the oldest first.
        histories: of each shown series by device and metric, one value a second.
        first_reading_at: when the first reading was seen stored, monotonic seconds.
    """

    metrics_port: int
    database_url: str
    devices: Callable[[], Mapping[str, datetime | None]]
    samples: deque[Sample] = field(
        default_factory=lambda: deque([Sample(time.monotonic())], HISTORY)
    )
    histories: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    first_reading_at: float | None = None

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
        self._queries = load("live")
        self._counted: dict[str, float] = {}
        self._totals = dict.fromkeys(COUNTERS, 0.0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def now(self) -> Sample:
        """The last look."""
        return self.samples[-1]

    def rate(self, of: Callable[[Sample], float]) -> float:
        """How fast a total has grown in the last seconds, per second."""
        samples = list(self.samples)
        last = samples[-1]
        first = next(s for s in samples if last.time - s.time <= RATE_SECONDS)
        elapsed = last.time - first.time
        return (of(last) - of(first)) / elapsed if elapsed else 0.0

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_SECONDS):
            # A service that is away shows as figures that stand still.
            with contextlib.suppress(OSError, http.client.HTTPException, psycopg.Error, ValueError):
                self._look()

    def _look(self) -> None:
        self._count(scrape(self.metrics_port))
        with psycopg.connect(self.database_url, connect_timeout=2) as connection:
            online = connection.execute(self._queries["devices"]).fetchone()
            newest = [
                one
                for wanted in self.devices().items()
                for one in self._newest(connection, *wanted)
            ]
        for one in newest:
            key = (one.device, one.metric)
            self.histories.setdefault(key, deque(maxlen=HISTORY)).append(one.value)
        messages, readings, rejections = (self._totals[name] for name in COUNTERS)
        if readings and self.first_reading_at is None:
            self.first_reading_at = time.monotonic()
        self.samples.append(
            Sample(
                time.monotonic(), messages, readings, rejections, online[0] if online else 0, newest
            )
        )

    def _newest(
        self, connection: psycopg.Connection, device: str, ts: datetime | None
    ) -> list[Newest]:
        query = self._queries["newest" if ts is None else "at"]
        with connection.cursor(row_factory=class_row(Newest)) as cursor:
            return cursor.execute(query, {"device": device, "ts": ts}).fetchall()

    def _count(self, counted: Mapping[str, float]) -> None:
        """Add what is new; a counter that is lower than before is that of a new process."""
        for name in COUNTERS:
            value, before = counted.get(name, 0.0), self._counted.get(name, 0.0)
            self._totals[name] += value - before if value >= before else value
            self._counted[name] = value


def scrape(port: int) -> dict[str, float]:
    """Ingest's counters, summed over their labels, by name without prefix and suffix."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return {
        family.name.removeprefix("technopark_ingest_"): sum(
            sample.value for sample in family.samples if sample.name.endswith("_total")
        )
        for family in text_string_to_metric_families(text)
    }
