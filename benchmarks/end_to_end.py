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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil
import psycopg
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.brokers import Broker, drain
from benchmarks.load import Load, Messages, publishing
from benchmarks.peers import TABLE, Peer, Target
from benchmarks.watch import tree
from tests.parts import USERS, free_port, wait_until

# Seconds. A peer that commits every row on a slow disk needs them.
LONGEST = 120
# Rows that do not come for so long do not come at all.
GRACE = 5


@dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes:
        messages: that were timed.
        rows: that they hold.
        seconds: from the first PUBLISH until the last row was visible.
        lost: rows that never came.
        cpu: seconds of user and system time of the program that stores, with its children.
        memory: the most resident bytes that they ever had.
        batch: messages in a transaction, on average; None: not known.
    """

    messages: int
    rows: int
    seconds: float
    lost: int = 0
    cpu: float | None = None
    memory: int | None = None
    batch: float | None = None


@dataclass(frozen=True)
class Ingest:
    """The running ingest service.

    Attributes:
        process: its first process.
        port: where it tells its metrics.
        journal: the folder of its journal.
    """

    process: psutil.Process
    port: int
    journal: Path

    def metric(self, name: str) -> float | None:
        """The value of a metric, all labels together; None: there is none of this name."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        found = [
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == f"technopark_ingest_{name}"
        ]
        return sum(found) if found else None

    def mean_batch(self) -> float | None:
        """Messages in a transaction so far, on average."""
        messages, count = self.metric("batch_messages_sum"), self.metric("batch_messages_count")
        return messages / count if messages and count else None


@contextmanager
def running_ingest(broker: Broker, url: str) -> Iterator[Ingest]:
    """The ingest service as ``technopark up`` starts it, ready, its queue and journal empty."""
    port = free_port()
    drain(broker.port)
    with tempfile.TemporaryDirectory(prefix="technopark-journal-") as journal:
        settings = {
            "DATABASE_URL": url,
            "BROKER_PORT": str(broker.port),
            "INGEST_PASSWORD": USERS["_ingest"],
            "INGEST_PORT": str(port),
            "INGEST_JOURNAL": journal,
        }
        environment = {f"TECHNOPARK_{name}": value for name, value in settings.items()}
        with running([sys.executable, "-m", "ingest"], environment) as process:
            wait_until(lambda: is_ready(port), "ingest to be ready")
            yield Ingest(process, port, Path(journal))


def platform(broker: Broker, url: str, load: Load, qos: int) -> Run:
    """(c) The platform."""
    empty(url, "readings, latest")
    with running_ingest(broker, url) as ingest:
        run = timed(broker, url, "readings", load, qos, ingest.process)
        return replace(run, batch=ingest.mean_batch())


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
        before = cpu_of(process)
        with publisher(load.messages):
            started = time.perf_counter()
            wait_for_last(connection, table, load)
            seconds = time.perf_counter() - started
            # Where several write at once, the last one sent need not be the last one stored.
            rows = counted()
            if rows < expected:
                rows = settled(counted, expected)
                seconds = time.perf_counter() - started
            has_last = is_there(connection, table, load)
        cpu, memory = cpu_of(process) - before, peak_memory_of(process)
    lost = expected - rows
    if not has_last and not lost:
        raise AssertionError("as many rows came as should, but not the last one")
    return Run(len(load.messages), len(load.messages) * load.rows, seconds, lost, cpu, memory)


def cpu_of(process: psutil.Process) -> float:
    """User and system seconds of a program: of all processes that it has, and of those it had."""
    total = 0.0
    for one in tree(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def peak_memory_of(process: psutil.Process) -> int:
    """The most resident bytes that its processes ever had; 0 where they have left by themselves."""
    return sum(map(high_water, tree(process)))


def high_water(process: psutil.Process) -> int:
    """What Linux keeps as the most resident bytes of a process. Unit in the file: KiB."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def warm_up(
    publisher: Callable[[Messages], object],
    messages: Messages,
    counted: Callable[[], int],
    rows: int,
) -> None:
    """Let series, plans, chunks and just-in-time compilers come to be before the clock starts."""
    with publisher(messages):  # type: ignore[attr-defined]  # partial of a context manager
        wait_until(lambda: counted() >= rows, "the warm-up to be stored", LONGEST, 0.05)


def count(connection: psycopg.Connection, table: str) -> int:
    """How many rows a table has."""
    (rows,) = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() or (0,)
    return int(rows)


def wait_for_last(connection: psycopg.Connection, table: str, load: Load) -> None:
    """Return when the last reading of a load has come, or when none has to be expected any more."""
    deadline = time.monotonic() + LONGEST
    while not is_there(connection, table, load) and time.monotonic() < deadline:
        time.sleep(0.01)


def is_there(connection: psycopg.Connection, table: str, load: Load) -> bool:
    """Whether the last reading of a load has come; one look costs an index entry."""
    series, ts_ms = load.last
    query = f"SELECT 1 FROM {table} WHERE series_id = %s AND ts = to_timestamp(%s / 1000.0)"
    return bool(connection.execute(query.encode(), [series, ts_ms], prepare=True).fetchone())


def settled(counted: Callable[[], int], expected: int) -> int:
    """The number of rows, when it does not grow any more."""
    rows, since = counted(), time.monotonic()
    while rows < expected and time.monotonic() < since + GRACE:
        time.sleep(0.1)
        if (now := counted()) > rows:
            rows, since = now, time.monotonic()
    return rows
