"""Rollups say what the readings say, on both editions."""

from __future__ import annotations

import numpy as np
import psycopg

from storage.ingest import resolve_series
from storage.writer import Readings, store_readings
from tests.editions import both_editions, refresh
from tests.integration.conftest import register

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z in µs
US = {"1m": 60_000_000, "1h": 3_600_000_000, "1d": 86_400_000_000}
Row = tuple[object, ...]


def make_series(connection: psycopg.Connection, count: int) -> list[int]:
    register(connection, "dev-a")
    wanted = {("dev-a", f"m{number}"): "number" for number in range(count)}
    return sorted(series.id for series in resolve_series(connection, wanted))


def reference(rows: Readings, width: int) -> list[Row]:
    """The rollup by numpy: of equal keys the first counts, as in the table."""
    rows = rows.in_key_order()
    found: list[Row] = []
    buckets = rows.ts // width
    keys = np.stack([rows.series, buckets])
    starts = np.flatnonzero(np.r_[True, np.any(keys[:, 1:] != keys[:, :-1], axis=0)])
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        part = rows.at(np.arange(start, end))
        found.append((
            int(part.series[0]), int(buckets[start] * width), len(part), float(part.value.sum()),
            float(part.value.min()), float(part.value.max()), float(part.value[0]),
            int(part.ts[0]), float(part.value[-1]), int(part.ts[-1]),
        ))  # fmt: skip
    return found


def rollup(connection: psycopg.Connection, name: str) -> list[Row]:
    us = "(extract(epoch FROM {}) * 1000000)::bigint".format
    query = f"""
        SELECT series_id, {us("bucket")}, n, sum, min, max, first, {us("first_ts")}, last,
               {us("last_ts")}
        FROM readings_{name} ORDER BY series_id, bucket
        """
    return connection.execute(query.encode()).fetchall()


def random_readings(seed: int, series: list[int], days: int = 3, count: int = 3000) -> Readings:
    """Integral values, so that sums are exact in any order; bursts, gaps and equal keys."""
    random = np.random.default_rng(seed)
    ts = T0 + random.integers(0, days * US["1d"], count)
    ts[: count // 2] = (
        T0
        + random.integers(0, days, count // 2) * US["1d"]
        + random.integers(0, 2 * US["1h"], count // 2)
    )
    ts[::7] = ts[0] // US["1m"] * US["1m"]
    return Readings(
        random.choice(np.array(series, np.int32), count),
        ts,
        random.integers(-1000, 1000, count).astype(np.float64),
    )


@both_editions
def test_rollups_equal_the_readings_before_and_after_they_are_kept(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = make_series(connection, 3)
    rows = random_readings(1, series)
    store_readings(connection, rows)
    for name, width in US.items():
        assert rollup(connection, name) == reference(rows, width)
    refresh(database_url)
    for name, width in US.items():
        assert rollup(connection, name) == reference(rows, width)
