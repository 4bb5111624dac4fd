"""The API and the broker's files on a full platform: 100,000 devices of 1,000 tenants."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import mqtt5
import numpy as np
import psutil
import psycopg

from benchmarks.brokers import KINDS, Broker, running_broker
from benchmarks.end_to_end import cpu_of, running
from benchmarks.population import WORDS, Population, device_id, populate
from benchmarks.results import Table
from broker import passwords
from broker.config import INGEST_USER, REGISTRY_USER
from stack.runtime import Runtime
from technopark_client import Client
from tests.parts import USERS, free_port, listens, wait_until

DEVICES, TENANTS = 100_000, 1_000
CONNECTED = 2_000
# Requests of each kind and role; one after the other, as a person's browser asks.
REQUESTS = 200
READERS, READS = 16, 10_000
IMPORTED = 10_000
RENDERS = 5
PING, PONG = b"\xc0\x00", b"\xd0\x00"
PING_SECONDS = 0.005
LIMITS = {
    "list_p95_ms": 20, "search_p95_ms": 20, "page_p95_ms": 20, "import_10k_s": 10, "stall_ms": 500,
    "render_s": 2,
}  # fmt: skip


def run(programs: Runtime, home: Path, url: str) -> Table:
    """Fill the platform, and ask."""
    with psycopg.connect(url, autocommit=True) as connection:
        population = populate(connection, DEVICES, TENANTS)
        let_in(connection)
    folder = home / "broker-registry"
    with ExitStack() as parts:
        broker = parts.enter_context(running_broker(programs, folder, KINDS["kill"]))
        port = parts.enter_context(running_registry(broker, folder, url)).port
        wait_until(lambda: lines(folder) > DEVICES, "the devices in the password file", 60)
        waits = {
            name: [percentile(timed(port, token, paths)) for token in population.tokens.values()]
            for name, paths in questions(population).items()
        }
        reads = asyncio.run(read_many(port, population.tokens["owner"]))
        parts.enter_context(connected(broker.port))
        changes = [change(port, broker, folder, population.tokens["admin"]) for _ in range(RENDERS)]
        seconds = import_many(port, population.tokens["admin"])
    return table(population, waits, reads, seconds, changes)


def let_in(connection: psycopg.Connection) -> None:
    """Give the devices that connect a secret that somebody has: their id."""
    hashes = [(passwords.hash_secret(each), each) for each in map(device_id, range(CONNECTED))]
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE device_secrets SET hash = %s WHERE device_id = %s", hashes)


@dataclass(frozen=True)
class Registry:
    """The running API.

    Attributes:
        process: its process.
        port: where it answers.
    """

    process: psutil.Process
    port: int


@contextmanager
def running_registry(broker: Broker, folder: Path, url: str) -> Iterator[Registry]:
    """The API in a process of its own."""
    port = free_port()
    settings = {
        "DATABASE_URL": url,
        "BROKER_PORT": str(broker.port),
        "BROKER_FOLDER": str(folder),
        "REGISTRY_PASSWORD": USERS[REGISTRY_USER],
        "INGEST_PASSWORD": USERS[INGEST_USER],
        "API_PORT": str(port),
        "REGISTRY_PORT": str(free_port()),
    }
    environment = {f"TECHNOPARK_{name}": value for name, value in settings.items()}
    with running([sys.executable, "-m", "registry"], environment) as process:
        wait_until(lambda: listens(port), "the API to answer")
        yield Registry(process, port)


def lines(folder: Path) -> int:
    """How many users the password file has."""
    return (folder / "passwords").read_bytes().count(b"\n")


def questions(population: Population) -> dict[str, list[str]]:
    """What is asked of the API: paths by the name of the figure."""
    pick = random.Random(1)
    words = [quote(word) for word in (*WORDS, "0042", "roof 77")]
    # Of a tenant that each of the roles sees.
    own = [device_id(1 + TENANTS * n) for n in range(population.devices // population.tenants)]
    return {
        "list": [f"/api/v1/devices?limit={pick.choice((20, 50))}" for _ in range(REQUESTS)],
        "search": [f"/api/v1/devices?q={pick.choice(words)}" for _ in range(REQUESTS)],
        "page": [f"/api/v1/devices/{pick.choice(own)}" for _ in range(REQUESTS)],
    }


def timed(port: int, token: str, paths: Sequence[str]) -> list[float]:
    """Milliseconds that each answer took."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}
    taken = []
    for path in [*paths[:20], *paths]:
        started = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer.status}")
    connection.close()
    # The first ones plan the statements.
    return taken[20:]


def percentile(values: Sequence[float]) -> float:
    """What 95 of 100 are not above."""
    return float(np.percentile(values, 95))


async def read_many(port: int, token: str) -> float:
    """Reads of single devices in a second, on connections that stay open."""
    await asyncio.gather(*(reader(port, token, 50) for _ in range(READERS)))
    started = time.perf_counter()
    await asyncio.gather(*(reader(port, token, READS // READERS) for _ in range(READERS)))
    return READS / (time.perf_counter() - started)


async def reader(port: int, token: str, count: int) -> None:
    """Read devices of the owner's tenant, one after the other."""
    incoming, outgoing = await asyncio.open_connection("127.0.0.1", port)
    for n in range(count):
        path = f"/api/v1/devices/{device_id(1 + TENANTS * (n % 100))}"
        outgoing.write(
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        head = (await incoming.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise AssertionError(head.decode())
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await incoming.readexactly(int(length))
    outgoing.close()


def import_many(port: int, token: str) -> float:
    """Seconds until a file of new devices is stored."""
    rows = ["id,name,tags", *(f"import-{n:05},Import {n},roof;{n}" for n in range(IMPORTED))]
    content = "\n".join(rows).encode()
    with Client(f"http://127.0.0.1:{port}", token) as client:
        started = time.perf_counter()
        with client.stream("POST", "imports", content, tenant_id="tenant-2") as answer:
            *_, last = answer.iter_lines()
        seconds = time.perf_counter() - started
    if json.loads(last)["result"]["created"] != IMPORTED:
        raise AssertionError(last)
    return seconds


@contextmanager
def connected(port: int) -> Iterator[None]:
    """Devices that are connected, and do nothing."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as sockets:
        # The last one is for the pings.
        for n in range(CONNECTED - 1):
            sockets.enter_context(device(port, device_id(n)))
        yield


def device(port: int, name: str) -> socket.socket:
    """The connection of a device whose secret is its id."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    hello = mqtt5.ConnectPacket(name, username=name, password=name.encode(), clean_start=True)
    connection.sendall(hello.write())
    if connection.recv(1024)[3] != 0:
        raise AssertionError(f"the broker refuses {name}")
    return connection


@dataclass(frozen=True)
class Change:
    """What a new device costs on a platform that is full.

    Attributes:
        render: seconds until the broker's file has it.
        stall: the longest that the broker let a ping wait, in seconds.
        work: CPU seconds that the broker took; the stall on a machine that does nothing else.
    """

    render: float
    stall: float
    work: float


def change(port: int, broker: Broker, folder: Path, token: str) -> Change:
    """Add a device to a platform that is full."""
    waits: list[float] = []
    done = threading.Event()
    with device(broker.port, device_id(CONNECTED - 1)) as pinger:
        worked = cpu_of(broker.process)
        pings = threading.Thread(target=ping, args=(pinger, waits, done))
        pings.start()
        with Client(f"http://127.0.0.1:{port}", token) as client:
            before, started = lines(folder), time.perf_counter()
            client.create_device({"tenant_id": "tenant-1", "name": "New"})
            wait_until(lambda: lines(folder) > before, "the device in the file", 30, 0.05)
            seconds = time.perf_counter() - started
        # The reload itself comes after the file.
        time.sleep(1.5)
        done.set()
        pings.join()
    return Change(seconds, max(waits), cpu_of(broker.process) - worked)


def ping(connection: socket.socket, waits: list[float], done: threading.Event) -> None:
    """Ask the broker again and again whether it is there, and note how long it takes."""
    while not done.is_set():
        started = time.perf_counter()
        connection.sendall(PING)
        if connection.recv(len(PONG)) != PONG:
            raise AssertionError("the broker answered something else")
        waits.append(time.perf_counter() - started)
        time.sleep(PING_SECONDS)


def table(
    population: Population,
    waits: dict[str, list[float]],
    reads: float,
    import_seconds: float,
    changes: Sequence[Change],
) -> Table:
    """What people and machines read."""
    result = Table(
        "registry",
        f"{DEVICES:,} devices, {TENANTS:,} tenants; 95th percentile in ms, one request at a time",
        ["", *population.tokens],
        limits=dict(LIMITS),
    )
    for name, values in waits.items():
        result.add(name, *(f"{value:.1f}" for value in values))
        result.figures[f"{name}_p95_ms"] = max(values)
    render, stall = max(each.render for each in changes), max(each.stall for each in changes)
    work = max(each.work for each in changes)
    result.figures |= {
        "import_10k_s": import_seconds,
        "reads_per_s": round(reads),
        "render_s": render,
        "stall_ms": stall * 1000,
        "reload_cpu_ms": work * 1000,
    }
    result.notes = [
        f"{reads:,.0f} reads of a device a second from one process, {READERS} at a time",
        f"a new device is in the broker's file of {DEVICES:,} after {render:.2f} s at most",
        f"with {CONNECTED:,} devices connected the broker stalls {stall * 1000:.0f} ms while it "
        f"reads the file; it works {work * 1000:.0f} ms of that",
    ]
    return result
