"""The job that keeps the rollups of the Apache edition, and those who write meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest
from psycopg.rows import dict_row

from storage.rollups import Rollups, lag, sum_up_hours
from storage.rows import Row
from storage.writer import Readings, store_readings
from tests.editions import refresh
from tests.integration.storage.test_rollups import (
    DAY,
    HOUR,
    T0,
    delete,
    differences,
    make_series,
)


def at(*hours: float, value: float = 1.0) -> Readings:
    """Readings of series 1 so many hours after the beginning."""
    ts = np.array([T0 + int(hour * HOUR) for hour in hours], np.int64)
    return Readings(np.ones(len(ts), np.int32), ts, np.full(len(ts), value))


async def steps(url: str, count: int) -> list[bool]:
    connected = await psycopg.AsyncConnection.connect(url, row_factory=dict_row)
    async with connected as connection:
        return [await Rollups().step(connection) for _ in range(count)]


def step(url: str, count: int = 1) -> list[bool]:
    """Let the job do so many steps; whether it would go on after each."""
    return asyncio.run(steps(url, count))


@contextmanager
def writer(url: str) -> Iterator[psycopg.Connection]:
    """Somebody else who is in the middle of a transaction, and commits at the end."""
    with psycopg.connect(url, autocommit=True) as opened, opened.transaction():
        yield opened


def watermark(connection: psycopg.Connection) -> datetime:
    row = connection.execute("SELECT watermark FROM rollup_progress").fetchone()
    assert row
    moment: datetime = row[0]
    return moment.astimezone(UTC)


def stale(connection: psycopg.Connection) -> int:
    return len(connection.execute("SELECT FROM rollup_stale").fetchall())


@pytest.fixture
def one(connection: psycopg.Connection) -> Readings:
    """Readings of one series on two days, which nothing has summed up yet."""
    make_series(connection, 1)
    rows = at(0, 0.5, 1, 23.5, 24, 30)
    store_readings(connection, rows)
    return rows


def test_hours_are_summed_up_until_that_of_the_newest_reading(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    refresh(database_url)
    # The newest is of 06:00, and may have company until 06:05 of the hour before.
    assert watermark(connection) == datetime(2026, 1, 2, 5, tzinfo=UTC)
    assert connection.execute("SELECT count(*) FROM rollup_hours").fetchone() == (4,)
    assert connection.execute("SELECT n FROM rollup_days").fetchall() == [(4,)]
    assert differences(connection, one) == []


def test_who_may_not_know_the_frontier_is_waited_for(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    with writer(database_url) as slow:
        store_readings(slow, at(2))
        assert step(database_url, 4) == [True, True, False, False]
        assert watermark(connection).year == 1999
    expected = Readings.joined([one, at(2)])
    assert differences(connection, expected) == []
    refresh(database_url)
    assert stale(connection) == 0
    assert differences(connection, expected) == []


def test_who_only_reads_keeps_nobody_waiting(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    with writer(database_url) as reader:
        reader.execute("SELECT FROM readings")
        refresh(database_url)
        assert watermark(connection).year == 2026


def test_who_writes_while_an_hour_is_summed_up_has_it_done_again(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    assert step(database_url, 2) == [True, True]
    with writer(database_url) as late:
        store_readings(late, at(2))
        # It knows the frontier, so nobody has to wait for it. At the end it is still writing.
        refresh_without_waiting(database_url)
        assert watermark(connection).year == 2026
    assert stale(connection) == 1
    refresh(database_url)
    assert stale(connection) == 0
    assert differences(connection, Readings.joined([one, at(2)])) == []


def refresh_without_waiting(url: str) -> None:
    """All steps that are due at this moment."""

    async def keep() -> None:
        connected = await psycopg.AsyncConnection.connect(url, row_factory=dict_row)
        async with connected as connection:
            await Rollups().keep(connection)

    asyncio.run(keep())


def test_an_hour_that_two_change_is_right_when_the_slower_one_has_committed(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    refresh(database_url)
    with writer(database_url) as slow:
        delete(slow, 1, T0, T0 + HOUR)
        store_readings(connection, at(0.2))
        refresh(database_url)
        assert differences(connection, Readings.joined([one, at(0.2)])) == []
    refresh(database_url)
    assert differences(connection, at(0.2, 1, 23.5, 24, 30)) == []


def test_a_transaction_that_fails_leaves_nothing_to_do(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    refresh(database_url)
    with connection.transaction(force_rollback=True):
        store_readings(connection, at(0.1))
        assert stale(connection) == 1
    assert stale(connection) == 0
    assert differences(connection, one) == []


def test_a_job_that_was_killed_between_hours_and_watermark_is_done_again(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    assert step(database_url, 2) == [True, True]

    async def half() -> None:
        connected = await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row)
        async with connected as opened:
            start = datetime(2026, 1, 1, tzinfo=UTC)
            await sum_up_hours(opened, [1], start, start.replace(day=2))

    asyncio.run(half())
    assert connection.execute("SELECT count(*) FROM rollup_hours").fetchone() == (3,)
    assert differences(connection, one) == []
    # What has gone since must not come back with the watermark.
    delete(connection, 1, T0, T0 + HOUR)
    refresh(database_url)
    assert differences(connection, at(1, 23.5, 24, 30)) == []


def test_late_hours_are_summed_up_while_somebody_is_waited_for(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    refresh(database_url)
    store_readings(connection, at(40))
    with writer(database_url) as slow:
        delete(slow, 1, T0 + 30 * HOUR, T0 + 31 * HOUR)
        assert step(database_url, 2) == [True, True]
        delete(connection, 1, T0, T0 + HOUR)
        refresh_without_waiting(database_url)
        assert differences(connection, at(1, 23.5, 24, 30, 40)) == []
    refresh(database_url)
    assert differences(connection, at(1, 23.5, 24, 40)) == []


def test_a_number_of_the_server_before_is_not_waited_for(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    assert step(database_url, 2) == [True, True]
    connection.execute("UPDATE rollup_progress SET awaited = '99999999999'")
    refresh(database_url)
    assert differences(connection, one) == []


def test_two_jobs_take_turns(connection: psycopg.Connection, database_url: str) -> None:
    make_series(connection, 1)
    store_readings(connection, at(0, 30))
    with writer(database_url) as other:
        other.execute("SELECT FROM rollup_progress FOR UPDATE")
        assert step(database_url) == [False]
    assert step(database_url) == [True]


def test_what_is_deleted_is_gone_from_hours_and_days(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    refresh(database_url)
    delete(connection, 1, T0, T0 + DAY)
    refresh(database_url)
    assert differences(connection, at(24, 30)) == []
    assert connection.execute("SELECT count(*) FROM rollup_days").fetchone() == (0,)


def test_a_batch_that_is_in_time_notes_nothing(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    refresh(database_url)
    store_readings(connection, at(29, 30.5, 31))
    assert stale(connection) == 0
    store_readings(connection, at(28.999, 28.998, 32))
    assert stale(connection) == 1


def test_it_is_known_how_far_the_rollups_are_behind(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    async def behind() -> Row:
        connected = await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row)
        async with connected as opened:
            return await lag(opened)

    assert asyncio.run(behind())["seconds"] > 20 * 365 * 86_400
    refresh(database_url)
    store_readings(connection, at(3))
    assert asyncio.run(behind()) == {"seconds": 3600, "stale": 1}


@pytest.fixture
def many_days(connection: psycopg.Connection, database_url: str) -> list[str]:
    """60 days of one reading an hour, of three series."""
    make_series(connection, 3)
    connection.execute(
        "INSERT INTO readings SELECT s, ts, 1 FROM generate_series(1, 3) s, "
        "generate_series('2026-01-01'::timestamptz, '2026-03-01', '1 hour') ts"
    )
    connection.execute("INSERT INTO latest SELECT s, '2026-03-01', 1 FROM generate_series(1, 3) s")
    refresh(database_url)
    connection.execute("INSERT INTO sql_access (tenant_id) VALUES ('acme')")
    connection.execute("ANALYZE")
    row = connection.execute("SELECT role FROM sql_access").fetchone()
    assert row
    whole, part = "bucket >= '2026-01-01'", "bucket >= '2026-02-01' AND bucket < '2026-02-03'"
    tenant = f"{row[0]}.telemetry_1h WHERE device = 'dev-a' AND metric = 'm1'"
    return [
        f"readings_1h WHERE series_id = 2 AND {whole}",
        f"readings_1h WHERE series_id = ANY('{{1, 2}}') AND {part}",
        f"readings_1d WHERE series_id = 2 AND {whole}",
        f"readings_10m WHERE series_id = 2 AND {part}",
        f"readings_1m WHERE series_id = 2 AND {part}",
        f"{tenant} AND {whole}",
        f"{tenant} AND {part}",
    ]


def test_a_question_reads_its_series_by_the_index_and_few_chunks(
    connection: psycopg.Connection, many_days: list[str]
) -> None:
    for question in many_days:
        query = f"EXPLAIN (FORMAT JSON) SELECT * FROM {question}"
        row = connection.execute(query.encode()).fetchone()
        assert row
        scans = [
            part
            for part in json.dumps(row[0]).split('"Node Type"')
            if "_hyper_" in part and "Scan" in part
        ]
        assert 0 < len(scans) <= 12, question
        assert all("series_id" in scan for scan in scans), question


def test_a_step_that_is_ended_by_the_server_is_a_smaller_one_the_next_time() -> None:
    job = Rollups(effort=800)
    with pytest.raises(psycopg.errors.QueryCanceled), job.measured():
        raise psycopg.errors.QueryCanceled
    assert job.effort == 100
    with job.measured():
        pass
    assert job.effort == 200


def test_where_a_series_keeps_a_step_busy_an_hour_is_summed_up_at_a_time(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    async def keep() -> None:
        connected = await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row)
        async with connected as opened:
            job = Rollups(effort=1)
            for _ in range(40):
                await job.step(opened)
                job.effort = 1

    asyncio.run(keep())
    assert watermark(connection) == datetime(2026, 1, 2, 5, tzinfo=UTC)
    assert differences(connection, one) == []
    assert connection.execute("SELECT n FROM rollup_days").fetchall() == [(4,)]


def every_minute(*hours: int) -> Readings:
    """A reading of series 1 in each minute of these hours after the beginning."""
    return at(*(hour + minute / 60 for hour in hours for minute in range(60)))


def tens(connection: psycopg.Connection) -> tuple[str, int]:
    """Since when ten minutes of series 1 are kept, and how many."""
    row = connection.execute(
        "SELECT tens_since::text, (SELECT count(*) FROM rollup_tens) FROM series WHERE id = 1"
    ).fetchone()
    assert row
    since, count = row
    return since, count


def test_ten_minutes_are_kept_of_dense_series_alone_and_from_then_on(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    refresh(database_url)
    assert tens(connection) == ("infinity", 0)
    dense = every_minute(*range(40, 72))
    store_readings(connection, dense)
    refresh(database_url)
    # From the first hour of what was summed up at once until that of the newest reading.
    assert tens(connection) == ("2026-01-02 05:00:00+00", 1 + 31 * 6)
    assert differences(connection, Readings.joined([one, dense])) == []


def test_a_series_that_was_dense_from_its_first_reading_on_needs_its_readings_for_nothing(
    connection: psycopg.Connection, database_url: str
) -> None:
    make_series(connection, 1)
    dense = every_minute(0, 1, 2)
    store_readings(connection, dense)
    refresh(database_url)
    assert tens(connection) == ("-infinity", 2 * 6)
    store_readings(connection, at(-30))
    refresh(database_url)
    assert tens(connection) == ("-infinity", 2 * 6 + 1)


def test_of_dense_history_that_is_imported_ten_minutes_are_kept_a_day_at_a_time(
    connection: psycopg.Connection, database_url: str, one: Readings
) -> None:
    refresh(database_url)
    imported = every_minute(-100, *range(-90, -60))
    before = at(-200)
    store_readings(connection, imported)
    store_readings(connection, before)
    expected = Readings.joined([one, imported, before])
    # Between the steps too, while a part is kept and the rest is not yet.
    checked = 0
    while step(database_url) == [True]:
        if not stale(connection):
            assert differences(connection, expected) == []
            checked += 1
    assert checked > 2
    assert tens(connection) == ("2025-12-27 20:00:00+00", 31 * 6 + 5)
