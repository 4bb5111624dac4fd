"""``python -m benchmarks [--only NAME]``: each benchmark on parts of its own, on loopback."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg
from rich.console import Console

from benchmarks import (
    comparison,
    copying,
    dashboards,
    history,
    latency,
    machine,
    memory,
    plot,
    receivers,
    registry,
    simulators,
    timeline,
)
from benchmarks.results import RESULTS, Table
from stack import runtime
from stack.runtime import Runtime
from storage.migrate import migrate
from tests.parts import RunningBroker, running_database

NAMES = (
    "session", "writer", "ingest", "latency", "memory", "registry", "simulators", "history",
    "dashboards",
)  # fmt: skip
# They take a quarter of an hour each, so they run only by their names.
LONG = ("memory", "history", "dashboards")
# What this checkout keeps: the runtime, and the Community edition.
CHECKOUT = Path(__file__).parent.parent / ".technopark"
# How long a load lasts whose length can be chosen.
MINUTES = {"latency": 1.0, "memory": 10.0}


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=NAMES, help="run this one alone")
    parser.add_argument("--minutes", type=float, help="of load; with --only latency or memory")
    given = parser.parse_args()
    if given.minutes is not None and given.only not in MINUTES:
        parser.error(f"--minutes goes with --only {' or '.join(MINUTES)}")
    return given


def main() -> int:
    """Run what was asked for.

    Returns:
        0; 1 when a figure is not what is promised.
    """
    given = arguments()
    broken = []
    console = Console(width=110)
    with ExitStack() as parts:
        home = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="technopark-bench-")))
        home.chmod(0o711)
        runtime.ensure(CHECKOUT)
        programs = runtime.find(home) or runtime.find(home, CHECKOUT / "runtime")
        assert programs
        url = parts.enter_context(running_database(programs, home / "postgres", {}))
        for name in [given.only] if given.only else [x for x in NAMES if x not in LONG]:
            minutes = given.minutes or MINUTES.get(name, 0)
            table = run(name, programs, home, fresh_database(url, name), minutes)
            table.show(console)
            broken += table.broken()
    for sentence in broken:
        console.print(sentence)
    return 1 if broken else 0


def run(name: str, programs: Runtime, home: Path, url: str, minutes: float) -> Table:
    """Run one benchmark."""
    if name == "session":
        broker = RunningBroker(programs, home / "broker")
        broker.start()
        try:
            table = receivers.run(broker)
        finally:
            broker.stop()
    elif name == "writer":
        table = copying.run(url)
    elif name == "latency":
        table = latency.run(programs, home, url, minutes)
    elif name == "registry":
        table = registry.run(programs, home, url)
    elif name == "simulators":
        table = simulators.run(programs, home)
    elif name == "history":
        table = history.run(programs, home, url, CHECKOUT / "community")
        plot.draw_history(table, RESULTS / "history")
    elif name == "dashboards":
        table = dashboards.run(home, url)
    elif name == "memory":
        table, samples, marks = memory.run(programs, home, url, minutes)
        timeline.draw(samples, marks, "Full load, then the database away", RESULTS / "memory")
    else:
        table = comparison.run(programs, home, url)
        plot.draw(table, RESULTS / "ingest")
    return table if table.about else with_machine(table, programs, home, url)


def with_machine(table: Table, programs: Runtime, home: Path, url: str) -> Table:
    """The table with machine and versions beside it."""
    with psycopg.connect(url) as connection:
        table.about = machine.describe(programs, home, connection)
    return table


def fresh_database(url: str, name: str) -> str:
    """The URL of a new database with the platform's schema."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE bench_{name}".encode())
    fresh = url.replace("/postgres", f"/bench_{name}")
    with psycopg.connect(fresh, autocommit=True) as connection:
        migrate(connection)
    return fresh


if __name__ == "__main__":
    sys.exit(main())
