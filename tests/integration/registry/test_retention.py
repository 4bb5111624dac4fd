"""What is older than it is kept goes, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from cli.api import Api, ApiError
from storage import deletions
from tests.conftest import cloned
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    populate,
    registry_settings,
    reject,
    serving,
)
from tests.parts import free_port, wait_until

FORGET = """
    SELECT pg_advisory_xact_lock(hashtext('technopark retention'));
    TRUNCATE readings, states, flags, rejections, retentions, retention_done, bookings;
    DELETE FROM series;
    UPDATE devices SET tenant_id = split_part(id, '-', 1), model_id = NULL;
    DELETE FROM device_owners;
    INSERT INTO device_owners SELECT id, tenant_id, '(,)' FROM devices;
"""
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def database_url(server: str, template: str) -> Iterator[str]:
    """One database for all tests of this module."""
    with cloned(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def emptied(database_url: str) -> Iterator[psycopg.Connection]:
    """The connection of all tests of this module."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def registry(
    database_url: str, emptied: psycopg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    """One registry for all tests of this module."""
    folder = tmp_path_factory.mktemp("broker")
    with serving(registry_settings(database_url, folder, free_port()), emptied) as running:
        yield running


@pytest.fixture(scope="module")
def world(registry: RunningRegistry, emptied: psycopg.Connection) -> World:
    """One world for all tests of this module."""
    return populate(emptied)


@pytest.fixture
def connection(emptied: psycopg.Connection) -> psycopg.Connection:
    """A connection to the database, in which nothing was measured or set yet."""
    emptied.execute(FORGET)
    return emptied


def ago(days: float) -> datetime:
    """Noon of a day before today."""
    return NOON - timedelta(days=days)


def measure(connection: psycopg.Connection, device: str, days: range, metric: str = "t") -> int:
    """A reading, a state and a rejection at noon of each of the days before today."""
    numbers = [
        connection.execute(
            "INSERT INTO series (device_id, metric, kind) VALUES (%s, %s, %s) RETURNING id",
            [device, name, kind],
        ).fetchone()
        for name, kind in ((metric, "number"), (f"{metric}-state", "text"))
    ]
    series, states = (int(row[0]) for row in numbers if row)
    for day in days:
        connection.execute("INSERT INTO readings VALUES (%s, %s, %s)", [series, ago(day), day])
        connection.execute("INSERT INTO states VALUES (%s, %s, '\"on\"')", [states, ago(day)])
        connection.execute("INSERT INTO flags VALUES (%s, %s, 'above-range')", [series, ago(day)])
        reject(connection, ago(day), device=device)
    newest = min(days)
    connection.execute(
        "INSERT INTO latest (series_id, ts, value) VALUES (%s, %s, %s)",
        [series, ago(newest), newest],
    )
    connection.execute(
        "INSERT INTO latest (series_id, ts, state) VALUES (%s, %s, '\"on\"')", [states, ago(newest)]
    )
    return series


def keep(api: Api, days: int | str | None, **place: object) -> Any:
    return api.post("retention", {"days": days, **place})


def run(registry: RunningRegistry) -> dict[str, int]:
    """Let go everything that may go."""
    went = {"chunks": 0, "rows": 0}
    while True:
        step = registry.admin.post("retention/step")
        went = {name: went[name] + step[name] for name in went}
        if step["done"]:
            return went


def days_left(connection: psycopg.Connection, device: str, table: str = "readings") -> list[int]:
    """How many days ago there is something of the device."""
    rows = connection.execute(
        f"SELECT ts FROM {table} JOIN series s ON s.id = series_id WHERE device_id = %s "
        "ORDER BY ts DESC",
        [device],
    ).fetchall()
    return [(NOON - ts).days for (ts,) in rows]


def rejections_left(connection: psycopg.Connection, device: str) -> int:
    row = connection.execute("SELECT count(*) FROM rejections WHERE device_id = %s", [device])
    return int((row.fetchone() or [0])[0])


def chunks(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM timescaledb_information.chunks").fetchone()
    return int((row or [0])[0])


def test_the_most_specific_setting_counts(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner, admin = registry.as_(world.tokens["owner"]), registry.admin

    def kept() -> tuple[int | None, str | None]:
        (item,) = owner.get("devices/sunny-1/retention")["items"]
        return item["days"], item["level"]

    owner.patch("devices/sunny-1", {"model_id": "common"})
    assert kept() == (None, None)
    keep(admin, 400)
    assert kept() == (400, "platform")
    keep(owner, 300, tenant_id="sunny")
    assert kept() == (300, "tenant")
    keep(admin, 200, model_id="common")
    assert kept() == (200, "model")
    keep(owner, 100, tenant_id="sunny", model_id="common")
    assert kept() == (100, "model")
    keep(owner, "forever", device_id="sunny-1")
    assert kept() == (None, "device")
    keep(admin, 400, longest_days=500)
    assert kept() == (500, "device")
    keep(owner, None, device_id="sunny-1")
    assert kept() == (100, "model")
    listed = [
        (each["tenant_id"], each["model_id"], each["days"]) for each in owner.items("retention")
    ]
    assert listed == [
        (None, None, 400), ("sunny", None, 300), (None, "common", 200), ("sunny", "common", 100)
    ]  # fmt: skip
    assert [each["days"] for each in registry.as_(world.tokens["stranger"]).items("retention")] == [
        400, 200
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"days": 0, "tenant_id": "sunny"}, "days"),
        ({"days": 5, "device_id": "other-1"}, "device_id"),
        ({"days": 5, "tenant_id": "other"}, "tenant_id"),
        ({"days": 5, "model_id": "other-model"}, "model_id"),
        ({"days": 5, "device_id": "sunny-1", "model_id": "common"}, "device_id"),
        ({"days": 5, "tenant_id": "sunny", "longest_days": 9}, "longest_days"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_field(
    registry: RunningRegistry, world: World, body: dict[str, object], field: str
) -> None:
    with pytest.raises(ApiError, match=field) as refused:
        registry.as_(world.tokens["owner"]).post("retention", body)
    assert refused.value.status == 422


def test_whole_chunks_are_dropped_where_everybody_lets_them_go(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    for device in ("sunny-1", "other-1"):
        measure(connection, device, range(26, 40))
    reject(connection, ago(30.5), device="nobody-knows")
    connection.execute(
        "INSERT INTO device_statuses SELECT 'sunny-1', t, true FROM unnest(%s) AS t",
        [[ago(day) for day in (1, 33, 35, 37)]],
    )
    before = chunks(connection)
    keep(registry.admin, 30)
    # Who keeps everything, but has nothing of before, holds up nothing.
    keep(registry.as_(world.tokens["stranger"]), "forever", tenant_id="other")
    connection.execute("UPDATE devices SET tenant_id = 'sunny' WHERE id = 'other-1'")
    connection.execute("UPDATE device_owners SET tenant_id = 'sunny' WHERE device_id = 'other-1'")
    connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) "
        "VALUES ('other-1', 'other', tstzrange(now(), now() + INTERVAL '1 day'))"
    )
    went = run(registry)
    assert went["chunks"] == before - chunks(connection) > 8
    assert rejections_left(connection, "nobody-knows") == 0
    for device in ("sunny-1", "other-1"):
        assert max(days_left(connection, device)) in (29, 30)
        # A chunk of these is a week: it goes when its last day may.
        assert 29 <= max(days_left(connection, device, "states")) <= 37
    kept = connection.execute("SELECT ts FROM device_statuses ORDER BY ts DESC").fetchall()
    assert kept == [(ago(1),), (ago(33),)]
    assert run(registry) == {"chunks": 0, "rows": 0}


def test_rows_go_where_others_keep_theirs_in_the_same_chunk(
    registry: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deletions, "PORTION", 5)
    for device in ("sunny-1", "other-1", "guest-1"):
        measure(connection, device, range(20))
    keep(registry.as_(world.tokens["owner"]), 10, tenant_id="sunny")
    keep(registry.admin, 15, device_id="guest-1")
    went = run(registry)
    assert went["chunks"] == 0
    assert days_left(connection, "sunny-1") == list(range(10 + (datetime.now(UTC) < NOON)))
    for table in ("readings", "states", "flags"):
        assert len(days_left(connection, "sunny-1", table)) == len(days_left(connection, "sunny-1"))
        assert days_left(connection, "other-1", table) == list(range(20))
        assert max(days_left(connection, "guest-1", table)) in (14, 15)
    assert rejections_left(connection, "other-1") == 20
    assert rejections_left(connection, "sunny-1") == len(days_left(connection, "sunny-1"))
    assert run(registry)["rows"] == 0


def test_a_slots_data_are_kept_as_its_tenant_says_and_not_as_the_owner(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    measure(connection, "sunny-1", range(20))
    connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) "
        "VALUES ('sunny-1', 'other', tstzrange(%s, %s))",
        [ago(16.5), ago(13.5)],
    )
    connection.execute(
        "INSERT INTO commands (device_id, name, params, sent_at, expires_at) "
        "SELECT 'sunny-1', 'stop', '{}', ts, '2099-12-31' FROM readings"
    )
    keep(registry.as_(world.tokens["owner"]), 5, device_id="sunny-1")
    keep(registry.as_(world.tokens["stranger"]), 15, tenant_id="other")
    run(registry)
    kept = days_left(connection, "sunny-1")
    assert [day for day in kept if day > 6] == ([14, 15] if datetime.now(UTC) < NOON else [14])
    commands = connection.execute("SELECT sent_at FROM commands ORDER BY sent_at").fetchall()
    assert commands == connection.execute("SELECT ts FROM readings ORDER BY ts").fetchall()
    (item,) = registry.as_(world.tokens["stranger"]).get("devices/sunny-1/retention")["items"]
    assert (item["tenant_id"], item["days"], item["level"]) == ("other", 15, "tenant")
    assert item["data_from"].startswith(ago(max(kept)).strftime("%Y-%m-%d"))


def test_the_newest_value_is_one_that_is_still_there(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    measure(connection, "sunny-1", range(10, 20))
    connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) "
        "VALUES ('sunny-1', 'other', tstzrange(%s, %s))",
        [ago(15.5), ago(11.5)],
    )
    keep(owner, 5, device_id="sunny-1")
    run(registry)
    ages = [(NOON - row[0]).days for row in connection.execute("SELECT ts FROM latest")]
    assert ages == [12, 12]
    assert list(owner.items("devices/sunny-1/latest")) == []
    assert [each["value"] for each in stranger.items("devices/sunny-1/latest")] == [12, "on"]
    keep(stranger, 5, tenant_id="other")
    run(registry)
    assert connection.execute("SELECT FROM latest").fetchall() == []
    assert days_left(connection, "sunny-1") == []


def test_a_dry_run_tells_what_then_goes_and_changes_nothing(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = registry.as_(world.tokens["owner"])
    for device in ("sunny-1", "other-1"):
        measure(connection, device, range(20))
    plan = owner.post("retention/dry-run", {"tenant_id": "sunny", "days": 10})
    assert plan["chunks"] == []
    (due,) = plan["devices"]
    assert due["device_id"] == "sunny-1"
    assert due["readings"] == due["states"] == due["flags"] == due["rejections"] in (9, 10)
    assert due["bytes"] > 0
    assert list(owner.items("retention")) == []
    assert run(registry) == {"chunks": 0, "rows": 0}
    whole = registry.admin.post("retention/dry-run", {"days": 12, "limit": 1})
    assert {chunk["table"] for chunk in whole["chunks"]} >= {"readings"}
    assert sum(chunk["rows"] for chunk in whole["chunks"]) > 10
    assert all(chunk["bytes"] > 0 for chunk in whole["chunks"])
    rest = registry.admin.post(
        "retention/dry-run", {"days": 12, "limit": 1, "cursor": whole["next"]}
    )
    assert [page["devices"][0]["device_id"] for page in (whole, rest)] == ["other-1", "sunny-1"]
    assert rest["next"] is None
    keep(owner, 10, tenant_id="sunny")
    assert run(registry)["rows"] == 4 * due["readings"]
    with pytest.raises(ApiError, match="only a tenant-owner of its tenant or a platform-admin"):
        owner.post("retention/dry-run", {})


def test_one_worker_at_a_time_and_an_interrupted_one_is_taken_up_again(
    registry: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deletions, "PORTION", 4)
    measure(connection, "sunny-1", range(20))
    keep(registry.as_(world.tokens["owner"]), 10, tenant_id="sunny")
    with psycopg.connect(database_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('technopark retention'))")
        assert registry.admin.post("retention/step") == {
            "chunks": 0, "rows": 0, "done": True, "busy": True
        }  # fmt: skip
    first = registry.admin.post("retention/step")
    assert (first["rows"], first["done"]) == (4, False)
    assert len(days_left(connection, "sunny-1")) == 16
    run(registry)
    assert max(days_left(connection, "sunny-1")) in (9, 10)


def test_what_waited_long_on_its_way_goes_the_next_time(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    series = measure(connection, "sunny-1", range(20))
    keep(registry.as_(world.tokens["owner"]), 10, tenant_id="sunny")
    run(registry)
    connection.execute("INSERT INTO readings VALUES (%s, %s, 1)", [series, ago(13)])
    assert run(registry)["rows"] == 0
    connection.execute(
        "UPDATE retention_done SET emptied_at = now() - INTERVAL '25 hours', "
        "emptied = emptied * tstzmultirange(tstzrange(NULL, now() - INTERVAL '10 days 2 hours'))"
    )
    assert run(registry)["rows"] == 1
    assert max(days_left(connection, "sunny-1")) in (9, 10)


def test_the_platform_does_it_by_itself(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    measure(connection, "sunny-1", range(20))
    keep(registry.as_(world.tokens["owner"]), 10, tenant_id="sunny")
    registry.stop()
    registry.start()
    wait_until(lambda: len(days_left(connection, "sunny-1")) < 12, "old readings to go")
    assert days_left(connection, "other-1") == []
