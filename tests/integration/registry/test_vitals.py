"""What the registry writes of itself, the broker and the database; and who may read it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest.metrics import Metrics
from registry import vitals
from service.vitals import figures
from tests.conftest import cloned
from tests.integration.registry.conftest import registry_settings, serving
from tests.parts import RunningBroker, free_port, wait_until

PAGE = Path(__file__).parents[3] / "docs/operations.md"
OLD = """
    INSERT INTO vital_sets (source, names) VALUES ('old', '{a,b}');
    INSERT INTO vitals SELECT now() - make_interval(days => days), id, ARRAY[1, days]
    FROM vital_sets, unnest(ARRAY[1, 29, 32, 400]) AS days
"""
WORLD = """
    INSERT INTO tenants (id, name, kind) VALUES ('sunny', 'Sunny', 'startup');
    INSERT INTO devices (id, tenant_id, name)
        VALUES ('dev-a', 'sunny', 'A'), ('dev-b', 'sunny', 'B');
    INSERT INTO series (device_id, metric, kind)
        SELECT 'dev-a', m, 'number' FROM unnest('{x,y,z}'::text[]) m;
    INSERT INTO readings SELECT 1, now() - n * INTERVAL '1 day', n FROM generate_series(1, 3) n;
"""


@pytest.fixture(scope="module")
def database_url(server: str, template: str) -> Iterator[str]:
    """One database for all tests of this module."""
    with cloned(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """The connection of all tests of this module."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def broker(programs: Any, session_home: Path) -> Iterator[RunningBroker]:
    """One broker for all tests of this module."""
    running = RunningBroker(programs, session_home / f"broker-{free_port()}")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module", autouse=True)
def registry(
    database_url: str, connection: psycopg.Connection, broker: RunningBroker
) -> Iterator[None]:
    """One registry, which writes much more often than in life, in a database with a past."""
    connection.execute(OLD.encode())
    connection.execute(WORLD.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vitals, "SECONDS", 0.1)
        patch.setattr(vitals, "DATABASE_SECONDS", 0.1)
        with serving(registry_settings(database_url, broker.folder, broker.port), connection):
            yield


def told(connection: psycopg.Connection, source: str) -> set[str]:
    """The names of what a source has told."""
    rows = connection.execute(
        "SELECT DISTINCT name FROM vitals_overview WHERE source = %s", [source]
    )
    return {name for (name,) in rows}


def explained(page: str, source: str) -> set[str]:
    """The names that the documentation gives to a source."""
    rows = re.findall(
        r"^\| `(\w+)(?:-N)?` \| `([\w.-]+)` \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE
    )
    return {name for part, name in rows if part == source}


@pytest.mark.parametrize("source", ["broker", "registry", "database"])
def test_every_figure_of_a_source_is_written_and_explained(
    connection: psycopg.Connection, source: str
) -> None:
    names = explained(PAGE.read_text(), source)
    assert len(names) > 10
    wait_until(lambda: told(connection, source) >= names, f"all figures: {names}")
    assert told(connection, source) == names


def test_every_figure_of_ingest_is_explained() -> None:
    reasons = re.compile(r"^rejections\..*")
    names = {reasons.sub("rejections.REASON", n) for n in figures([Metrics().registry])}
    assert explained(PAGE.read_text(), "ingest") == names


def test_the_database_tells_its_sizes_and_who_is_connected(connection: psycopg.Connection) -> None:
    def seen() -> dict[str, float]:
        return dict(connection.execute("SELECT name, value FROM database_overview").fetchall())

    # Of readings, and of vitals: a day and 29 days old, and from the second look on those of now.
    wait_until(lambda: seen().get("chunks", 0) >= 3 + 3, "all chunks")
    found = seen()
    assert (found["devices"], found["series"]) == (2, 3)
    assert found["readings_bytes"] > 3 * 8192
    assert found["database_bytes"] > found["readings_bytes"] + found["vitals_bytes"]
    assert found["states_bytes"] < found["readings_bytes"]
    assert found["connections.registry"] >= 1
    classes = [value for name, value in found.items() if name.startswith("connections.")]
    assert sum(classes) == found["connections"] < found["connections_max"]


def test_a_look_of_long_ago_is_not_shown_as_one_of_now(connection: psycopg.Connection) -> None:
    wait_until(lambda: told(connection, "database"), "the first look")
    shown = b"SELECT count(*) > 0 FROM database_overview"
    with connection.transaction(force_rollback=True):
        # What is written meanwhile is not seen.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("DELETE FROM vitals WHERE ts > now() - INTERVAL '1 hour'")
        for minutes, is_shown in ((11, False), (9, True)):
            connection.execute(
                "INSERT INTO vitals SELECT now() - make_interval(mins => %s), id, "
                "array_fill(1.0, ARRAY[cardinality(names)]) FROM vital_sets "
                "WHERE source = 'database'",
                [minutes],
            )
            assert connection.execute(shown).fetchone() == (is_shown,)


def test_what_is_older_than_30_days_goes(connection: psycopg.Connection) -> None:
    query = b"SELECT value FROM vitals_overview WHERE source = 'old' AND name = 'b' ORDER BY value"
    wait_until(lambda: len(connection.execute(query).fetchall()) == 2, "old vitals to go")
    assert connection.execute(query).fetchall() == [(1,), (29,)]


@pytest.mark.parametrize("role", ["technopark_grafana", "technopark_operators"])
def test_operators_read_the_views_and_not_the_tables(
    connection: psycopg.Connection, role: str
) -> None:
    wait_until(lambda: told(connection, "database"), "the first look")
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL ROLE {role}".encode())
        for view in ("vitals_overview", "database_overview"):
            assert connection.execute(f"SELECT FROM {view} LIMIT 1".encode()).rowcount == 1
        for table in ("vitals", "vital_sets"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"SELECT FROM {table}".encode())


def test_without_the_broker_nothing_is_said_of_it_and_the_rest_goes_on(
    connection: psycopg.Connection, broker: RunningBroker
) -> None:
    query = (
        "SELECT value FROM vitals_overview "
        "WHERE source = 'registry' AND name = 'broker_connected' ORDER BY ts DESC LIMIT 1"
    )
    after = (
        "SELECT FROM vitals_overview b WHERE source = 'broker' AND ts > (SELECT min(ts) "
        "FROM vitals_overview WHERE name = 'broker_connected' AND source = 'registry' "
        "AND value = 0 AND ts > %s)"
    )
    wait_until(lambda: connection.execute(query.encode()).fetchone() == (1,), "the broker")
    [now] = connection.execute("SELECT now()").fetchone() or ()
    broker.stop()
    wait_until(lambda: connection.execute(query.encode()).fetchone() == (0,), "the loss")
    assert connection.execute(after.encode(), [now]).fetchall() == []
