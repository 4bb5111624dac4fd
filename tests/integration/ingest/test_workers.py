"""Workers of ingest as processes: they share, they are killed, they become fewer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import psutil
import psycopg
import pytest

from broker.config import INGEST_USERS
from broker.session import Session
from stack.probes import http_answers
from tests.integration.conftest import register
from tests.parts import USERS, RunningBroker, RunningIngest, free_port, wait_until

T0 = 1_767_225_600_000


def environment(url: str, broker: RunningBroker, journal: Path, port: int) -> dict[str, str]:
    settings = {
        "DATABASE_URL": url,
        "BROKER_PORT": str(broker.port),
        "INGEST_PASSWORD": USERS["_ingest"],
        "INGEST_JOURNAL": str(journal),
        "INGEST_PORT": str(port),
        "INGEST_LINGER_MS": "1",
    }
    return {**os.environ, **{f"TECHNOPARK_{name}": value for name, value in settings.items()}}


@contextmanager
def process(command: list[str], settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is asked to end with the context, and has to."""
    running = subprocess.Popen([sys.executable, "-m", *command], env=settings)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)


@contextmanager
def workers(count: int, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`technopark ingest` with all its workers ready."""
    port = int(settings["TECHNOPARK_INGEST_PORT"])
    with process(["cli", "ingest", "--workers", str(count)], settings) as running:
        for n in range(count):
            wait_until(partial(http_answers, "127.0.0.1", port + n, "/ready"), f"worker {n + 1}")
        yield running


@pytest.fixture
def settings(database_url: str, broker: RunningBroker, tmp_path: Path) -> dict[str, str]:
    return environment(database_url, broker, tmp_path / "journal", free_port())


def stored(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM readings").fetchone()
    assert row
    return int(row[0])


def publish(broker: RunningBroker, numbers: range) -> None:
    with broker.client("dev-a") as client:
        sent = [
            client.publish(
                "devices/dev-a/telemetry", json.dumps({"ts": T0 + n, "values": {"t": n}}), qos=1
            )
            for n in numbers
        ]
        for message in sent:
            message.wait_for_publish(20)
            assert message.is_published()


def received_by(port: int) -> int:
    """Messages that the worker with this port got."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        [line] = [
            line
            for line in answer.read().decode().splitlines()
            if line.startswith("technopark_ingest_messages_received_total")
        ]
    return int(float(line.split()[-1]))


def test_workers_share_the_telemetry_and_each_message_is_stored_once(
    settings: dict[str, str], broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    port = int(settings["TECHNOPARK_INGEST_PORT"])
    with workers(2, settings):
        publish(broker, range(200))
        wait_until(lambda: stored(connection) == 200, "all readings")
        assert received_by(port) > 20
        assert received_by(port + 1) > 20
        assert received_by(port) + received_by(port + 1) == 200
        sources = b"SELECT DISTINCT source FROM vitals_overview ORDER BY 1"
        both = [("ingest-1",), ("ingest-2",)]
        wait_until(lambda: connection.execute(sources).fetchall() == both, "figures of each")


def test_a_worker_that_is_killed_loses_nothing_and_is_started_again(
    settings: dict[str, str], broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    with workers(2, settings) as parent:
        for round_ in range(3):
            publish(broker, range(round_ * 300, round_ * 300 + 150))
            wait_until(lambda: len(psutil.Process(parent.pid).children()) == 2, "both workers")
            psutil.Process(parent.pid).children()[round_ % 2].kill()
            publish(broker, range(round_ * 300 + 150, round_ * 300 + 300))
        wait_until(lambda: stored(connection) == 900, "all readings", 40)


def test_with_fewer_workers_nothing_stays_behind_in_queue_or_journal(
    settings: dict[str, str], broker: RunningBroker, connection: psycopg.Connection, tmp_path: Path
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    journal = tmp_path / "journal"
    with psycopg.connect(connection.info.dsn, password=connection.info.password) as locker:
        with workers(3, settings):
            locker.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
            publish(broker, range(90))
        locker.rollback()
    publish(broker, range(90, 180))
    assert {path.name for path in journal.iterdir()} == {"1", "2", "3"}
    with workers(1, settings):
        wait_until(lambda: stored(connection) == 180, "what the others left")
        wait_until(lambda: [path.name for path in journal.iterdir()] == ["1"], "their journals")
        publish(broker, range(180, 190))
        wait_until(lambda: stored(connection) == 190, "what came afterwards")
    for user in INGEST_USERS[1:3]:
        with Session("127.0.0.1", broker.port, user, USERS[user], []) as session:
            assert not session.present
            session.close(forget=True)


def test_a_broker_that_is_killed_right_after_an_acknowledgement_loses_nothing(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    """Mosquitto acknowledges before it commits, but after it has handed the message to ingest."""
    register(connection, "dev-a")
    broker.add("dev-a")
    for n in range(10):
        with broker.client("dev-a") as client:
            text = json.dumps({"ts": T0 + n, "values": {"t": n}})
            client.publish("devices/dev-a/telemetry", text, qos=1).wait_for_publish(10)
            broker.kill()
        wait_until(lambda: ingest.pipeline.problem(), "ingest to notice")
        broker.start()
        wait_until(lambda: ingest.pipeline.problem() is None, "ingest to be back")
    wait_until(lambda: stored(connection) == 10, "every acknowledged message")


def test_a_second_process_on_the_same_journal_says_so_and_ends(
    settings: dict[str, str], broker: RunningBroker
) -> None:
    with workers(1, settings):
        other = {**settings, "TECHNOPARK_INGEST_PORT": str(free_port())}
        second = subprocess.run(
            [sys.executable, "-m", "ingest"], env=other, capture_output=True, timeout=30
        )
    assert second.returncode == 1
    assert b"another ingest process works on" in second.stderr


def test_a_number_of_workers_that_cannot_be_is_refused(settings: dict[str, str]) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "cli", "ingest", "--workers", "9"],
        env=settings,
        capture_output=True,
        timeout=30,
    )
    assert refused.returncode == 2
    assert b"--workers" in refused.stderr
