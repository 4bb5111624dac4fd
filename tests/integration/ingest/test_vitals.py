"""What ingest writes of itself into the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ingest import vitals
from tests.integration.conftest import register
from tests.integration.ingest.test_pipeline import T0, publish
from tests.parts import RunningBroker, RunningIngest, wait_until

PAGE = Path(__file__).parents[3] / "docs/operations.md"
[EXAMPLE] = re.findall(r"```sql\n(SELECT ts AS time.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def writing(
    ingest: RunningIngest, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningIngest]:
    """Ingest, whose figures are written much more often than in life."""
    monkeypatch.setattr(vitals, "SECONDS", 0.1)
    with vitals.written(database_url, 1, ingest.pipeline.metrics.registry):
        yield ingest


def newest(connection: psycopg.Connection) -> dict[str, float]:
    """The newest figures of the first worker."""
    rows: list[Any] = connection.execute(
        "SELECT name, value FROM vitals_overview WHERE source = 'ingest-1' AND ts = ("
        "SELECT max(ts) FROM vitals_overview WHERE source = 'ingest-1')"
    ).fetchall()
    return dict(rows)


def tells(connection: psycopg.Connection, name: str, value: float) -> bool:
    return newest(connection).get(name) == value


def test_what_was_sent_is_counted_in_the_database(
    writing: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    with broker.client("dev-a") as client:
        payloads = [f'{{"ts": {T0 + n}, "values": {{"t": {n}, "u": 1}}}}' for n in range(20)]
        for payload in [*payloads, payloads[0], "no format at all"]:
            client.publish("devices/dev-a/telemetry", payload, qos=1).wait_for_publish(10)
    for name in ("received", "journalled", "acknowledged", "stored"):
        wait_until(partial(tells, connection, f"messages_{name}", 22), name)
    found = newest(connection)
    assert (found["readings_stored"], found["duplicates"]) == (40, 2)
    assert {name: value for name, value in found.items() if "rejections." in name and value} == {
        "rejections.unknown-format": 1
    }
    assert (found["broker_connected"], found["database_up"]) == (1, 1)
    assert found["batch_messages_sum"] == 22
    assert found["process_cpu_seconds"] > 0
    rates = connection.execute(EXAMPLE.encode()).fetchall()
    assert any(rate > 0 for *_, rate in rates)
    assert all(rate >= 0 for *_, rate in rates)
    sets = connection.execute("SELECT count(*) FROM vital_sets").fetchone()
    assert sets == (1,), "the names are kept once"


def test_while_the_database_is_away_ingest_goes_on_and_afterwards_so_do_its_figures(
    writing: RunningIngest, broker: RunningBroker, connection: psycopg.Connection, server: str
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    wait_until(lambda: newest(connection).get("database_up"), "the database is in use")
    name = sql.Identifier(connection.info.dbname)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'technopark-ingest%' AND datname = current_database()"
        )
        publish(broker, "dev-a", '{"t": 1}')
        wait_until(lambda: writing.count("messages_acknowledged") == 1, "it is acknowledged")
        wait_until(lambda: writing.gauge("database_up") == 0, "the loss is noticed")
        last = newest(connection)
        assert last["messages_stored"] == 0
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
    wait_until(lambda: newest(connection)["messages_stored"] == 1, "the figures come again")
    assert newest(connection)["database_reconnects"] == last["database_reconnects"] + 1


def test_figures_that_have_to_wait_for_a_lock_hold_up_no_message(
    writing: RunningIngest, broker: RunningBroker, connection: psycopg.Connection, database_url: str
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    wait_until(lambda: newest(connection), "the first figures")
    with psycopg.connect(database_url) as locker:
        locker.execute("LOCK TABLE vitals IN ACCESS EXCLUSIVE MODE")
        publish(broker, "dev-a", '{"t": 1}')
        wait_until(lambda: writing.count("messages_stored") == 1, "the message is stored")
    wait_until(lambda: newest(connection)["messages_stored"] == 1, "the figures come again")
