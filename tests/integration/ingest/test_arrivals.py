"""How late readings came is counted beside them."""

import json

import psycopg
import pytest

from ingest.batch import Batch, Message
from ingest.writer import Writer
from storage.arrivals import CLASSES, DUPLICATE, FIRST_LATE, NO_TIME, quantile
from tests.integration.conftest import register
from tests.integration.ingest.writing import T0_MS, writing


def store(writer: Writer, *sent: tuple[int | None, float]) -> None:
    """Store a message for each time in ms, and how many seconds after it that came."""
    batch = Batch(writer.known)
    for n, (ts, delay) in enumerate(sent):
        body = {"t": n, "x": n} if ts is None else {"ts": ts, "values": {"t": n, "x": n}}
        arrival = (ts or T0_MS) * 1000 + round(delay * 1e6)
        batch.add(Message("devices/dev-a/telemetry", json.dumps(body).encode(), None, arrival))
    writer.write(batch)


def counted(connection: psycopg.Connection, metric: str = "t") -> dict[tuple[str, int], int]:
    """Readings by day and class."""
    rows = connection.execute(
        "SELECT day::text, class, readings FROM arrivals a JOIN series s ON s.id = a.series_id "
        "WHERE metric = %s",
        [metric],
    )
    return {(day, number): n for day, number, n in rows}


def test_each_reading_is_counted_on_its_day_by_how_long_it_was_on_its_way(
    writer: Writer, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO parks (id, name, time_zone) VALUES ('jkt', 'P', 'Asia/Jakarta')"
    )
    register(connection, "dev-a")
    connection.execute("UPDATE tenants SET park_id = (SELECT id FROM parks)")
    # 17:00 in UTC is midnight in Jakarta.
    evening = T0_MS + 17 * 3_600_000
    store(writer, (evening - 1, 0.5), (evening, 0.5), (evening + 1, 0.6), (evening + 2, 3600))
    store(writer, (None, 0))
    writer.close()
    at_once = next(number for day, number in counted(connection) if day == "2026-01-01")
    late = max(number for _, number in counted(connection))
    assert counted(connection) == counted(connection, "x") == {
        ("2026-01-01", at_once): 1,
        ("2026-01-01", NO_TIME): 1,
        ("2026-01-02", at_once): 2,
        ("2026-01-02", late): 1,
    }  # fmt: skip
    assert at_once < FIRST_LATE <= late


def test_what_was_there_before_is_a_duplicate_and_tells_nothing_of_the_clock(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    store(writer, (T0_MS, 1.2), (T0_MS, 90), (T0_MS + 1, 1.2))
    store(writer, (T0_MS, 500), (T0_MS + 2, 1.2))
    writer.close()
    by_class = {number: n for (_, number), n in counted(connection).items()}
    assert by_class.pop(DUPLICATE) == 2
    assert list(by_class.values()) == [3]


def test_counts_of_two_writers_add_up(
    writer: Writer, connection: psycopg.Connection, database_url: str
) -> None:
    register(connection, "dev-a")
    other = writing(database_url)
    for n, each in enumerate((writer, other)):
        store(each, (T0_MS + n, 1.2))
        each.close()
    assert list(counted(connection).values()) == [2]


def test_counts_that_the_database_refuses_cost_no_reading(
    writer: Writer, connection: psycopg.Connection
) -> None:
    connection.execute("INSERT INTO parks (id, name, time_zone) VALUES ('jkt', 'P', 'Not/There')")
    register(connection, "dev-a")
    connection.execute("UPDATE tenants SET park_id = 'jkt'")
    for n in range(3):
        store(writer, (T0_MS + n, 1.2))
    assert connection.execute("SELECT count(*) FROM readings").fetchall() == [(6,)]
    assert connection.execute("SELECT FROM rejections").fetchall() == []


def test_a_status_is_kept_where_it_changes(writer: Writer, connection: psycopg.Connection) -> None:
    register(connection, "dev-a")
    batch = Batch(writer.known)
    for n, word in enumerate([b"online", b"online", b"offline", b"offline", b"online"]):
        batch.add(Message("devices/dev-a/status", word, None, T0_MS * 1000 + n))
    writer.write(batch)
    kept = connection.execute("SELECT online FROM device_statuses ORDER BY ts").fetchall()
    assert kept == [(True,), (False,), (True,)]


def test_a_quantile_lies_in_the_class_where_it_falls() -> None:
    counts = [0] * CLASSES
    assert quantile(counts, 0.5) is None
    counts[NO_TIME] = 1000
    assert quantile(counts, 0.5) is None
    counts[FIRST_LATE] = 100
    assert quantile(counts, 0.5) == 75
    assert quantile(counts, 0) == pytest.approx(60)
    assert quantile(counts, 1) == 90
