"""The real parts that tests run against: one PostgreSQL for the session, a database for a test."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import structlog
from hypothesis import settings
from psycopg import sql

from stack import runtime
from storage.migrate import migrate
from tests import editions
from tests.parts import free_port, running_database, wait_until

__all__ = ["free_port", "wait_until"]  # what tests take from here

# Not where commands that tests run in this process print.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
# A busy machine may take long over one example. The integration server repeats the same examples.
settings.register_profile("technopark", deadline=None, derandomize="CI" in os.environ)
# Eight properties of the decoder make 100,000 examples with this one: see docs/fuzzing.md.
settings.register_profile("long", deadline=None, max_examples=12_500)
settings.load_profile("technopark")

ROOT = Path(__file__).parent.parent
# A disk in memory, where the system has one, and what a whole run may take of it.
MEMORY, ROOM = Path("/dev/shm"), 6 * 2**30


def pytest_configure() -> None:
    """Put temporary folders into memory where there is room.

    A cloned database is 600 small files: on a disk each clone takes five times as much CPU time.
    """
    if is_roomy(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def is_roomy(folder: Path) -> bool:
    """Whether a folder in memory takes a whole run, and what is in it may be executed."""
    if not os.access(folder, os.W_OK):
        return False
    free = min(shutil.disk_usage(folder).free, psutil.virtual_memory().available)
    return free >= ROOM and not os.statvfs(folder).f_flag & os.ST_NOEXEC


# Roles belong to the whole server: those of the tenants stay behind when a database is dropped.
DROP_TENANT_ROLES = """
DO $$
DECLARE
    role name;
BEGIN
    FOR role IN
        SELECT rolname FROM pg_roles r
        WHERE rolname ~ '^[gpt]_[0-9a-f]{32}$' AND NOT EXISTS (
            SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid)
    LOOP
        EXECUTE format('DROP ROLE %I', role);
    END LOOP;
END $$
"""


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
    settings = {
        "fsync": "off", "timescaledb.max_background_workers": "0", "max_wal_size": "256MB",
    }  # fmt: skip
    with running_database(programs, session_home / "postgres", settings) as url:
        yield url


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


@contextmanager
def cloned(server: str, template: str) -> Iterator[str]:
    """The URL of a fresh migrated database; gone afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield server.replace("/postgres", f"/{name}")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(DROP_TENANT_ROLES)


@pytest.fixture(scope="session")
def community_server() -> Iterator[str]:
    """The Community edition with the whole schema: its URL."""
    with editions.running_community(ROOT / ".technopark" / "community") as url:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            migrate(connection)
        yield url


@pytest.fixture
def community_url(community_server: str) -> str:
    """The one migrated database of the Community edition, emptied."""
    with psycopg.connect(community_server, autocommit=True, prepare_threshold=None) as connection:
        editions.empty(connection)
    return community_server


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh migrated database of this test's own; gone afterwards.

    By `both_editions` and `on_community` of tests/editions.py it is one of the Community edition.
    """
    if getattr(request, "param", "apache") == "community":
        yield request.getfixturevalue("community_url")
        return
    with cloned(request.getfixturevalue("server"), request.getfixturevalue("template")) as url:
        yield url


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to a fresh migrated database."""
    community = "sslmode=disable" in database_url
    threshold = None if community else 5
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=threshold) as opened:
        yield opened
