"""The export of a week of everything, through the API, and the memory that it takes there."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pyarrow.parquet as pq

from benchmarks.past import DAY_US, END_US, TENANT
from benchmarks.questions import rfc3339
from benchmarks.registry import Registry

PIECE = 1 << 20


@dataclass(frozen=True)
class Exported:
    """What an export took.

    Attributes:
        readings: in the file.
        size: of the file, in bytes.
        seconds: from the question until the last byte.
        mib: the registry's peak of memory above what it had before any export, in MiB.
        growth: how much of that a day's export had not needed, in MiB.
    """

    readings: int
    size: int
    seconds: float
    mib: float
    growth: float


def export(registry: Registry, token: str, folder: Path) -> Exported:
    """Export a day, then a week: if memory is constant, a day needs as much as a week.

    Args:
        registry: that has not done anything yet, so that all its memory is the exports'.
        token: of somebody who sees everything of the tenant.
        folder: for the file.
    """
    file = folder / "export.parquet"
    before = peak_mib(registry.process)
    download(registry.port, token, 1, file)
    day = peak_mib(registry.process)
    started = time.perf_counter()
    download(registry.port, token, 7, file)
    seconds = time.perf_counter() - started
    week = peak_mib(registry.process)
    readings, size = pq.read_metadata(file).num_rows, file.stat().st_size
    file.unlink()
    return Exported(readings, size, seconds, week - before, week - day)


def download(port: int, token: str, days: int, file: Path) -> None:
    """The last days of all devices as Parquet, written to a file as it comes."""
    asked = {
        "tenant_id": TENANT,
        "format": "parquet",
        "from": rfc3339(END_US - days * DAY_US),
        "to": rfc3339(END_US),
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(
        "GET",
        "/api/v1/exports/readings?" + urlencode(asked),
        headers={"Authorization": f"Bearer {token}"},
    )
    answer = connection.getresponse()
    if answer.status != 200:
        raise AssertionError(f"export: {answer.status} {answer.read()[:300]!r}")
    with file.open("wb") as output:
        while piece := answer.read(PIECE):
            output.write(piece)
    connection.close()


def peak_mib(process: psutil.Process) -> float:
    """The most resident memory that a process ever had (VmHWM), in MiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kib) / 1024
