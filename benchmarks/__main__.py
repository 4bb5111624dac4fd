"""``python -m benchmarks [--only NAME]``: every benchmark on parts of its own, on loopback."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg
from rich.console import Console

from benchmarks import comparison, copying, machine, plot, receivers
from benchmarks.results import RESULTS, Table
from stack import runtime
from stack.runtime import Runtime
from storage.migrate import migrate
from tests.parts import RunningBroker, running_database

NAMES = ("session", "writer", "ingest")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=NAMES, help="run this one alone")
    only = parser.parse_args().only
    console = Console(width=110)
    with ExitStack() as parts:
        home = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="technopark-bench-")))
        home.chmod(0o711)
        checkout = Path(__file__).parent.parent / ".technopark"
        runtime.ensure(checkout)
        programs = runtime.find(home) or runtime.find(home, checkout / "runtime")
        assert programs
        url = parts.enter_context(running_database(programs, home / "postgres", {}))
        for name in [only] if only else NAMES:
            run(name, programs, home, fresh_database(url, name)).show(console)


def run(name: str, programs: Runtime, home: Path, url: str) -> Table:
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
    else:
        table = comparison.run(programs, home, url)
        plot.draw(table, RESULTS / "ingest")
    return table if table.about else with_machine(table, programs, home, url)


def with_machine(table: Table, programs: Runtime, home: Path, url: str) -> Table:
    """The table with machine and versions beside it."""
    table.about = machine.describe(programs, home, url)
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
    main()
