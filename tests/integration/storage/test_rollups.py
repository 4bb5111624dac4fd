"""Rollups say what the readings say, on both editions."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest
from psycopg.rows import dict_row

from storage.ingest import resolve_series
from storage.rollups import forget
from storage.writer import Readings, store_readings
from tests.editions import both_editions, refresh
from tests.integration.conftest import register

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z in µs
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
WIDTHS = {"1m": MINUTE, "10m": 10 * MINUTE, "1h": HOUR, "1d": DAY}
COLUMNS = "{b}, n, sum, min, max, first, {f}, last, {l}".format(
    **{
        short: f"(extract(epoch FROM {name}) * 1000000)::bigint"
        for short, name in {"b": "bucket", "f": "first_ts", "l": "last_ts"}.items()
    }
)
Row = tuple[object, ...]


def make_series(connection: psycopg.Connection, count: int) -> list[int]:
    register(connection, "dev-a")
    wanted = {("dev-a", f"m{number}"): "number" for number in range(count)}
    return sorted(series.id for series in resolve_series(connection, wanted))


def made_of(readings: Readings, width: int) -> list[Row]:
    """The rollup, by numpy."""
    rows = readings.in_key_order()
    buckets = rows.ts // width * width
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows.series[1:] != rows.series[:-1]) | (buckets[1:] != buckets[:-1])
    starts = np.flatnonzero(new)
    if not len(starts):
        return []
    last = np.append(starts[1:], len(rows)) - 1
    columns = (
        rows.series[starts], buckets[starts], last - starts + 1,
        np.add.reduceat(rows.value, starts), np.minimum.reduceat(rows.value, starts),
        np.maximum.reduceat(rows.value, starts), rows.value[starts], rows.ts[starts],
        rows.value[last], rows.ts[last],
    )  # fmt: skip
    return list(zip(*(column.tolist() for column in columns), strict=True))


def shown(connection: psycopg.Connection, name: str) -> list[Row]:
    query = f"SELECT series_id, {COLUMNS} FROM readings_{name} ORDER BY series_id, bucket"
    return connection.execute(query.encode()).fetchall()


def differences(connection: psycopg.Connection, readings: Readings) -> list[str]:
    """The rollups that do not say what the readings say."""
    return [
        name
        for name, width in WIDTHS.items()
        if shown(connection, name) != made_of(readings, width)
    ]


def random_readings(random: np.random.Generator, series: list[int], count: int) -> Readings:
    """Of three days: bursts and gaps, equal keys, the edges of hours and days.

    The values are whole, so that their sums are exact in any order.
    """
    ts = T0 + random.integers(0, 3 * DAY, count)
    burst = count // 2
    ts[:burst] = T0 + random.integers(0, 3, burst) * DAY + random.integers(0, 2 * HOUR, burst)
    ts[::5] = ts[::5] // HOUR * HOUR - random.integers(0, 2, len(ts[::5]))
    value = random.integers(-1000, 1000, count).astype(np.float64)
    return Readings(random.choice(np.array(series, np.int32), count), ts, value)


def without(readings: Readings, series: int, start: int, end: int) -> Readings:
    """What is left where a series was emptied from start until before end."""
    rows = readings.in_key_order()
    gone = (rows.series == series) & (rows.ts >= start) & (rows.ts < end)
    return rows.without(np.flatnonzero(gone))


def delete(connection: psycopg.Connection, series: int, start: int, end: int) -> None:
    connection.execute(
        "DELETE FROM readings WHERE series_id = %s AND ts >= to_timestamp(%s / 1000000.0) "
        "AND ts < to_timestamp(%s / 1000000.0)",
        [series, start, end],
    )


@both_editions
# With the larger number bursts are dense; with the other one only what comes late may be.
@pytest.mark.parametrize("count", [400, 4000])
@pytest.mark.parametrize("seed", range(3))
def test_rollups_equal_the_readings_whatever_comes_and_goes(
    connection: psycopg.Connection, database_url: str, seed: int, count: int
) -> None:
    random = np.random.default_rng(seed)
    series = make_series(connection, 3)
    expected = random_readings(random, series, count)
    store_readings(connection, expected)
    assert differences(connection, expected) == [], "before they are kept for the first time"
    refresh(database_url)
    assert differences(connection, expected) == [], "of what was there"
    for number in (1, 200, 2000):
        late = random_readings(random, series, number)
        store_readings(connection, late)
        expected = Readings.joined([expected, late])
        refresh(database_url)
        assert differences(connection, expected) == [], "of what came late"
    for _ in range(3):
        start = T0 + int(random.integers(0, 2 * DAY)) // HOUR * HOUR
        gone = series[int(random.integers(3))], start, start + int(random.integers(1, DAY))
        delete(connection, *gone)
        expected = without(expected, *gone)
    refresh(database_url)
    assert differences(connection, expected) == [], "of what is left"


@both_editions
def test_readings_newer_than_the_last_turn_are_in_the_rollups_at_once(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = make_series(connection, 2)
    random = np.random.default_rng(1)
    old = random_readings(random, series, 50)
    store_readings(connection, old)
    refresh(database_url)
    new = Readings(old.series, old.ts + 4 * DAY, old.value)
    store_readings(connection, new)
    assert differences(connection, Readings.joined([old, new])) == []


@both_editions
def test_a_value_that_is_corrected_by_hand_is_corrected_in_the_rollups(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = make_series(connection, 1)
    rows = random_readings(np.random.default_rng(2), series, 50).in_key_order()
    store_readings(connection, rows)
    refresh(database_url)
    connection.execute("UPDATE readings SET value = 5")
    refresh(database_url)
    assert differences(connection, Readings(rows.series, rows.ts, np.full(len(rows), 5.0))) == []


@both_editions
def test_what_was_dropped_with_its_chunks_is_gone_from_the_rollups(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = make_series(connection, 2)
    rows = random_readings(np.random.default_rng(4), series, 300)
    store_readings(connection, rows)
    refresh(database_url)
    end = datetime(2026, 1, 2, tzinfo=UTC)

    async def drop() -> None:
        opened = await psycopg.AsyncConnection.connect(
            database_url, row_factory=dict_row, prepare_threshold=None
        )
        async with opened:
            await opened.execute("SELECT drop_chunks('readings', %s)", [end])
            await forget(opened, datetime(2000, 1, 1, tzinfo=UTC), end)

    asyncio.run(drop())
    refresh(database_url)
    left = rows.at(np.flatnonzero(rows.ts >= T0 + DAY))
    assert differences(connection, left) == []


# A tenant that holds the device from half past 10 on the first day until the end of the second.
HOLDINGS = """
INSERT INTO tenants (id, name, kind) VALUES ('next', 'Next', 'startup');
UPDATE device_owners SET during = tstzrange(NULL, '2026-01-01 10:30+00');
INSERT INTO device_owners (device_id, tenant_id, during) VALUES
    ('dev-a', 'next', '[2026-01-01 10:30+00, 2026-01-03 00:00+00)');
"""


@both_editions
def test_a_tenant_sees_the_buckets_of_which_it_sees_the_whole(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = make_series(connection, 2)
    rows = random_readings(np.random.default_rng(3), series, 900)
    store_readings(connection, rows)
    refresh(database_url)
    connection.execute(HOLDINGS)
    start, end = T0 + 10 * HOUR + HOUR // 2, T0 + 2 * DAY
    for name, width in WIDTHS.items():
        query = f"""
            SELECT s.id, {COLUMNS} FROM tenant_sql.telemetry_{name} t
            JOIN series s ON s.device_id = t.device AND s.metric = t.metric
            WHERE reader = 'next' ORDER BY s.id, bucket"""
        whole = [
            row
            for row in made_of(rows, width)
            if isinstance(row[1], int) and start <= row[1] and row[1] + width <= end
        ]
        assert whole
        assert connection.execute(query.encode()).fetchall() == whole, name
