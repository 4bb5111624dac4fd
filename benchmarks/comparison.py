"""`ingest`: the platform beside its two halves, and beside what a user would take instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import brokers, limits, machine, peers
from benchmarks.brokers import Broker
from benchmarks.end_to_end import Run, empty, peer, platform
from benchmarks.load import CHANNELS, METRICS, Load, fleet, testbed
from benchmarks.peers import node
from benchmarks.results import Table
from stack.runtime import Runtime
from storage.writer import Readings

ROUNDS = 3
COUNT = 100_000
WARM_UP = 5_000
# Messages in a transaction of (b), here and below: the mean of ingest's own under the same load.
BATCH = 8_000
TESTBED_COUNT = 250
TESTBED_WARM_UP = 10
TESTBED_BATCH = 60
ENCODINGS = ("cbor", "json")
FIRST_CHANNEL = limits.DEVICES * len(METRICS) + 1


@dataclass
class Contestant:
    """One row of the table.

    Attributes:
        load: its name.
        part: a, b, c or d, as the issue calls them.
        name: for people.
        qos: of publisher and subscriber; None: no broker.
        run: one run.
        best: the fastest run so far.
        lost: rows, in all runs together.
    """

    load: str
    part: str
    name: str
    qos: int | None
    run: Callable[[], Run]
    best: Run | None = None
    lost: int = 0

    def compete(self) -> None:
        """Run once more."""
        run = self.run()
        self.lost += run.lost
        if self.best is None or run.seconds < self.best.seconds:
            self.best = run

    def result(self) -> Run:
        """The best run."""
        assert self.best
        return self.best

    def rate(self) -> float:
        """Messages a second."""
        return self.result().messages / self.result().seconds

    def values(self) -> float:
        """Values a second."""
        return self.result().rows / self.result().seconds


@dataclass
class Ground:
    """What all run on: the same brokers and the same database."""

    brokers: Mapping[str, Broker]
    url: str
    contestants: list[Contestant] = field(default_factory=list)

    def add(self, load: str, part: str, name: str, qos: int | None, run: Callable[[], Run]) -> None:
        """Add a contestant."""
        self.contestants.append(Contestant(load, part, name, qos, run))

    def find(self, load: str, part: str, name: str, qos: int | None) -> Contestant:
        """The one of these attributes."""
        wanted = load, part, name, qos
        return next(c for c in self.contestants if (c.load, c.part, c.name, c.qos) == wanted)


def null(broker: Broker, load: Load, qos: int) -> Run:
    """One run of (a)."""
    brokers.drain(broker.port)
    count = len(load.messages)
    return Run(count, count * load.rows, limits.null_subscriber(broker, load, qos))


def copied(url: str, load: Load, rows: list[Readings]) -> Run:
    """One run of (b)."""
    empty(url, "readings, latest")
    count = len(load.messages)
    return Run(count, count * load.rows, limits.copy_alone(url, rows))


def register(url: str) -> None:
    """The devices and series of the loads. Peers compute the same ids from a device's number."""
    insert_series = (
        "INSERT INTO series (device_id, metric, kind) "
        "SELECT id, metric, 'number' "
        "FROM devices, unnest(%s::text[]) WITH ORDINALITY AS given (metric, n) "
        "WHERE starts_with(id, %s) ORDER BY id, n"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO tenants (id, name, kind) VALUES ('bench', 'B', 'startup')")
        connection.execute(
            "INSERT INTO devices (id, tenant_id, name) SELECT id, 'bench', 'b' FROM "
            "(SELECT 'bench-' || lpad(n::text, 5, '0') FROM generate_series(0, %s) n "
            "UNION ALL SELECT 'testbed') AS new (id)",
            [limits.DEVICES - 1],
        )
        connection.execute(insert_series, [list(METRICS), "bench-"])
        connection.execute(insert_series, [list(CHANNELS), "testbed"])


def add_fleet(ground: Ground, others: list[peers.Peer]) -> None:
    """1,000 devices with five values, at both levels of service."""
    load = fleet(COUNT, limits.DEVICES, WARM_UP)
    parts = {
        share: fleet(int(COUNT * share), limits.DEVICES, WARM_UP)
        for share in {other.share for other in others}
    }
    kill, url = ground.brokers["kill"], ground.url
    rows = limits.fleet_rows(COUNT, BATCH)
    ground.add("fleet", "b", "COPY alone", None, partial(copied, url, load, rows))
    for qos in (1, 0):
        ground.add("fleet", "a", "broker alone", qos, partial(null, kill, load, qos))
        ground.add("fleet", "c", "the platform", qos, partial(platform, kill, url, load, qos))
        for other in others:
            given = parts[other.share]
            ground.add("fleet", "d", other.name, qos, partial(peer, other, kill, url, given, qos))
    for name in ("power", "memory"):
        broker, note = ground.brokers[name], f", queue: {name}"
        ground.add("fleet", "a", f"broker alone{note}", 1, partial(null, broker, load, 1))
        ground.add("fleet", "c", f"the platform{note}", 1, partial(platform, broker, url, load, 1))


def add_testbed(ground: Ground) -> None:
    """One testbed of eight channels at 1 kHz."""
    kill, url = ground.brokers["kill"], ground.url
    rows = limits.testbed_rows(TESTBED_COUNT, FIRST_CHANNEL, TESTBED_BATCH)
    for encoding in ENCODINGS:
        load = testbed(TESTBED_COUNT, encoding, FIRST_CHANNEL, TESTBED_WARM_UP)
        if encoding == ENCODINGS[0]:
            ground.add("testbed", "b", "COPY alone", None, partial(copied, url, load, rows))
        ground.add("testbed", "a", f"broker alone, {encoding}", 1, partial(null, kill, load, 1))
        run = partial(platform, kill, url, load, 1)
        ground.add("testbed", "c", f"the platform, {encoding}", 1, run)


def run(programs: Runtime, home: Path, url: str) -> Table:
    """All rounds; in each of them everybody runs once, so that a noisy minute hits all."""
    register(url)
    others = peers.prepare(programs, home, url)
    with brokers.running(programs, home) as running:
        ground = Ground(running, url)
        add_fleet(ground, others)
        add_testbed(ground)
        for _ in range(ROUNDS):
            for contestant in ground.contestants:
                contestant.compete()
    return table(ground, others, machine.describe(programs, home, url))


def table(ground: Ground, others: list[peers.Peer], about: dict[str, Any]) -> Table:
    """What people, plots and machines read."""
    result = Table(
        "ingest",
        f"{COUNT:,} messages of {len(METRICS)} values from {limits.DEVICES:,} devices; "
        f"{TESTBED_COUNT} messages of {len(CHANNELS)} × 1,000 from a testbed; best of {ROUNDS}",
        ["", "QoS", "msg/s", "values/s", "seconds", "lost", "CPU s", "MB"],
        about=about | {"npm": node.PACKAGES},
    )
    for one in ground.contestants:
        best = one.result()
        result.add(
            f"{one.load} ({one.part}) {one.name}",
            "" if one.qos is None else str(one.qos),
            f"{one.rate():,.0f}",
            f"{one.values():,.0f}",
            f"{best.seconds:.2f}",
            str(one.lost) if one.part in "cd" else "",
            f"{best.cpu:.2f}" if one.part == "c" and best.cpu else "",
            f"{best.memory / 1e6:.0f}" if one.part == "c" and best.memory else "",
        )
        result.about.setdefault("runs", []).append(
            {"load": one.load, "part": one.part, "name": one.name, "qos": one.qos}
            | asdict(best)
            | {"lost": one.lost}
        )
    result.figures = figures(ground, others)
    return result


def figures(ground: Ground, others: list[peers.Peer]) -> dict[str, float]:
    """The last line: ratios of the best runs at QoS 1, and what the platform lost in all runs."""
    ours = ground.find("fleet", "c", "the platform", 1)
    halves = (
        ground.find("fleet", "a", "broker alone", 1).result().seconds
        + ground.find("fleet", "b", "COPY alone", None).result().seconds
    )
    rates = {other.name: ground.find("fleet", "d", other.name, 1).rate() for other in others}
    return {
        "vs_limit": halves / ours.result().seconds,
        "vs_insert": ours.rate() / rates["paho, INSERT a message"],
        "vs_best_same_rows": ours.rate() / max(rates.values()),
        "lost": sum(one.lost for one in ground.contestants if one.part == "c"),
    }
