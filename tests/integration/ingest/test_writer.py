"""The writer between batches and a real database; the broker has no part in it."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ingest.batch import Batch, Message
from ingest.known import Known
from ingest.metrics import Metrics
from ingest.writer import Writer
from tests.integration.conftest import register
from tests.parts import wait_until

T0_MS = 1_767_225_600_000
T0 = T0_MS * 1000
ARRIVAL = T0 + 3_600_000_000  # µs


def writing(url: str) -> Writer:
    return Writer(url, Known(), Metrics(), threading.Event())


@pytest.fixture
def writer(database_url: str) -> Iterator[Writer]:
    opened = writing(database_url)
    yield opened
    opened.close()


def message(body: object, n: int = 0, device: str = "dev-a", channel: str = "telemetry") -> Message:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(f"devices/{device}/{channel}", payload, None, ARRIVAL + n)


def store(writer: Writer, *messages: Message) -> None:
    batch = Batch(writer.known)
    for each in messages:
        batch.add(each)
    writer.write(batch)


def until_heard(writer: Writer) -> None:
    """The database sends word of a change when it is committed, not with the commit."""
    before = writer.known.generation

    def heard() -> bool:
        writer.idle()
        return writer.known.generation > before

    wait_until(heard, "word of the change")


def model(connection: psycopg.Connection, metric: str = "t", **rule: object) -> None:
    """Give dev-a a model "probe" that lists a metric."""
    connection.execute("INSERT INTO models (id, name) VALUES ('probe', 'P') ON CONFLICT DO NOTHING")
    connection.execute("UPDATE devices SET model_id = 'probe' WHERE id = 'dev-a'")
    connection.execute(
        "INSERT INTO model_metrics (model_id, metric, kind, unit, minimum, maximum, out_of_range) "
        "VALUES ('probe', %(metric)s, %(kind)s, %(unit)s, %(minimum)s, %(maximum)s, %(action)s)",
        {
            "metric": metric,
            "kind": "number",
            "unit": None,
            "minimum": None,
            "maximum": None,
            "action": "flag",
            **rule,
        },
    )


def rows(connection: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(query.encode()).fetchall()


READINGS = "SELECT value FROM readings ORDER BY ts"
REASONS = "SELECT reason, replayed_at IS NULL FROM rejections ORDER BY ts, reason"
FLAGS = "SELECT metric, value, flag, tenant FROM flagged_telemetry ORDER BY ts"


def test_a_reading_outside_the_models_range_is_flagged_and_stays_flagged_once(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    model(connection, minimum=0, maximum=10)
    sent = [message({"ts": T0_MS + n, "values": {"t": t}}, n) for n, t in enumerate([-1, 5, 11])]
    for _ in range(2):
        store(writer, *sent)
    assert rows(connection, READINGS) == [(-1,), (5,), (11,)]
    assert rows(connection, FLAGS) == [
        ("t", -1, "below-range", "acme"),
        ("t", 11, "above-range", "acme"),
    ]
    assert rows(connection, REASONS) == []


def test_a_reading_that_was_not_stored_flags_none(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    model(connection, minimum=0, maximum=10)
    body = {"ts": T0_MS, "values": {"t": 5}}
    store(writer, message(body), message({"ts": T0_MS, "values": {"t": 99}}, 1))
    store(writer, message({"ts": T0_MS, "values": {"t": 98}}, 2))
    assert (rows(connection, READINGS), rows(connection, FLAGS)) == ([(5,)], [])


def test_flags_of_one_day_are_looked_up_in_the_readings_of_that_day(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    model(connection, maximum=0)
    sent = [message({"ts": T0_MS - 86_400_000 * n, "values": {"t": 1}}, n) for n in (0, 30)]
    store(writer, *sent)
    new, old = (
        str(name)
        for (name,) in rows(
            connection,
            "SELECT chunk_name FROM timescaledb_information.chunks "
            "WHERE hypertable_name = 'readings' ORDER BY range_start DESC",
        )
    )
    query = "SELECT value FROM flagged_telemetry WHERE ts >= '2025-12-31'"
    assert rows(connection, query) == [(1,)]
    plan = str(rows(connection, f"EXPLAIN {query}"))
    assert new in plan
    assert old not in plan


def test_a_refused_value_is_a_rejection_once_and_its_neighbours_are_stored(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    model(connection, maximum=10, action="reject")
    model(connection, "door", kind="boolean")
    sent = message({"ts": T0_MS, "values": {"t": 11, "door": 7, "x": 1e9}})
    for _ in range(2):
        store(writer, sent)
    assert rows(connection, READINGS) == [(1e9,)]
    assert rows(connection, REASONS) == [("out-of-range", True), ("wrong-kind", True)]
    assert rows(connection, "SELECT metric, kind FROM series ORDER BY metric") == [
        ("door", "boolean"),
        ("t", "number"),
        ("x", "number"),
    ]


def test_a_changed_model_counts_for_the_next_batch(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    model(connection, maximum=10, action="reject")
    store(writer, message({"t": 11}), message({"t": 5}, 1))
    connection.execute("UPDATE model_metrics SET maximum = 20")
    until_heard(writer)
    store(writer, message({"t": 11}, 2))
    connection.execute("UPDATE model_metrics SET kind = 'boolean'")
    until_heard(writer)
    store(writer, message({"t": 11}, 3))
    connection.execute("UPDATE devices SET model_id = NULL")
    until_heard(writer)
    store(writer, message({"t": 99}, 4))
    assert rows(connection, READINGS) == [(5,), (11,), (99,)]
    assert rows(connection, REASONS) == [("out-of-range", True), ("wrong-kind", True)]


def test_a_batch_that_was_decoded_before_the_change_obeys_the_new_rules(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    store(writer, message({"t": 1}))
    waiting = Batch(writer.known)
    waiting.add(message({"t": 11}, 1))
    assert waiting.series
    model(connection, maximum=10, action="reject")
    until_heard(writer)
    writer.write(waiting)
    assert rows(connection, READINGS) == [(1,)]


def test_what_changed_while_the_connection_was_lost_counts(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    store(writer, message({"t": 1}))
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'technopark-ingest' AND datname = current_database()"
    )
    model(connection, maximum=10, action="reject")
    store(writer, message({"t": 11}, 1))
    assert rows(connection, REASONS) == [("out-of-range", True)]


def test_what_changes_while_ingest_is_idle_is_forgotten_then(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a", "dev-b")
    store(writer, message({"t": 1}), message({"t": 1}, 1, "dev-b"))
    model(connection, maximum=10)
    until_heard(writer)
    assert not writer.known.series
    store(writer, message({"t": 1}, 2), message({"t": 1}, 3, "dev-b"))
    connection.execute("UPDATE devices SET values_per_second = 5 WHERE id = 'dev-a'")
    until_heard(writer)
    assert list(writer.known.series) == ["dev-b"]


def test_an_update_that_changes_no_rule_makes_nobody_forget(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    store(writer, message({"t": 1}))
    connection.execute("UPDATE devices SET name = 'New', model_id = NULL, values_per_second = NULL")
    connection.execute("UPDATE tenants SET values_per_second = NULL")
    connection.execute("SELECT send_word('rules', 'another')")
    until_heard(writer)
    assert writer.known.generation == 2  # the first was the new connection
    assert list(writer.known.series) == ["dev-a"]


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


def test_a_device_over_its_quota_or_its_tenants_is_refused_and_can_be_replayed(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a", "dev-b")
    connection.execute("UPDATE devices SET values_per_second = 0.05 WHERE id = 'dev-a'")
    connection.execute("UPDATE tenants SET values_per_second = 0.1")
    store(writer, message({"t": 0}), message({"t": 0}, 1, "dev-b"))
    store(writer, *(message({"t": n}, n) for n in range(2, 8)))
    store(writer, *(message({"t": n}, n, "dev-b") for n in range(10, 15)))
    assert rows(connection, "SELECT count(*) FROM readings") == [(2 + 3 + 3,)]
    details = [str(d) for (d,) in rows(connection, "SELECT detail FROM rejections ORDER BY ts")]
    assert ["'dev-a'" in d for d in details] == [True] * 3 + [False] * 2
    assert ["'acme'" in d for d in details] == [False] * 3 + [True] * 2
    with connection.transaction():
        connection.execute("UPDATE devices SET values_per_second = NULL")
        connection.execute("UPDATE tenants SET values_per_second = NULL")
    until_heard(writer)
    store(writer, message({"t": 5}, 5))
    assert rows(connection, "SELECT count(*) FROM readings") == [(9,)]


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


def test_readings_older_than_they_are_kept_are_refused_from_the_next_batch_on(
    writer: Writer, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a", "dev-b")
    store(writer, message({"t": 1}), message({"t": 1}, 1, "dev-b"))
    connection.execute(
        "INSERT INTO retentions (tenant_id, device_id, days) VALUES ('acme', 'dev-a', 30)"
    )
    until_heard(writer)
    then = T0_MS - 31 * 86_400_000
    old = {"ts": then, "values": {"t": 2, "x": 3}}
    for _ in range(2):
        store(writer, message(old, 2), message(old, 3, "dev-b"))
    assert rows(connection, READINGS) == [(2,), (3,), (1,), (1,)]
    assert rows(connection, "SELECT device_id, reason FROM rejections") == [
        ("dev-a", "older-than-retention")
    ]
    # A slot of somebody who keeps everything.
    connection.execute("INSERT INTO tenants (id, name, kind) VALUES ('lab', 'L', 'university')")
    connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) "
        "VALUES ('dev-a', 'lab', '[2025-11-01,2025-12-10)')"
    )
    until_heard(writer)
    store(writer, message({**old, "ts": then + 1}, 4))
    assert len(rows(connection, READINGS)) == 6
