"""`ingest`: the platform beside its two halves, and beside what a user would take instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
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

# Odd, so that one of them is the median.
ROUNDS = 5
COUNT = 100_000
WARM_UP = 5_000
TESTBED_COUNT = 250
TESTBED_WARM_UP = 10
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
        runs: one of each round.
    """

    load: str
    part: str
    name: str
    qos: int | None
    run: Callable[[], Run]
    runs: list[Run] = field(default_factory=list)

    def compete(self) -> None:
        """Run once more."""
        self.runs.append(self.run())

    def typical(self) -> Run:
        """The run that took the median of the times."""
        return sorted(self.runs, key=lambda run: run.seconds)[len(self.runs) // 2]

    def lost(self) -> int:
        """Rows, in all rounds together."""
        return sum(run.lost for run in self.runs)

    def rates(self) -> list[float]:
        """Messages a second, of each round."""
        return [run.messages / run.seconds for run in self.runs]

    def versus(self, other: Contestant) -> float:
        """How many times as fast it is as another: the median of the ratios of all rounds.

        The two of a ratio ran within a minute. A neighbour that slows the machine for some minutes
        spoils a round or two, and those are not the median. Of the best runs of each, one could
        be of a quiet minute and the other not.
        """
        pairs = zip(self.rates(), other.rates(), strict=True)
        return median(ours / theirs for ours, theirs in pairs)


@dataclass
class Ground:
    """What all run on: the same brokers and the same database.

    Attributes:
        paces: how quick the machine was at the beginning of each round.
    """

    brokers: Mapping[str, Broker]
    url: str
    paces: list[dict[str, float]] = field(default_factory=list)
    contestants: list[Contestant] = field(default_factory=list)

    def add(
        self, load: str, part: str, name: str, qos: int | None, run: Callable[[], Run]
    ) -> Contestant:
        """Add a contestant."""
        self.contestants.append(Contestant(load, part, name, qos, run))
        return self.contestants[-1]

    def find(self, load: str, part: str, name: str, qos: int | None) -> Contestant:
        """The one of these attributes."""
        wanted = load, part, name, qos
        return next(c for c in self.contestants if (c.load, c.part, c.name, c.qos) == wanted)


def null(broker: Broker, load: Load, qos: int) -> Run:
    """One run of (a)."""
    brokers.drain(broker.port)
    count = len(load.messages)
    seconds, left = limits.null_subscriber(broker, load, qos)
    return Run(count, count * load.rows, seconds, left * load.rows)


def copied(url: str, load: Load, rows: Callable[[int], list[Readings]], like: Contestant) -> Run:
    """One run of (b), with transactions as large as the platform's in the same round."""
    batch = round(like.runs[-1].batch or len(load.messages))
    empty(url, "readings, latest")
    count = len(load.messages)
    return Run(count, count * load.rows, limits.copy_alone(url, rows(batch)), batch=batch)


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
        share: fleet(int(COUNT * share), limits.DEVICES, int(WARM_UP * share))
        for share in {other.share for other in others}
    }
    kill, url = ground.brokers["kill"], ground.url
    rows = partial(limits.fleet_rows, COUNT)
    for qos in (1, 0):
        ground.add("fleet", "a", "broker alone", qos, partial(null, kill, load, qos))
        ours = ground.add(
            "fleet", "c", "the platform", qos, partial(platform, kill, url, load, qos)
        )
        if qos == 1:
            ground.add("fleet", "b", "COPY alone", None, partial(copied, url, load, rows, ours))
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
    rows = partial(limits.testbed_rows, TESTBED_COUNT, FIRST_CHANNEL)
    for encoding in ENCODINGS:
        load = testbed(TESTBED_COUNT, encoding, FIRST_CHANNEL, TESTBED_WARM_UP)
        ground.add("testbed", "a", f"broker alone, {encoding}", 1, partial(null, kill, load, 1))
        run = partial(platform, kill, url, load, 1)
        ours = ground.add("testbed", "c", f"the platform, {encoding}", 1, run)
        if encoding == ENCODINGS[0]:
            ground.add("testbed", "b", "COPY alone", None, partial(copied, url, load, rows, ours))


def run(programs: Runtime, home: Path, url: str) -> Table:
    """All rounds; in each of them everybody runs once, so that a noisy minute hits all."""
    register(url)
    others = peers.prepare(programs, home, url)
    with brokers.running(programs, home) as running:
        ground = Ground(running, url)
        add_fleet(ground, others)
        add_testbed(ground)
        for _ in range(ROUNDS):
            ground.paces.append(machine.pace(home))
            for contestant in ground.contestants:
                contestant.compete()
    with psycopg.connect(url) as connection:
        return table(ground, others, machine.describe(programs, home, connection))


def table(ground: Ground, others: list[peers.Peer], about: dict[str, Any]) -> Table:
    """What people, plots and machines read."""
    result = Table(
        "ingest",
        f"{COUNT:,} messages of {len(METRICS)} values from {limits.DEVICES:,} devices; "
        f"{TESTBED_COUNT} messages of {len(CHANNELS)} × 1,000 from a testbed; "
        f"median of {ROUNDS} rounds; CPU s for half a million values",
        ["", "QoS", "msg/s", "values/s", "seconds", "lost", "CPU s", "MB"],
        about=about | {"npm": node.PACKAGES, "paces": ground.paces},
    )
    for one in ground.contestants:
        typical = one.typical()
        result.add(
            f"{one.load} ({one.part}) {one.name}",
            "" if one.qos is None else str(one.qos),
            f"{typical.messages / typical.seconds:,.0f}",
            f"{typical.rows / typical.seconds:,.0f}",
            f"{typical.seconds:.2f}",
            str(one.lost()),
            f"{cpu_of_100k(typical):.2f}" if typical.cpu else "",
            f"{typical.memory / 1e6:.0f}" if typical.memory else "",
        )
        result.about.setdefault("runs", []).append(
            {"load": one.load, "part": one.part, "name": one.name, "qos": one.qos}
            | asdict(typical)
            | {"lost": one.lost(), "rounds": [asdict(run) for run in one.runs]}
        )
    for what in ground.paces[0]:
        paces = [pace[what] for pace in ground.paces]
        result.notes.append(f"{what}: {min(paces):g} to {max(paces):g} at the start of a round")
    result.figures = figures(ground, others)
    result.limits = {"lost": 0}
    return result


def cpu_of_100k(run: Run) -> float:
    """CPU seconds of the program that stores, for the values of 100,000 messages of the fleet."""
    return (run.cpu or 0) * 100_000 * len(METRICS) / run.rows


def figures(ground: Ground, others: list[peers.Peer]) -> dict[str, float]:
    """The last line: medians of the rounds' ratios at QoS 1, and what the platform lost in all.

    The best peer is the one that comes nearest to the platform.
    """
    ours = ground.find("fleet", "c", "the platform", 1)
    broker = ground.find("fleet", "a", "broker alone", 1)
    copying = ground.find("fleet", "b", "COPY alone", None)
    columnar = ground.find("testbed", "c", f"the platform, {ENCODINGS[0]}", 1)
    columns = ground.find("testbed", "b", "COPY alone", None)
    by_peer = {
        other.name: ours.versus(ground.find("fleet", "d", other.name, 1)) for other in others
    }
    return {
        "columnar_vs_copy": columnar.versus(columns),
        "cpu_s_per_100k": median(cpu_of_100k(run) for run in ours.runs),
        "rss_mb": max(run.memory or 0 for run in ours.runs) / 1e6,
        "vs_limit": median(
            (a.seconds + b.seconds) / c.seconds
            for a, b, c in zip(broker.runs, copying.runs, ours.runs, strict=True)
        ),
        "vs_insert": by_peer[peers.INSERT_A_MESSAGE.name],
        "vs_best_same_rows": min(by_peer.values()),
        "lost": sum(one.lost() for one in ground.contestants if one.part == "c"),
    }
