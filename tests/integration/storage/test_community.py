"""What only the Community edition does: the columnstore, and going back to the Apache edition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row

from storage import aggregates, vitals
from storage.edition import Edition, edition
from storage.ingest import RejectedMessage, store_rejections, store_states
from storage.migrate import migrate
from storage.rollups import lag
from storage.rows import Row
from storage.writer import Readings, store_readings
from tests.editions import on_community, refresh
from tests.integration.storage.test_rollups import DAY, T0, differences, make_series

pytestmark = on_community


def minutes(series: list[int], count: int = 1000, offset: int = 0) -> Readings:
    """One reading a second of each series."""
    ts = T0 + offset + np.arange(count, dtype=np.int64) * 1_000_000
    ids = np.repeat(np.array(series, np.int32), count)
    return Readings(ids, np.tile(ts, len(series)), np.ones(len(ids)))


def compress(connection: psycopg.Connection) -> int:
    """Put all chunks into the columnstore, as the policies do when they are old enough."""
    chunks = connection.execute(
        "SELECT compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass, true) "
        "FROM timescaledb_information.chunks "
        "WHERE hypertable_name IN ('readings', 'states', 'flags', 'rejections')"
    )
    return len(chunks.fetchall())


def test_policies_refresh_and_compress_everything(connection: psycopg.Connection) -> None:
    assert edition(connection) is Edition.COMMUNITY
    jobs = connection.execute(
        "SELECT proc_name, hypertable_name FROM timescaledb_information.jobs WHERE job_id >= 1000"
    ).fetchall()
    assert sorted(jobs) == sorted(
        [("policy_refresh_continuous_aggregate", f"rollup_{size}") for size in ("1m", "1h", "1d")]
        + [("policy_compression", f"rollup_{size}") for size in ("1m", "1h", "1d")]
        + [("policy_compression", n) for n in ("readings", "states", "flags", "rejections")]
    )


def test_policies_run(connection: psycopg.Connection) -> None:
    series = make_series(connection, 2)
    rows = minutes(series)
    store_readings(connection, rows)
    jobs = connection.execute(
        "SELECT job_id FROM timescaledb_information.jobs WHERE job_id >= 1000 ORDER BY job_id"
    ).fetchall()
    for (job,) in jobs:
        connection.execute("CALL run_job(%s)", [job])
    compressed = connection.execute(
        "SELECT count(*) FROM timescaledb_information.chunks "
        "WHERE is_compressed AND hypertable_name = 'readings'"
    ).fetchone()
    assert compressed == (1,)
    assert differences(connection, rows) == []


def test_late_readings_find_their_place_among_more_than_a_transaction_may_decompress(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = make_series(connection, 110)
    rows = minutes(series)
    store_readings(connection, rows)
    assert compress(connection) == 1
    late = minutes(series, count=1, offset=500_500_000)
    assert len(store_readings(connection, late)) == 110
    assert len(store_readings(connection, late)) == 0
    refresh(database_url)
    assert differences(connection, Readings.joined([rows, late])) == []


def test_what_is_in_the_columnstore_is_deleted_and_its_chunks_are_dropped(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = make_series(connection, 2)
    first, second = minutes(series), minutes(series, offset=DAY)
    store_readings(connection, Readings.joined([first, second]))
    store_states(connection, [(series[0], T0, '"on"')])
    store_rejections(connection, [RejectedMessage(T0, "dev-a", "t", "quota", "much", b"")])
    assert compress(connection) == 4
    refresh(database_url)
    deleted = connection.execute("DELETE FROM readings WHERE series_id = %s", [series[0]])
    assert deleted.rowcount == 2000
    for table, key in (("states", "series_id"), ("rejections", "length(device_id)")):
        query = f"DELETE FROM {table} WHERE {key} IS NOT NULL"
        assert connection.execute(query.encode()).rowcount == 1
    refresh(database_url)
    assert (
        differences(
            connection,
            minutes(series[1:]).joined([minutes(series[1:]), minutes(series[1:], offset=DAY)]),
        )
        == []
    )
    connection.execute("SELECT drop_chunks('readings', %s)", [datetime(2026, 1, 2, tzinfo=UTC)])
    refresh(database_url)
    assert differences(connection, minutes(series[1:], offset=DAY)) == []


def test_a_second_migration_changes_nothing_where_chunks_are_compressed(
    connection: psycopg.Connection,
) -> None:
    store_readings(connection, minutes(make_series(connection, 1)))
    assert compress(connection) == 1
    assert migrate(connection) == []


@pytest.fixture
def community_again(connection: psycopg.Connection) -> object:
    """Whatever the test does, the database is one of the Community edition afterwards."""
    yield
    migrate(connection)


def test_a_database_leaves_the_community_edition_with_all_its_readings(
    connection: psycopg.Connection, community_again: None
) -> None:
    rows = minutes(make_series(connection, 2))
    store_readings(connection, rows)
    compress(connection)
    aggregates.leave_community(connection)
    assert not aggregates.is_continuous(connection)
    left = connection.execute(
        "SELECT (SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed), "
        "(SELECT count(*) FROM timescaledb_information.jobs WHERE job_id >= 1000), "
        "(SELECT native FROM rollup_progress)"
    ).fetchone()
    assert left == (0, 0, False)
    assert differences(connection, rows) == []
    migrate(connection)
    assert aggregates.is_continuous(connection)
    assert differences(connection, rows) == []


def test_the_role_of_a_tenant_reads_its_rollups_and_no_aggregate(
    connection: psycopg.Connection, database_url: str
) -> None:
    store_readings(connection, minutes(make_series(connection, 1)))
    connection.execute("INSERT INTO sql_access (tenant_id) VALUES ('acme')")
    refresh(database_url)
    row = connection.execute("SELECT role FROM sql_access").fetchone()
    assert row
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL ROLE {row[0]}".encode())
        for size, buckets in (("1m", 17), ("1h", 1), ("1d", 1)):
            query = f"SELECT count(*), sum(n) FROM {row[0]}.telemetry_{size}"
            assert connection.execute(query.encode()).fetchone() == (buckets, 1000)
            with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"SELECT FROM rollup_{size}".encode())


def test_it_is_known_how_far_the_aggregates_are_behind(
    connection: psycopg.Connection, database_url: str
) -> None:
    store_readings(connection, minutes(make_series(connection, 1)))

    async def behind() -> Row:
        opened = await psycopg.AsyncConnection.connect(
            database_url, row_factory=dict_row, prepare_threshold=None
        )
        async with opened:
            return await lag(opened)

    assert asyncio.run(behind())["seconds"] > 20 * 365 * 86_400
    refresh(database_url)
    assert asyncio.run(behind()) == {"seconds": 0, "stale": 0}


def test_the_database_tells_the_size_of_what_it_keeps(
    connection: psycopg.Connection, database_url: str
) -> None:
    store_readings(connection, minutes(make_series(connection, 2)))
    refresh(database_url)

    async def look() -> None:
        opened = await psycopg.AsyncConnection.connect(
            database_url, row_factory=dict_row, prepare_threshold=None
        )
        async with opened:
            await vitals.write_database(opened)

    before = sizes(connection, look)
    assert before["series"] == 2
    assert before["rollups_bytes"] > 3 * 8192
    assert before["readings_bytes"] > 2000 * 24
    compress(connection)
    assert 0 < sizes(connection, look)["readings_bytes"] < before["readings_bytes"]


def sizes(
    connection: psycopg.Connection, look: Callable[[], Coroutine[None, None, None]]
) -> dict[str, float]:
    """What is found by a new look."""
    asyncio.run(look())
    return dict(connection.execute("SELECT name, value FROM database_overview").fetchall())
