"""A tenant is deleted, and nothing of it is left."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from cli.api import ApiError
from storage import deletions
from tests.integration.registry.conftest import RunningRegistry, World, reject
from tests.integration.registry.ownership import book, day, days_read, hand_over, measure


def settle(connection: psycopg.Connection) -> None:
    """Let the time pass that the deletion waits for what is on its way."""
    connection.execute("UPDATE tenant_deletions SET started_at = started_at - interval '1 minute'")


def carry_out(registry: RunningRegistry, connection: psycopg.Connection, tenant: str) -> int:
    """Do all steps of a requested deletion; how many rows they deleted."""
    path, rows = f"tenants/{tenant}/deletion/step", 0
    assert registry.admin.post(path)["done"] is False
    settle(connection)
    while not (step := registry.admin.post(path))["done"]:
        rows += step["rows"]
    return rows


def mentions(connection: psycopg.Connection, *words: str) -> dict[str, list[str]]:
    """The rows, as text, in which one of the words stands, by the name of their table."""
    tables = connection.execute(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    ).fetchall()
    found: dict[str, list[str]] = {}
    for (table,) in tables:
        query = sql.SQL("SELECT t::text FROM {} t WHERE t::text ~ %s").format(sql.Identifier(table))
        rows = connection.execute(query, [rf"\y({'|'.join(words)})\y"]).fetchall()
        if rows:
            found[table] = [row for (row,) in rows]
    return found


def furnish(registry: RunningRegistry, world: World, connection: psycopg.Connection) -> list[int]:
    """Give Sunny, and its neighbours, something of everything; the series of Sunny's devices."""
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    owner.patch("devices/sunny-1", {"model_id": "sunny-model", "metadata": {"of": "sunny"}})
    owner.post("devices/sunny-1/secrets")
    for device in ("sunny-1", "other-1", "guest-1"):
        measure(connection, device, range(1, 11))
        for number in range(1, 11):
            reject(connection, day(number), device=device)
        connection.execute(
            "INSERT INTO commands (device_id, name, params, sent_at, expires_at) "
            "SELECT %s, 'stop', '{}', day, '2099-12-31' "
            "FROM generate_series(%s, %s, INTERVAL '1 day') day",
            [device, day(1), day(10)],
        )
    connection.execute(
        "INSERT INTO states SELECT id, %s, '\"sunny\"' FROM series WHERE device_id = 'sunny-1'",
        [day(1)],
    )
    connection.execute("INSERT INTO flags SELECT id, %s, 'above-range' FROM series", [day(2)])
    connection.execute("INSERT INTO device_activity (device_id, online) VALUES ('sunny-1', true)")
    hand_over(connection, "other-1", "sunny", 3)
    hand_over(connection, "other-1", "other", 6)
    book(connection, "guest-1", "sunny", range(3, 5))
    book(connection, "sunny-1", "other", range(3, 5))
    stranger.post(
        "transfers", {"from_tenant_id": "other", "to_tenant_id": "sunny", "devices": ["other-1"]}
    )
    owner.post(
        "transfers", {"from_tenant_id": "sunny", "to_tenant_id": "other", "devices": ["sunny-1"]}
    )
    rows = connection.execute("SELECT id FROM series WHERE device_id = 'sunny-1'").fetchall()
    return [number for (number,) in rows]


def test_no_row_of_any_table_mentions_a_deleted_tenant_or_its_devices(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    series = furnish(registry, world, connection)
    before = mentions(connection, "sunny", "sunny-1", "sunny-model", "Sunny")
    assert {"bookings", "device_owners", "memberships", "models", "transfers"} <= set(before)
    registry.as_(world.tokens["owner"]).post("tenants/sunny/deletion", {"confirm": "sunny"})
    assert carry_out(registry, connection, "sunny") == 32
    assert mentions(connection, "sunny", "sunny-1", "sunny-model", "Sunny") == {}
    for table in ("readings", "states", "flags", "latest"):
        query = sql.SQL("SELECT count(*) FROM {} WHERE series_id = ANY(%s)")
        left = connection.execute(query.format(sql.Identifier(table)), [series]).fetchone()
        assert left == (0,), table


def test_of_other_tenants_devices_only_its_own_times_are_deleted(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    furnish(registry, world, connection)
    registry.admin.post("tenants/sunny/deletion", {"confirm": "sunny"})
    carry_out(registry, connection, "sunny")
    assert days_read(registry.admin, "other-1") == [1, 2, 6, 7, 8, 9, 10]
    assert days_read(registry.as_(world.tokens["stranger"]), "other-1") == [1, 2, 6, 7, 8, 9, 10]
    assert days_read(registry.admin, "guest-1") == [1, 2, 5, 6, 7, 8, 9, 10]
    since = {"from": day(1).isoformat()}
    assert len(list(registry.admin.items("devices/other-1/rejections", **since))) == 7
    assert len(list(registry.admin.items("devices/other-1/commands"))) == 7
    assert registry.admin.get("devices/other-1")["tenant_id"] == "other"


def test_a_deletion_is_asked_for_by_an_owner_who_types_the_id_and_done_by_an_administrator(
    registry: RunningRegistry, world: World
) -> None:
    def status(method: str, name: str, path: str = "", confirm: str = "sunny") -> int:
        token = registry.admin_token if name == "admin" else world.tokens[name]
        url = f"/api/v1/tenants/sunny/deletion{path}"
        body = {"confirm": confirm} if method == "POST" and not path else None
        return registry.request(method, url, token, json=body).status_code

    assert status("POST", "admin", "/step") == 404
    assert [status("POST", name) for name in ("member", "mentor", "manager")] == [403] * 3
    assert [status("POST", name) for name in ("stranger", "nobody")] == [404] * 2
    assert status("POST", "owner", confirm="other") == 422
    assert status("POST", "owner") == 201
    assert status("POST", "owner", "/step") == 403
    assert [status("DELETE", name) for name in ("member", "owner")] == [403, 204]
    assert status("GET", "owner") == 404
    assert status("POST", "owner") == 201
    assert status("POST", "admin", "/step") == 200
    assert [status("DELETE", name) for name in ("owner", "admin")] == [401, 409]


def test_a_deletion_shuts_all_doors_first_and_waits_for_what_is_on_its_way(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = registry.as_(world.tokens["owner"])
    owner.post("devices/sunny-1/secrets")
    owner.post("tenants/sunny/deletion", {"confirm": "sunny"})
    for _ in range(2):
        step = registry.admin.post("tenants/sunny/deletion/step")
        assert step == {"rows": 0, "devices": 1, "done": False}
    with pytest.raises(ApiError, match="not valid"):
        owner.get("me")
    secrets = registry.admin.items("devices/sunny-1/secrets")
    assert [secret["revoked_at"] is None for secret in secrets] == [False]
    started = datetime.fromisoformat(registry.admin.get("tenants/sunny/deletion")["started_at"])
    assert datetime.now(UTC) - started < timedelta(minutes=1)


def test_no_step_deletes_many_more_rows_than_a_portion(
    registry: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deletions, "PORTION", 4)
    measure(connection, "sunny-1", range(1, 11))
    measure(connection, "sunny-1", range(1, 4), metric="b")
    for number in range(1, 6):
        for reason in ("quota", "bad-time"):
            reject(connection, day(number), reason=reason)
    registry.admin.post("tenants/sunny/deletion", {"confirm": "sunny"})
    path = "tenants/sunny/deletion/step"
    registry.admin.post(path)
    settle(connection)
    steps = [registry.admin.post(path)]
    while not steps[-1]["done"]:
        steps.append(registry.admin.post(path))
    assert sum(step["rows"] for step in steps) == 23
    assert max(step["rows"] for step in steps) <= 2 * 4
    with pytest.raises(ApiError, match="there is no such tenant"):
        registry.admin.get("tenants/sunny")


def test_people_who_have_nothing_but_the_deleted_tenant_go_with_it_and_leave_no_trace(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    """Nobody keeps what is personal and has no purpose any more."""
    kept = {
        "platform": "INSERT INTO memberships (user_id, role) VALUES ({id}, 'platform-admin')",
        "elsewhere": "INSERT INTO memberships (user_id, role, tenant_id) "
        "VALUES ({id}, 'viewer', 'other')",
        "invited": "INSERT INTO invitations (sha256, email, role, tenant_id, invited_by, "
        "expires_at) VALUES (sha256('x'), 'INVITED@people.example', 'viewer', 'other', "
        "{stranger}, now() + interval '1 day')",
        "reader": "INSERT INTO agreements (tenant_id, reader_email, first_day, last_day, "
        "history_from) VALUES ('other', 'Reader@people.example', '2026-01-01', '2099-01-01', "
        "'2026-01-01')",
    }
    gone = {
        "only": "SELECT 1",
        "earlier": "INSERT INTO memberships (user_id, role, tenant_id, until) "
        "VALUES ({id}, 'viewer', 'other', '2020-01-01')",
    }
    for name, statement in {**kept, **gone}.items():
        email = f"{name}@people.example"
        user = registry.admin.post("users", {"email": email, "name": f"{name} surname"})["id"]
        role = {"role": "tenant-member", "tenant_id": "sunny"}
        registry.admin.post(f"users/{user}/memberships", role)
        registry.admin.post("tokens", {"name": f"{name} token", "user_id": user})
        connection.execute(statement.format(id=user, stranger=world.ids["stranger"]).encode())
    registry.as_(world.tokens["owner"]).post("tenants/sunny/deletion", {"confirm": "sunny"})
    carry_out(registry, connection, "sunny")
    left = {user["email"] for user in registry.admin.items("users")}
    assert {f"{name}@people.example" for name in kept} <= left
    assert "stranger@example.org" in left
    words = [f"{name}@people.example" for name in gone]
    assert mentions(connection, *words, "only surname", "owner@example.org") == {}


def test_an_administrator_deletes_a_user_and_what_the_log_told_of_him(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = registry.as_(world.tokens["owner"])
    owner.patch("devices/sunny-1", {"name": "Renamed by the owner"})
    number = world.ids["owner"]
    me = registry.admin.get("me")["id"]
    with pytest.raises(ApiError, match="another administrator"):
        registry.admin.delete(f"users/{me}")
    registry.admin.delete(f"users/{number}")
    assert "owner@example.org" not in str(mentions(connection, "owner"))
    log = list(registry.admin.items("audit"))
    gone = [entry for entry in log if (entry["kind"], entry["subject"]) == ("user", str(number))]
    assert [(entry["operation"], entry["user_id"]) for entry in gone] == [("deleted", me)]
    # What was done to the tenant's things is the tenant's to know.
    [renamed] = [entry for entry in log if entry["kind"] == "device" and entry["before"]]
    assert renamed["user_id"] == number
