"""The real parts that tests run against: one PostgreSQL for the session, a database for a test."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from stack import database, runtime
from storage.migrate import migrate

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    """A port of loopback that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    holds: Callable[[], object], what: str, seconds: float = 20, pause: float = 0.02
) -> None:
    """Return as soon as ``holds()`` is true; fail the test, naming ``what``, when it never is."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


@pytest.fixture(scope="session")
def runtime_tree() -> Path:
    """The private runtime of this checkout, which `make test` has built before."""
    runtime.ensure(ROOT / ".technopark")
    return ROOT / ".technopark" / "runtime"


@pytest.fixture(scope="session")
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A platform folder for the whole session."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o711)
    return home


@pytest.fixture(scope="session")
def programs(runtime_tree: Path, session_home: Path) -> runtime.Runtime:
    """The programs of the runtime, seeing the session's folder as their home."""
    found = runtime.find(session_home) or runtime.find(session_home, runtime_tree)
    assert found
    return found


@pytest.fixture(scope="session")
def server(programs: runtime.Runtime, session_home: Path) -> Iterator[str]:
    """A running PostgreSQL with TimescaleDB: the URL of its maintenance database."""
    password, port = secrets.token_hex(8), free_port()
    folder = session_home / "postgres"
    database.create(programs, folder, password)
    command = database.command(
        programs, folder, port, {"fsync": "off", "timescaledb.max_background_workers": "0"}
    )
    with (session_home / "postgres.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    url = f"postgresql://technopark:{password}@127.0.0.1:{port}/postgres"
    wait_until(lambda: answers(url), "PostgreSQL to answer")
    yield url
    process.terminate()
    process.wait(30)


def answers(url: str) -> bool:
    """Whether a connection to ``url`` succeeds."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """The name of a database with the whole schema, to be cloned."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_technopark")
    with psycopg.connect(
        server.replace("/postgres", "/template_technopark"), autocommit=True
    ) as connection:
        migrate(connection)
    return "template_technopark"


@pytest.fixture
def database_url(server: str, template: str) -> Iterator[str]:
    """A fresh migrated database of this test's own; gone afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield server.replace("/postgres", f"/{name}")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to a fresh migrated database."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened
