from dataclasses import replace

import psycopg
import pytest
from psycopg import errors

from storage.errors import is_conflict, is_permanent
from storage.ingest import (
    PORTION,
    RejectedMessage,
    Said,
    Status,
    merge_attributes,
    note_statuses,
    resolve_series,
    store_rejections,
)
from tests.integration.conftest import register

T0 = 1_767_225_600_000_000  # µs
REJECTED = RejectedMessage(
    T0, "dev-a", "devices/dev-a/telemetry", "quota", "used up", b"{}", "application/json"
)


def stored(connection: psycopg.Connection, columns: str) -> list[tuple[object, ...]]:
    query = f"SELECT {columns} FROM rejections ORDER BY ts, reason"
    return connection.execute(query.encode()).fetchall()


def test_a_rejection_keeps_all_that_a_replay_needs(connection: psycopg.Connection) -> None:
    store_rejections(connection, [REJECTED])
    columns = "device_id, topic, reason, detail, payload, size, content_type, replayed_at"
    assert stored(connection, columns) == [
        ("dev-a", "devices/dev-a/telemetry", "quota", "used up", b"{}", 2, "application/json", None)
    ]
    assert stored(connection, f"extract(epoch FROM ts) * 1000000 - {T0}") == [(0,)]


@pytest.mark.parametrize(("size", "kept"), [(65_536, 65_536), (65_537, 1024)])
def test_a_payload_is_kept_whole_up_to_64_kib(
    connection: psycopg.Connection, size: int, kept: int
) -> None:
    store_rejections(connection, [replace(REJECTED, payload=bytes(size))])
    assert stored(connection, "length(payload), size") == [(kept, size)]


def test_thousands_of_rejections_are_stored_once_each(connection: psycopg.Connection) -> None:
    many = [replace(REJECTED, ts=T0 + n, content_type=None) for n in range(3 * PORTION + 1)]
    for _ in range(2):
        store_rejections(connection, many)
    assert stored(connection, "count(*) OVER (), min(ts) OVER () = ts")[0] == (len(many), True)


def test_a_message_has_one_rejection_for_each_reason(connection: psycopg.Connection) -> None:
    twice = [REJECTED, replace(REJECTED, reason="wrong-kind"), REJECTED]
    store_rejections(connection, twice)
    assert stored(connection, "reason") == [("quota",), ("wrong-kind",)]


def test_texts_that_no_index_or_text_of_the_database_can_hold_are_made_to_fit(
    connection: psycopg.Connection,
) -> None:
    letters = "".join(chr(0x20000 + 7 * n) for n in range(6000))  # four bytes each
    long = replace(REJECTED, topic=f"devices/{letters}", content_type="a\0b")
    store_rejections(connection, [long])
    assert stored(connection, "length(topic), content_type") == [(512, "a\ufffdb")]


def test_for_each_attribute_the_newest_arrival_counts(connection: psycopg.Connection) -> None:
    register(connection, "dev-a", "dev-b")
    with connection.transaction():
        merge_attributes(
            connection,
            [Said("dev-a", 3, {"a": 3, "b": None}), Said("dev-a", 2, {"a": 2, "c": [2]})],
        )
        merge_attributes(
            connection, [Said("dev-b", 9, {"a": 9}), Said("dev-a", 1, {"c": 1, "d": 1})]
        )
        merge_attributes(connection, [Said("nobody", 1, {"a": 1})])
    assert connection.execute("SELECT attributes FROM devices ORDER BY id").fetchall() == [
        ({"a": 3, "b": None, "c": [2], "d": 1},),
        ({"a": 9},),
    ]


def test_a_device_that_went_and_came_back_within_a_batch_is_online_since_then(
    connection: psycopg.Connection,
) -> None:
    register(connection, "dev-a")
    came = Status("dev-a", T0, True)
    with connection.transaction():
        note_statuses(connection, [came])
        note_statuses(
            connection, [Status("dev-a", T0 + 3, True), Status("dev-a", T0 + 2, False), came]
        )
    since = f"extract(epoch FROM online_changed_at) * 1000000 - {T0}"
    query = f"SELECT online, {since} FROM device_activity"
    assert connection.execute(query.encode()).fetchall() == [(True, 3)]


def test_a_series_comes_with_the_rules_of_its_model_and_its_quotas(
    connection: psycopg.Connection,
) -> None:
    register(connection, "dev-a")
    connection.execute("INSERT INTO models (id, name) VALUES ('probe', 'Probe')")
    connection.execute(
        "INSERT INTO model_metrics (model_id, metric, kind, unit, minimum, out_of_range) "
        "VALUES ('probe', 'x', 'boolean', '1', -1, 'reject')"
    )
    connection.execute("UPDATE devices SET model_id = 'probe', values_per_second = 2")
    connection.execute("UPDATE tenants SET values_per_second = 3")
    wanted = {("dev-a", "x"): "number", ("dev-a", "y"): "number"}
    x, y = sorted(resolve_series(connection, wanted))
    assert x[3:] == ("probe", "boolean", "1", -1, None, "reject", 2, "acme", 3, None)
    assert y[3:] == (None, None, None, None, None, None, 2, "acme", 3, None)
    kinds = connection.execute("SELECT metric, kind FROM series ORDER BY metric").fetchall()
    assert kinds == [("x", "boolean"), ("y", "number")]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "0", "-1"])
def test_a_quota_is_a_number_above_zero(connection: psycopg.Connection, value: str) -> None:
    register(connection, "dev-a")
    for table in ("devices", "tenants"):
        with pytest.raises(errors.CheckViolation):
            connection.execute(f"UPDATE {table} SET values_per_second = '{value}'".encode())


@pytest.mark.parametrize(
    ("error", "conflict"),
    [
        (errors.DeadlockDetected, True),
        (errors.SerializationFailure, True),
        (errors.AdminShutdown, False),
        (psycopg.OperationalError, False),
    ],
)
def test_two_writers_that_met_are_told_from_a_database_that_is_away(
    error: type[psycopg.Error], conflict: bool
) -> None:
    assert is_conflict(error()) is conflict
    assert not is_permanent(error())
