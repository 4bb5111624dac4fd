"""`memory`: what ingest and broker hold under full load, and while the database is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks import brokers, limits, machine, rounds
from benchmarks.brokers import Broker
from benchmarks.comparison import register
from benchmarks.end_to_end import Ingest, running_ingest
from benchmarks.load import METRICS
from benchmarks.results import Table
from benchmarks.rounds import Books
from benchmarks.senders import Crowd, Sender, sending
from benchmarks.watch import (
    Gauge,
    Samples,
    descriptors,
    folder_mb,
    private_mb,
    resident_mb,
    threads,
    watching,
)
from stack.runtime import Runtime
from tests.parts import USERS

# Of one round of the full load.
MESSAGES = 1_000_000
# While the database is away. A broker or a journal has to keep all of it: 0.4 GB in five minutes.
RATE = 2_000
# The database is away half as long as the full load lasts.
AWAY_SHARE = 0.5
LIMIT_MB = 250


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """SIGSTOP of a process and its children: connections stand, and nobody answers."""
    everyone = [process, *process.children(recursive=True)]
    try:
        for one in everyone:
            with suppress(psutil.NoSuchProcess):
                one.suspend()
        yield
    finally:
        for one in everyone:
            with suppress(psutil.NoSuchProcess):
                one.resume()


def gauges(ingest: Ingest, broker: Broker, postgres: psutil.Process) -> dict[str, Gauge]:
    """What is looked at every second."""
    return {
        "ingest_rss_mb": lambda: resident_mb(ingest.process),
        "ingest_fds": lambda: descriptors(ingest.process),
        "ingest_threads": lambda: threads(ingest.process),
        "journal_mb": lambda: folder_mb(ingest.journal),
        "broker_rss_mb": lambda: resident_mb(broker.process),
        "broker_fds": lambda: descriptors(broker.process),
        "postgres_private_mb": lambda: private_mb(postgres),
    }


def full_load(crowd: Crowd, connection: psycopg.Connection, books: Books, seconds: float) -> None:
    """As fast as acknowledgements come, round after round."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        crowd.go(MESSAGES)
        before = books.messages
        while crowd.acknowledged() - before < MESSAGES and time.monotonic() < deadline:
            time.sleep(0.5)
        books.close(connection, crowd)


def away(crowd: Crowd, postgres: psutil.Process, seconds: float) -> None:
    """A steady rate, and nobody there to store it."""
    with stopped(postgres):
        crowd.go(round(seconds * RATE))
        time.sleep(seconds)
        crowd.settle()


def sender(broker: Broker, rate: float | None) -> Sender:
    """1,000 devices on one connection."""
    return Sender("bench", broker.port, "_registry", USERS["_registry"], limits.DEVICES, rate)


def run(
    programs: Runtime, home: Path, url: str, minutes: float
) -> tuple[Table, Samples, dict[str, float]]:
    """Full load for ``minutes``, then the database away for half as long.

    Returns:
        The table, the samples, and when each phase began, in seconds.
    """
    rounds.require_space(home)
    register(url)
    # PostgreSQL's own note of its process, in the first line.
    note = home / "postgres" / "postmaster.pid"
    postgres = psutil.Process(int(note.read_text().splitlines()[0]))
    full, gone = Books(), Books()
    with (
        brokers.running_broker(programs, home / "broker-kill", brokers.KINDS["kill"]) as broker,
        running_ingest(broker, url) as ingest,
        psycopg.connect(url, autocommit=True) as connection,
        watching(gauges(ingest, broker, postgres)) as samples,
    ):
        with sending([sender(broker, None)]) as crowd:
            full_load(crowd, connection, full, minutes * 60)
        left_at = samples.seconds[-1]
        with sending([sender(broker, RATE)]) as crowd:
            away(crowd, postgres, minutes * 60 * AWAY_SHARE)
            back_at = samples.seconds[-1]
            gone.close(connection, crowd)
        ended_at = samples.seconds[-1]
        about = machine.describe(programs, home, connection) | {"samples": asdict(samples)}
    phases = {
        "full load": (0.0, left_at),
        "database away": (left_at, back_at),
        "database back": (back_at, ended_at + 1),
    }
    marks = {name: start for name, (start, _) in phases.items()}
    return table(samples, phases, (full, gone), about), samples, marks


def table(
    samples: Samples,
    phases: dict[str, tuple[float, float]],
    books: tuple[Books, Books],
    about: dict[str, Any],
) -> Table:
    """What people, plots and machines read."""
    result = Table(
        "memory",
        f"most in each phase; {len(METRICS)} values a message, {limits.DEVICES:,} devices, "
        f"{RATE:,} messages a second while the database is away",
        ["", *phases],
        about=about | {"phases": phases, "books": [asdict(one) for one in books]},
    )
    for name in samples.values:
        result.add(name, *(f"{samples.most(name, *phase):,.0f}" for phase in phases.values()))
    full, gone = books
    result.add("messages", f"{full.messages:,}", f"{gone.messages:,}", "")
    result.add("values lost", str(full.lost), "", str(gone.lost))
    away_and_back = phases["database away"][0], phases["database back"][1]
    result.figures = {
        "ingest_rss_mb_max": samples.most("ingest_rss_mb", *phases["full load"]),
        "ingest_rss_mb_away": samples.most("ingest_rss_mb", *away_and_back),
        "broker_rss_mb_away": samples.most("broker_rss_mb", *phases["database away"]),
        "lost": full.lost + gone.lost,
    }
    result.limits = {"ingest_rss_mb_max": LIMIT_MB, "ingest_rss_mb_away": LIMIT_MB, "lost": 0}
    return result
