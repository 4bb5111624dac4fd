"""`writer`: ways to bring one batch of readings into the hypertable."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import psycopg

from benchmarks.results import Table
from storage.writer import QUERIES, Readings, copy, store_readings

SERIES = 5_000
BATCH = 25_000
BATCHES = 20
START_US = 1_767_225_600_000_000


def batch(number: int) -> Readings:
    """The next seconds of every series, shuffled as messages come."""
    rng = np.random.default_rng(number)
    series = np.tile(np.arange(SERIES, dtype=np.int32), BATCH // SERIES)
    second = np.repeat(np.arange(BATCH // SERIES), SERIES) + number * (BATCH // SERIES)
    order = rng.permutation(BATCH)
    ts = START_US + second.astype(np.int64) * 1_000_000
    return Readings(series[order] + 1, ts[order], rng.normal(20, 5, BATCH))


def direct(connection: psycopg.Connection, rows: Readings) -> None:
    """COPY alone: the limit."""
    with connection.transaction():
        copy(connection, QUERIES["copy_readings"], rows.in_key_order())


def unsorted(connection: psycopg.Connection, rows: Readings) -> None:
    """COPY in the order in which the readings came."""
    with connection.transaction():
        copy(connection, QUERIES["copy_readings"], rows)


def staged(connection: psycopg.Connection, rows: Readings) -> None:
    """COPY into a temporary table, then INSERT … ON CONFLICT DO NOTHING."""
    with connection.transaction():
        connection.execute(QUERIES["create_staging"])
        copy(connection, QUERIES["copy_staging"], rows.in_key_order())
        connection.execute(QUERIES["insert_staged"])
        connection.execute(QUERIES["empty_staging"])


def written(connection: psycopg.Connection, rows: Readings) -> None:
    """The platform's writer: COPY and the newest of each series."""
    store_readings(connection, rows)


def inserted(connection: psycopg.Connection, rows: Readings) -> None:
    """executemany, which psycopg sends as a pipeline."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO readings VALUES (%s, to_timestamp(%s), %s) ON CONFLICT DO NOTHING",
            zip(
                rows.series.tolist(),
                (rows.ts / 1e6).tolist(),
                rows.value.tolist(),
                strict=True,
            ),
        )


WAYS: dict[str, tuple[Callable[[psycopg.Connection, Readings], None], int]] = {
    "COPY, sorted (the limit)": (direct, BATCHES),
    "COPY, as they came": (unsorted, BATCHES),
    "the platform: COPY and latest": (written, BATCHES),
    "staging, INSERT … ON CONFLICT": (staged, BATCHES),
    "executemany": (inserted, 2),
}


def run(url: str) -> Table:
    """Every way on an empty table, twice, the better of the two."""
    rates: dict[str, float] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        prepare(connection)
        for _ in range(2):
            for name, (way, count) in WAYS.items():
                connection.execute("TRUNCATE readings, latest")
                started = time.perf_counter()
                for number in range(count):
                    way(connection, batch(number))
                rate = count * BATCH / (time.perf_counter() - started)
                rates[name] = max(rate, rates.get(name, 0))
    table = Table(
        "writer",
        f"batches of {BATCH:,} readings of {SERIES:,} series",
        ["way", "readings/s", "of the limit"],
    )
    limit = rates["COPY, sorted (the limit)"]
    for name, rate in rates.items():
        table.add(name, f"{rate:,.0f}", f"{rate / limit:.2f}")
    table.figures["vs_limit"] = rates["the platform: COPY and latest"] / limit
    table.figures["vs_staging"] = (
        rates["the platform: COPY and latest"] / rates["staging, INSERT … ON CONFLICT"]
    )
    return table


def prepare(connection: psycopg.Connection) -> None:
    """Series for the readings."""
    connection.execute("INSERT INTO tenants (id, name, kind) VALUES ('bench', 'Bench', 'startup')")
    connection.execute(
        "INSERT INTO devices (id, tenant_id, name) "
        "SELECT 'bench-' || lpad(n::text, 5, '0'), 'bench', 'b' FROM generate_series(0, 999) n"
    )
    connection.execute(
        "INSERT INTO series (device_id, metric, kind) "
        "SELECT d.id, 'm' || n, 'number' FROM devices d, generate_series(1, 5) n"
    )
