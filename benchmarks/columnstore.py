"""Bytes of a reading on the Community edition, before and after its chunk is compressed.

That edition runs in WebAssembly here: it tells sizes, no speed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg

from benchmarks.past import DAY_US, END_US, GROUPS, Group, Ids, in_time_order, register, store
from simulators import Simulation
from storage.migrate import migrate
from storage.writer import Readings
from tests.editions import running_community

# A day of the kinds of the bench, as they are simulated: how well values are compressed depends on
# them, so they have to be such as devices send.
KINDS = {group.kind.id: group.kind for group in GROUPS}.values()
A_DAY = [Group(kind.id, kind, 15, kind.signals, 60, 1) for kind in KINDS]
SIZE = "SELECT hypertable_size('readings')"
CHUNKS = """
SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks
WHERE hypertable_name = 'readings'
"""


@dataclass(frozen=True)
class Sizes:
    """Bytes of a reading, its part of the indexes included.

    Attributes:
        readings: that were stored.
        rows: as ingest stored it.
        columns: in the columnstore, as the platform's policies put it there.
    """

    readings: int
    rows: float
    columns: float


def measure(folder: Path) -> Sizes:
    """Store a day, look, compress it, and look again.

    Args:
        folder: where the edition's packages are, or are put.
    """
    with (
        running_community(folder) as url,
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection,
    ):
        migrate(connection)
        groups = zip(A_DAY, register(connection, A_DAY), strict=True)
        rows = in_time_order([simulated(group, series) for group, series in groups])
        store(connection, rows)
        before = size(connection)
        for (chunk,) in connection.execute(CHUNKS).fetchall():
            connection.execute("CALL convert_to_columnstore(%s::regclass)", [chunk])
        return Sizes(len(rows), before / len(rows), size(connection) / len(rows))


def simulated(group: Group, series: Ids) -> Readings:
    """The last day of simulated devices, in the order of series and time."""
    ts = END_US - DAY_US + np.arange(group.each_day) * round(group.seconds * 1_000_000)
    values = Simulation(group.kind, group.devices, seed=1).over(ts // 1000)
    columns = np.stack([values[metric] for metric in group.metrics], axis=1)
    return Readings(np.repeat(series.ravel(), len(ts)), np.tile(ts, series.size), columns.ravel())


def size(connection: psycopg.Connection) -> int:
    """Bytes of all readings."""
    row = connection.execute(SIZE).fetchone()
    assert row
    return int(row[0])
