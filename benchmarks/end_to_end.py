"""From PUBLISH to committed rows: the platform and its peers, timed and counted the same way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import psutil
import psycopg

from benchmarks.brokers import Broker, drain
from benchmarks.load import Load, Messages, publishing
from benchmarks.peers import TABLE, Peer, Target
from tests.parts import USERS, free_port, wait_until

LONGEST = 90


@dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes:
        messages: that were timed.
        rows: that they hold.
        seconds: from the first PUBLISH until the last row was visible.
        lost: rows that never came.
        cpu: seconds of user and system time of the process that stores; None: several processes.
        memory: its resident bytes at the end.
    """

    messages: int
    rows: int
    seconds: float
    lost: int = 0
    cpu: float | None = None
    memory: int | None = None


def platform(broker: Broker, url: str, load: Load, qos: int) -> Run:
    """(c) The ingest service, a process as ``technopark up`` starts it."""
    port = free_port()
    settings = {
        "DATABASE_URL": url,
        "BROKER_PORT": str(broker.port),
        "INGEST_PASSWORD": USERS["_ingest"],
        "INGEST_PORT": str(port),
    }
    environment = {f"TECHNOPARK_{name}": value for name, value in settings.items()}
    empty(url, "readings, latest")
    drain(broker.port)
    with running([sys.executable, "-m", "ingest"], environment) as process:
        wait_until(lambda: is_ready(port), "ingest to be ready")
        return timed(broker, url, "readings", load, qos, process)


def peer(kind: Peer, broker: Broker, url: str, load: Load, qos: int) -> Run:
    """(d) What a user would take instead."""
    empty(url, TABLE)
    drain(broker.port)
    target = Target(broker.port, USERS["_ingest"], url, len(load.warm_up), len(load.messages))
    with running(kind.command(target), {}) as process:
        return timed(broker, url, TABLE, load, qos, process)


def empty(url: str, tables: str) -> None:
    """Every run finds empty tables and nothing left to be written by a checkpoint."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {tables}".encode())
        connection.execute("CHECKPOINT")


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[psutil.Process]:
    """A program with all its children, ended with the context."""
    with tempfile.TemporaryFile("w+") as words:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
        try:
            yield psutil.Process(process.pid)
        except AssertionError as error:
            words.seek(0)
            raise AssertionError(f"{error}; it said: {words.read()[-800:]}") from error
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to leave; its whole process group has to, in the end."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def is_ready(port: int) -> bool:
    """Whether ingest says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def timed(
    broker: Broker, url: str, table: str, load: Load, qos: int, process: psutil.Process
) -> Run:
    """Publish, and wait until the last reading is visible in the database; then count them all."""
    publisher = partial(publishing, broker.port, USERS["_registry"], qos=qos, window=load.window)
    expected = (len(load.warm_up) + len(load.messages)) * load.rows
    with psycopg.connect(url, autocommit=True) as connection:
        counted = partial(count, connection, table)
        warm_up(publisher, load.warm_up, counted, len(load.warm_up) * load.rows)
        before = sum(process.cpu_times()[:2])
        with publisher(load.messages):
            started = time.perf_counter()
            arrived = wait_for_last(connection, table, load)
            seconds = time.perf_counter() - started
        cpu, memory = sum(process.cpu_times()[:2]) - before, memory_of(process)
        lost = expected - settled(counted, expected)
    rows = len(load.messages) * load.rows
    if not arrived and not lost:
        raise AssertionError("all rows came, but not the last one")
    return Run(len(load.messages), rows, seconds, lost, cpu, memory)


def memory_of(process: psutil.Process) -> int:
    """Resident bytes; 0 where the program has left by itself."""
    return process.memory_info().rss if process.status() != psutil.STATUS_ZOMBIE else 0


def warm_up(
    publisher: Callable[[Messages], object],
    messages: Messages,
    counted: Callable[[], int],
    rows: int,
) -> None:
    """Let series, plans, chunks and just-in-time compilers come to be before the clock starts."""
    with publisher(messages):  # type: ignore[attr-defined]  # partial of a context manager
        wait_until(lambda: counted() >= rows, "the warm-up to be stored", 30, 0.05)


def count(connection: psycopg.Connection, table: str) -> int:
    """How many rows a table has."""
    (rows,) = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() or (0,)
    return int(rows)


def wait_for_last(connection: psycopg.Connection, table: str, load: Load) -> bool:
    """Whether the last reading of a load came; one look costs an index entry."""
    series, ts_ms = load.last
    query = f"SELECT 1 FROM {table} WHERE series_id = %s AND ts = to_timestamp(%s / 1000.0)"
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        if connection.execute(query.encode(), [series, ts_ms], prepare=True).fetchone():
            return True
        time.sleep(0.01)
    return False


def settled(counted: Callable[[], int], expected: int) -> int:
    """The number of rows, after some seconds of grace for those that were overtaken."""
    deadline = time.monotonic() + 5
    while (rows := counted()) < expected and time.monotonic() < deadline:
        time.sleep(0.1)
    return rows
