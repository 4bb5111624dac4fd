"""What a model, a quota and a retention say counts for the next batch."""

from __future__ import annotations

import psycopg

from ingest.batch import Batch
from ingest.writer import Writer
from tests.integration.conftest import register
from tests.integration.ingest.writing import (
    READINGS,
    REASONS,
    T0_MS,
    message,
    rows,
    store,
    until_heard,
)

FLAGS = "SELECT metric, value, flag, tenant FROM flagged_telemetry ORDER BY ts"


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
