"""Whose a device's readings are: they are shown to those, and to nobody else."""

import re
from datetime import timedelta

import psycopg
import pytest

from cli.api import ApiError
from storage.telemetry_queries import BEGINNING, QUERIES
from tests.integration.registry.conftest import RunningRegistry, World, reject
from tests.integration.registry.ownership import (
    FIRST,
    book,
    day,
    days_read,
    hand_over,
    measure,
    newest,
)


def test_every_owner_reads_its_own_time(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    measure(connection, "sunny-1", range(1, 11))
    hand_over(connection, "sunny-1", "other", 7)
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    assert days_read(owner, "sunny-1") == [1, 2, 3, 4, 5, 6]
    assert days_read(stranger, "sunny-1") == [7, 8, 9, 10]
    assert days_read(registry.admin, "sunny-1") == list(range(1, 11))
    assert days_read(
        owner, "sunny-1", **{"from": day(3).isoformat(), "to": day(9).isoformat()}
    ) == [
        3,
        4,
        5,
        6,
    ]
    assert (newest(owner, "sunny-1"), newest(stranger, "sunny-1")) == ({"t": 6}, {"t": 10})


def test_the_old_owner_reads_on_but_sees_the_device_no_more(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    measure(connection, "sunny-1", range(1, 3))
    hand_over(connection, "sunny-1", "other", 2)
    member = registry.as_(world.tokens["member"])
    assert days_read(member, "sunny-1") == [1]
    assert list(member.items("devices")) == []
    for path in ("devices/sunny-1", "devices/sunny-1/secrets"):
        with pytest.raises(ApiError) as refused:
            member.get(path)
        assert refused.value.status == 404


def test_what_was_measured_in_a_slot_is_its_tenants_alone(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    measure(connection, "sunny-1", range(1, 11))
    measure(connection, "sunny-1", range(1, 5), metric="early")
    book(connection, "sunny-1", "other", range(3, 5))
    book(connection, "sunny-1", "other", range(8, 11))
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    assert days_read(owner, "sunny-1") == [1, 2, 5, 6, 7]
    assert days_read(stranger, "sunny-1") == [3, 4, 8, 9, 10]
    assert newest(owner, "sunny-1") == {"t": 7, "early": 2}
    assert newest(stranger, "sunny-1") == {"t": 10, "early": 4}


def test_a_park_reads_what_its_tenants_hold_and_its_labs_devices_since_their_owner_has_them(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    manager = registry.as_(world.tokens["manager"])
    measure(connection, "sunny-1", range(1, 11))
    hand_over(connection, "sunny-1", "other", 7)
    assert days_read(manager, "sunny-1") == [1, 2, 3, 4, 5, 6]
    # In the park's lab stands a device of a tenant that is not at home there.
    measure(connection, "guest-1", range(1, 11))
    hand_over(connection, "guest-1", "other", 4)
    book(connection, "guest-1", "sunny", range(6, 7))
    assert days_read(manager, "guest-1") == [4, 5, 6, 7, 8, 9, 10]
    connection.execute("UPDATE devices SET lab_id = NULL WHERE id = 'guest-1'")
    assert days_read(manager, "guest-1") == [6]


def test_states_and_flags_keep_to_the_same_times(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    measure(connection, "sunny-1", range(1, 5))
    connection.execute(
        "WITH added AS (INSERT INTO series (device_id, metric, kind) "
        "               VALUES ('sunny-1', 'mode', 'text') RETURNING id) "
        "INSERT INTO states SELECT id, ts, to_jsonb(ts) FROM added, unnest(%s::timestamptz[]) ts",
        [[day(1), day(3)]],
    )
    connection.execute(
        "INSERT INTO flags SELECT id, unnest(%s::timestamptz[]), 'above-range' FROM series "
        "WHERE metric = 't'",
        [[day(1), day(3)]],
    )
    hand_over(connection, "sunny-1", "other", 2)
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    for person, times in ((owner, [1]), (stranger, [3])):
        states = person.items("devices/sunny-1/states", metric="mode")
        expected = [day(number).isoformat().replace("+00:00", "Z") for number in times]
        assert [state["ts"] for state in states] == expected
    assert [value["flag"] for value in owner.items("devices/sunny-1/latest")][-1] == "above-range"
    assert [value["flag"] for value in stranger.items("devices/sunny-1/latest")] == [None, None]


def test_rejections_keep_to_the_times_of_their_arrival(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    for number in range(1, 6):
        reject(connection, day(number), detail=str(number))
    hand_over(connection, "sunny-1", "other", 4)
    since = {"from": FIRST.isoformat()}
    for name, times in {"owner": [3, 2, 1], "manager": [3, 2, 1], "stranger": [5, 4]}.items():
        person = registry.as_(world.tokens[name])
        for path in ("devices/sunny-1/rejections", "rejections"):
            found = person.items(path, limit=2, **since)
            assert [int(each["detail"]) for each in found] == times, (name, path)
        [counted] = person.get("rejections/summary", **since)["items"]
        assert counted["count"] == len(times)
    assert registry.admin.get("rejections/summary", **since)["items"][0]["count"] == 5


def test_every_moment_of_a_device_belongs_to_one_tenant(
    world: World, connection: psycopg.Connection
) -> None:
    hand_over(connection, "sunny-1", "other", 10)
    hand_over(connection, "sunny-1", "guest", 20)
    book(connection, "sunny-1", "guest", range(8, 12))
    book(connection, "sunny-1", "sunny", range(12, 22))
    rows = connection.execute(
        "SELECT tenant_id, during FROM holdings WHERE device_id = 'sunny-1' ORDER BY lower(during) "
        "NULLS FIRST"
    ).fetchall()
    assert [tenant for tenant, _ in rows] == ["sunny", "guest", "sunny", "guest"]
    ends = [during.upper for _, during in rows]
    assert [during.lower for _, during in rows] == [None, *ends[:-1]]
    assert ends == [*(FIRST + timedelta(days=number) for number in (7, 11, 21)), None]


def test_a_device_that_changes_hands_twice_in_a_transaction_is_the_last_ones(
    world: World, connection: psycopg.Connection
) -> None:
    with connection.transaction():
        for tenant in ("other", "guest"):
            connection.execute("UPDATE devices SET tenant_id = %s WHERE id = 'sunny-1'", [tenant])
    rows = connection.execute(
        "SELECT tenant_id FROM device_owners WHERE device_id = 'sunny-1' "
        "AND during @> clock_timestamp()"
    ).fetchall()
    assert rows == [("guest",)]


def test_a_question_about_a_time_asks_only_its_chunks(
    world: World, connection: psycopg.Connection
) -> None:
    measure(connection, "sunny-1", range(1, 11))
    hand_over(connection, "sunny-1", "other", 7)
    row = connection.execute("SELECT id FROM series").fetchone()
    assert row
    parameters = {
        "metric": "t",
        "series": row[0],
        "after": BEGINNING,
        "start": FIRST + timedelta(days=6),
        "end": FIRST + timedelta(days=8),
        "limit": 100,
    }
    plan = connection.execute(b"EXPLAIN " + QUERIES["readings"], parameters).fetchall()
    assert len(set(re.findall(r"_hyper_\d+_\d+_chunk\b", str(plan)))) == 2


def test_who_holds_what_is_found_by_indexes(world: World, connection: psycopg.Connection) -> None:
    book(connection, "sunny-1", "other", range(3, 5))
    connection.execute("SET enable_seqscan = off")
    for question in (
        "held_by('{sunny,other}', '{porto}') WHERE device_id = 'sunny-1'",
        "held_by('{sunny}', '{}')",
        "holdings WHERE device_id = 'sunny-1'",
        "holdings WHERE tenant_id = 'sunny'",
    ):
        plan = connection.execute(f"EXPLAIN SELECT during FROM {question}".encode()).fetchall()
        assert "Index" in str(plan)
        assert re.findall(r"Seq Scan on (devices|device_owners|bookings)", str(plan)) == []


def test_a_tenant_finds_all_that_it_holds(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    hand_over(connection, "sunny-1", "other", 7)
    book(connection, "guest-1", "sunny", range(3, 5))
    book(connection, "sunny-1", "guest", range(2, 4))
    owner = registry.as_(world.tokens["owner"])
    held = [
        (each["device_id"], each["from"], each["until"])
        for each in owner.items("tenants/sunny/holdings", limit=1)
    ]
    assert held == [
        ("guest-1", "2026-03-03T00:00:00Z", "2026-03-05T00:00:00Z"),
        ("sunny-1", None, "2026-03-02T00:00:00Z"),
        ("sunny-1", "2026-03-04T00:00:00Z", "2026-03-07T00:00:00Z"),
    ]
    assert len(list(owner.items("tenants/sunny/holdings", device_id="guest-1"))) == 1
