"""Retention lets go of what lies in the columnstore: chunks whole, rows in small steps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import numpy as np
import psycopg
from psycopg.rows import dict_row

from storage import deletions, retention
from storage.ingest import RejectedMessage, store_rejections
from storage.writer import Readings, store_readings
from tests.editions import on_community
from tests.integration.conftest import register
from tests.integration.storage.test_community import compress
from tests.integration.storage.test_rollups import DAY

pytestmark = on_community

TODAY = round(datetime.now(UTC).timestamp()) * 1_000_000 // DAY * DAY


def series_of(connection: psycopg.Connection, device: str, count: int = 1) -> list[int]:
    register(connection, device)
    rows = connection.execute(
        "INSERT INTO series (device_id, metric, kind) "
        "SELECT %s, format('m%%s', n), 'number' FROM generate_series(1, %s) n RETURNING id",
        [device, count],
    ).fetchall()
    return [int(row[0]) for row in rows]


def readings(series: list[int], start: int, gap: int, count: int) -> Readings:
    """So many of each series; start and gap in µs."""
    ids = np.repeat(np.array(series, np.int32), count)
    ts = start + np.arange(count, dtype=np.int64) * gap
    return Readings(ids, np.tile(ts, len(series)), np.ones(len(ids)))


def day(series: list[int], days_ago: int, count: int) -> Readings:
    """So many readings of each series on a day."""
    return readings(series, TODAY - days_ago * DAY, DAY // count, count)


def keep(connection: psycopg.Connection, days: int, device: str | None = None) -> None:
    """Of one device, or of whatever the platform has."""
    connection.execute(
        "INSERT INTO retentions (tenant_id, device_id, days) "
        "SELECT tenant_id, id, %(days)s FROM devices WHERE id = %(device)s "
        "UNION ALL SELECT NULL, NULL, %(days)s WHERE %(device)s::text IS NULL",
        {"days": days, "device": device},
    )


def steps(database_url: str) -> list[tuple[int, int]]:
    """What each step lets go: chunks and rows."""

    async def taken() -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        # It prepares statements, as the platform's connections do.
        async with await psycopg.AsyncConnection.connect(
            database_url, row_factory=dict_row, autocommit=True
        ) as opened:
            done = False
            while not done:
                async with opened.transaction():
                    step = await retention.step(opened)
                found.append((step["chunks"], step["rows"]))
                done = step["done"]
            await opened.execute("DEALLOCATE ALL", prepare=False)
        return found[:-1]

    return asyncio.run(taken())


def left(connection: psycopg.Connection) -> list[tuple[int, int, int]]:
    """What is there of each series: its number, how many readings, and days since the oldest."""
    return connection.execute(
        "SELECT series_id, count(*), (%s - extract(epoch FROM min(ts))::bigint) / 86400 "
        "FROM readings GROUP BY series_id ORDER BY series_id",
        [TODAY // 1_000_000],
    ).fetchall()


def test_a_chunk_of_the_columnstore_is_dropped_whole(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = series_of(connection, "dev-a")
    for ago in (40, 3):
        store_readings(connection, day(series, ago, 100))
    assert compress(connection) == 2
    keep(connection, days=30)
    assert steps(database_url) == [(1, 0)]
    assert left(connection) == [(series[0], 100, 3)]


def test_rows_of_the_columnstore_go_in_steps_however_many_there_are(
    connection: psycopg.Connection, database_url: str
) -> None:
    """More than the 100,000 that a statement may unpack; somebody keeps others beside them."""
    short, long = (series_of(connection, name) for name in ("dev-a", "dev-b"))
    for ago in (42, 41, 40, 3):
        store_readings(connection, day(long, ago, 10))
        store_readings(connection, day(short, ago, 43_200))
    assert compress(connection) == 4
    keep(connection, days=30, device="dev-a")
    taken = steps(database_url)
    assert {chunks for chunks, _ in taken} == {0}
    assert sum(rows for _, rows in taken) == 3 * 43_200
    assert max(rows for _, rows in taken) <= deletions.PORTION
    assert left(connection) == [(short[0], 43_200, 3), (long[0], 40, 42)]


def test_of_many_series_each_delete_unpacks_its_own_alone(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = series_of(connection, "dev-a", 130)
    gap = 20_000_000
    start = round(datetime.now(UTC).timestamp()) * 1_000_000 - 30 * DAY - 100 * gap
    store_readings(connection, readings(series, start, gap, 1000))
    compress(connection)
    keep(connection, days=30, device="dev-a")
    ((_, gone),) = steps(database_url)
    assert 100 * 130 <= gone < deletions.PORTION
    assert sum(count for _, count, _ in left(connection)) == 1000 * 130 - gone


def test_rejections_of_strangers_go_out_of_the_columnstore(
    connection: psycopg.Connection, database_url: str
) -> None:
    register(connection, "dev-a")
    old = TODAY - 40 * DAY
    store_rejections(
        connection,
        [RejectedMessage(old, device, "t", "quota", "much", b"") for device in ("dev-a", "nobody")],
    )
    assert compress(connection) == 1
    keep(connection, days=30)
    keep(connection, days=90, device="dev-a")
    assert steps(database_url) == [(0, 1)]
    assert connection.execute("SELECT device_id FROM rejections").fetchall() == [("dev-a",)]
