"""What a batch becomes in the database, whatever comes in between."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ingest.writer import Writer
from tests.integration.conftest import register
from tests.integration.ingest.writing import (
    ARRIVAL,
    REASONS,
    T0_MS,
    message,
    rows,
    store,
    until_heard,
    writing,
)
from tests.parts import wait_until


def test_learning_again_uses_up_no_series_numbers(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    for n in range(5):
        store(writer, message({"t": n}, n))
        writer.known.forget()
    store(writer, message({"x": 1}, 9))
    assert rows(connection, "SELECT max(id) - min(id) FROM series") == [(1,)]


@pytest.mark.parametrize("heard", [True, False])
def test_a_device_that_was_deleted_is_unknown_and_added_again_it_begins_anew(
    writer: Writer, connection: psycopg.Connection, heard: bool
) -> None:
    register(connection, "dev-a")
    store(writer, message({"t": 1}))
    old = rows(connection, "SELECT id FROM series")
    if not heard:
        connection.execute("DROP TRIGGER device_deleted ON devices")
    connection.execute("DELETE FROM devices")
    if heard:
        until_heard(writer)
    store(writer, message({"t": 2}, 1))
    store(writer, message({"a": 1}, 2, channel="attributes"))
    assert rows(connection, REASONS) == [("unknown-device", True)] * 2
    register(connection, "dev-a")
    store(writer, message({"t": 3}, 3), message({"a": 3}, 4, channel="attributes"))
    assert rows(connection, "SELECT value FROM latest_telemetry") == [(3,)]
    assert rows(connection, "SELECT id FROM series") != old
    assert rows(connection, "SELECT attributes FROM devices") == [({"a": 3},)]


def test_a_stranger_gets_one_rejection_for_a_message_with_values_and_tags(
    writer: Writer, connection: psycopg.Connection
) -> None:
    sent = message(b'weather,firmware=1.2 t=21.5,mode="eco"')
    for _ in range(2):
        store(writer, sent)
    assert rows(connection, REASONS) == [("unknown-device", True)]


def test_a_message_that_is_replayed_and_fails_again_is_open_again(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    sent = message(b"no format at all"), message(b"nor this one", 1)
    store(writer, *sent)
    connection.execute("UPDATE rejections SET replayed_at = now()")
    store(writer, sent[1])
    assert rows(connection, REASONS) == [("unknown-format", False), ("unknown-format", True)]


def test_an_older_status_and_older_attributes_that_are_stored_later_replace_nothing(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    store(
        writer,
        message({"a": 5, "b": 5}, 5, channel="attributes"),
        message(b"online", 3, channel="status"),
        message(b"offline", 5, channel="status"),
        message(b"online", 6, channel="status"),
        message(b"online", 7, channel="status"),
    )
    store(
        writer,
        message({"b": 4, "c": 4}, 4, channel="attributes"),
        message(b"offline", 4, channel="status"),
    )
    store(writer, message({"c": 6}, 6, channel="attributes"))
    store(writer, message({"c": 5, "a": 6}, 5, channel="attributes"))
    assert rows(connection, "SELECT attributes FROM devices") == [({"a": 6, "b": 5, "c": 6},)]
    changed = "(extract(epoch FROM online_changed_at) * 1000000)::bigint"
    assert rows(connection, f"SELECT online, {changed} - {ARRIVAL} FROM device_activity") == [
        (True, 6)
    ]


def test_writers_that_meet_at_the_same_devices_end_with_every_row_right(
    database_url: str, connection: psycopg.Connection
) -> None:
    devices = [f"dev-{n}" for n in range(20)]
    register(connection, *devices)
    sent = [
        message({"ts": T0_MS - 3_600_000 * (n % 50), "values": {"t": n % 50, "m": f"s{n}"}}, n, d)
        for n, d in ((n, random.Random(n).choice(devices)) for n in range(3000))
    ]
    sent += [message({f"k{n % 3}": n}, 5000 + n, devices[n % 20], "attributes") for n in range(600)]
    sent += [
        message(b"online" if n % 2 else b"offline", 9000 + n, devices[n % 20], "status")
        for n in range(600)
    ]
    sent += [message(b"not a format", 20_000 + n, devices[n % 20]) for n in range(200)]
    writers = [writing(database_url) for _ in range(2)]

    def hammer(number: int) -> None:
        order = random.Random(number)
        for start in range(0, len(sent), 40):
            # Nine tenths are the other's as well, in another order.
            store(
                writers[number],
                *order.sample(sent, 40),
                *sent[start : start + 40][:: 1 - 2 * number],
            )

    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(hammer, number) for number in range(2)]:
            done.result(120)
    for writer in writers:
        assert writer.healthy
        writer.close()
    expected = {(m.topic.split("/")[1], json.loads(m.payload)["ts"]) for m in sent[:3000]}
    assert rows(connection, "SELECT count(*), count(DISTINCT value) FROM readings") == [
        (len(expected), 50)
    ]
    assert rows(connection, "SELECT count(*) FROM states") == [(len(expected),)]
    newest = (
        "SELECT DISTINCT ON (series_id) series_id, ts, value FROM {} ORDER BY series_id, ts DESC"
    )
    for table, column in ("readings", "value"), ("states", "state"):
        assert rows(
            connection,
            f"SELECT count(*) FROM ({newest.format(table)}) n JOIN latest l USING (series_id, ts) "
            f"WHERE l.{column} = n.value",
        ) == [(20,)]
    assert rows(connection, "SELECT id, attributes FROM devices ORDER BY id") == sorted(
        (d, {f"k{n % 3}": n for n in range(600) if n % 20 == i}) for i, d in enumerate(devices)
    )
    assert rows(connection, "SELECT count(*) FROM device_activity WHERE NOT online") == [(10,)]
    assert rows(connection, "SELECT count(*) FROM rejections") == [(200,)]


def test_a_deadlock_is_tried_again(writer: Writer, connection: psycopg.Connection) -> None:
    register(connection, "dev-a", "dev-b")
    store(writer, *(message({"t": 1}, n, d) for n, d in enumerate(["dev-a", "dev-b"])))
    low, high = (number for (number,) in rows(connection, "SELECT id FROM series ORDER BY id"))
    lock = "UPDATE latest SET value = -1 WHERE series_id = %s"
    waiting = (
        "SELECT FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with ThreadPoolExecutor(1) as thread, connection.transaction():
        connection.execute("SET LOCAL deadlock_timeout = '60s'")  # so that the writer is the victim
        connection.execute(lock, [high])
        done = thread.submit(
            store, writer, *(message({"t": 2}, 10 + n, d) for n, d in enumerate(["dev-a", "dev-b"]))
        )
        wait_until(lambda: rows(connection, waiting), "the writer to wait")
        connection.execute(lock, [low])
    done.result(30)
    assert rows(connection, "SELECT value FROM latest") == [(2,), (2,)]
