"""What a tenant lets others read, until when, and that it is no more than that."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner

from cli.agreements import app
from cli.api import Api, ApiError
from storage import agreements
from storage.rows import Connection
from tests.integration.registry.conftest import RunningRegistry, World

OFFER: dict[str, Any] = {
    "tenant_id": "sunny",
    "reader_tenant_id": "other",
    "device_ids": ["sunny-1"],
    "last_day": "2099-12-31",
    "history_from": "2020-01-01",
}


@pytest.fixture
def telemetry(connection: psycopg.Connection, world: World) -> None:
    """Two metrics of Sunny's device, with a reading on each of two days, and a state."""
    connection.execute(
        """
        UPDATE devices SET model_id = 'sunny-model', tags = '{roof}',
            metadata = '{"serial": 5}', attributes = '{"ip": "10.0.0.5"}' WHERE id = 'sunny-1';
        INSERT INTO devices (id, tenant_id, name) VALUES ('sunny-2', 'sunny', 'Two');
        INSERT INTO model_metrics (model_id, metric, unit) VALUES
            ('sunny-model', 'power', 'kW'), ('sunny-model', 'torque', 'N.m');
        INSERT INTO series (device_id, metric, kind) VALUES
            ('sunny-1', 'power', 'number'), ('sunny-1', 'torque', 'number'),
            ('sunny-1', 'mode', 'text'), ('sunny-2', 'power', 'number');
        INSERT INTO readings SELECT id, day, id FROM series,
            unnest('{2026-03-01 12:00+00, 2026-03-02 12:00+00}'::timestamptz[]) day
            WHERE kind = 'number';
        INSERT INTO states
            SELECT id, '2026-03-02 12:00+00', '"eco"' FROM series WHERE kind = 'text';
        INSERT INTO latest (series_id, ts, value, state)
            SELECT id, '2026-03-02 12:00+00', CASE kind WHEN 'number' THEN id END,
                   CASE kind WHEN 'text' THEN '"eco"'::jsonb END FROM series;
        """
    )


@pytest.fixture
def owner(registry: RunningRegistry, world: World) -> Api:
    """An owner of Sunny, who lets read."""
    return registry.as_(world.tokens["owner"])


@pytest.fixture
def reader(registry: RunningRegistry, world: World) -> Api:
    """An owner of Other, who may read."""
    return registry.as_(world.tokens["stranger"])


def agreed(owner: Api, reader: Api, **terms: object) -> int:
    """The number of an agreement that was offered and accepted."""
    number: int = owner.post("agreements", {**OFFER, **terms})["id"]
    reader.post(f"agreements/{number}/accept")
    return number


def values(api: Api, metric: str, device: str = "sunny-1") -> int:
    """How many readings of a metric the asker is shown."""
    return len(list(api.items(f"devices/{device}/readings", metric=metric)))


def refused(call: Any, *arguments: object) -> int:
    with pytest.raises(ApiError) as error:
        call(*arguments)
    return error.value.status


def test_a_device_is_readable_from_the_acceptance_until_the_revocation(
    owner: Api, reader: Api, telemetry: None
) -> None:
    number = owner.post("agreements", OFFER)["id"]
    assert refused(reader.get, "devices/sunny-1") == 404
    assert reader.post(f"agreements/{number}/accept")["state"] == "running"
    assert reader.get("devices/sunny-1")["name"] == "One"
    assert values(reader, "power") == 2
    assert owner.post(f"agreements/{number}/revoke")["state"] == "revoked"
    assert refused(reader.get, "devices/sunny-1") == 404
    assert refused(values, reader, "power") == 404


def test_a_reader_sees_the_agreed_metrics_of_the_agreed_devices_alone(
    owner: Api, reader: Api, telemetry: None
) -> None:
    agreed(owner, reader, metrics=["power", "mode"])
    assert {device["id"] for device in reader.items("devices")} == {"sunny-1", "other-1"}
    assert refused(reader.get, "devices/sunny-2") == 404
    assert values(reader, "power") == 2
    assert values(reader, "torque") == 0
    assert [row["metric"] for row in reader.items("devices/sunny-1/latest")] == ["mode", "power"]
    assert len(list(reader.items("devices/sunny-1/states", metric="mode"))) == 1
    model = reader.get("models/sunny-model")
    assert [metric["metric"] for metric in model["metrics"]] == ["power"]


def test_a_reader_can_do_nothing_but_read(owner: Api, reader: Api, telemetry: None) -> None:
    agreed(owner, reader)
    assert refused(reader.get, "devices/sunny-1/secrets") == 403
    assert refused(reader.post, "devices/sunny-1/secrets", {}) == 403
    assert refused(reader.get, "devices/sunny-1/rejections") == 403
    assert refused(reader.post, "devices/sunny-1/rejections/replay", {}) == 403
    assert refused(reader.patch, "devices/sunny-1", {"name": "Mine"}) == 403
    assert refused(reader.post, "devices/sunny-1/retire") == 403
    assert refused(reader.patch, "models/sunny-model", {"name": "Mine"}) == 403
    assert refused(reader.get, "tenants/sunny") == 404


def test_what_is_said_of_a_device_is_shown_only_if_the_agreement_includes_it(
    owner: Api, reader: Api, telemetry: None
) -> None:
    number = agreed(owner, reader)
    untold = reader.get("devices/sunny-1")
    assert (untold["tags"], untold["metadata"], untold["attributes"]) == ([], {}, {})
    owner.post(f"agreements/{number}/revoke")
    agreed(owner, reader, include_metadata=True)
    told = reader.get("devices/sunny-1")
    assert (told["tags"], told["metadata"]) == (["roof"], {"serial": 5})
    assert told["attributes"] == {"ip": "10.0.0.5"}


CHOICES: list[tuple[dict[str, Any], set[str]]] = [
    ({"device_ids": ["sunny-2"]}, {"sunny-2"}),
    ({"tags": ["roof", "cellar"]}, {"sunny-1"}),
    ({"model_ids": ["sunny-model"]}, {"sunny-1"}),
    ({"tags": ["roof"], "device_ids": ["sunny-2"]}, {"sunny-1", "sunny-2"}),
    ({}, {"sunny-1", "sunny-2"}),
]


def test_devices_are_chosen_by_id_by_tag_by_model_or_all(
    owner: Api, reader: Api, telemetry: None
) -> None:
    for choice, expected in CHOICES:
        number = agreed(owner, reader, **{"device_ids": None, **choice})
        seen = {device["id"] for device in reader.items("devices", tenant_id="sunny")}
        assert seen == expected, choice
        owner.post(f"agreements/{number}/revoke")


def test_readings_from_before_are_shown_only_if_that_was_agreed(
    owner: Api, reader: Api, telemetry: None
) -> None:
    first = agreed(owner, reader, first_day="2026-03-02", history_from=None)
    assert values(reader, "power") == 1
    owner.post(f"agreements/{first}/revoke")
    agreed(owner, reader, first_day="2026-03-02", history_from="2026-03-01")
    assert values(reader, "power") == 2


def test_a_reading_that_two_agreements_cover_is_shown_once(
    owner: Api, reader: Api, telemetry: None
) -> None:
    agreed(owner, reader, metrics=["power"])
    agreed(owner, reader, history_from="2026-03-02")
    assert values(reader, "power") == 2
    assert values(reader, "torque") == 1
    assert len(list(reader.items("devices", tenant_id="sunny"))) == 1


# First and last day, from today; the state; the status of the device's page.
DAYS = [
    (1, 90, "accepted", 404),
    (0, 90, "running", 200),
    (-90, 31, "running", 200),
    (-90, 30, "ending", 200),
    (-90, 0, "ending", 200),
    (-90, -1, "ended", 404),
]


def test_an_agreement_begins_and_ends_by_itself_at_midnight_in_the_home_park(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    # Kiritimati is a day ahead of most of the world: the park's day counts, not the server's.
    connection.execute("UPDATE parks SET time_zone = 'Pacific/Kiritimati' WHERE id = 'porto'")
    token = world.tokens["stranger"]
    for first, last, state, status in DAYS:
        connection.execute("DELETE FROM agreements")
        connection.execute(
            "INSERT INTO agreements (tenant_id, reader_tenant_id, first_day, last_day, "
            "history_from, decision) SELECT 'sunny', 'other', day + %s, day + %s, day - 90, "
            "'accepted' FROM CAST(now() AT TIME ZONE 'Pacific/Kiritimati' AS date) day",
            [first, last],
        )
        shown = registry.as_(token).get("agreements")["items"][0]
        assert shown["state"] == state
        assert (shown["warning"] is not None) == (state == "ending")
        answer = registry.request("GET", "/api/v1/devices/sunny-1", token)
        assert answer.status_code == status, state


def test_the_manager_accepts_for_a_park_and_all_its_people_read(
    registry: RunningRegistry, world: World, telemetry: None
) -> None:
    manager, visitor = (registry.as_(world.tokens[name]) for name in ("manager", "visitor"))
    offer = {"reader_tenant_id": None, "reader_park_id": "porto", "tenant_id": "other"}
    body = {**OFFER, **offer, "device_ids": None}
    number = registry.as_(world.tokens["stranger"]).post("agreements", body)["id"]
    assert refused(visitor.post, f"agreements/{number}/accept") == 403
    manager.post(f"agreements/{number}/accept")
    assert visitor.get("devices/other-1")["tenant_id"] == "other"


def test_a_pass_is_for_the_person_whose_address_it_names(
    registry: RunningRegistry, world: World, owner: Api, telemetry: None
) -> None:
    mentor = registry.as_(world.tokens["nobody"])
    offer = {"reader_tenant_id": None, "reader_email": "Nobody@Example.org"}
    number = owner.post("agreements", {**OFFER, **offer})["id"]
    assert refused(owner.post, f"agreements/{number}/accept") == 403
    assert refused(registry.admin.post, f"agreements/{number}/accept") == 403
    assert refused(mentor.get, "devices/sunny-1") == 404
    mentor.post(f"agreements/{number}/accept")
    assert values(mentor, "power") == 2
    assert [device["id"] for device in mentor.items("devices")] == ["sunny-1"]
    owner.post(f"agreements/{number}/revoke")
    assert refused(mentor.get, "devices/sunny-1") == 404


def test_a_pass_does_not_pass_on_with_the_address(
    registry: RunningRegistry,
    world: World,
    owner: Api,
    telemetry: None,
    connection: psycopg.Connection,
) -> None:
    offer = {"reader_tenant_id": None, "reader_email": "nobody@example.org"}
    number = agreed(owner, registry.as_(world.tokens["nobody"]), **offer)
    connection.execute("UPDATE users SET email = 'old@example.org' WHERE name = 'nobody'")
    connection.execute("UPDATE users SET email = 'nobody@example.org' WHERE name = 'visitor'")
    assert refused(registry.as_(world.tokens["visitor"]).get, f"agreements/{number}") == 404
    assert values(registry.as_(world.tokens["nobody"]), "power") == 2


def test_an_agreement_is_seen_by_both_sides_and_by_nobody_else(
    registry: RunningRegistry, world: World, owner: Api
) -> None:
    number = owner.post("agreements", OFFER)["id"]
    expected = {"owner", "member", "mentor", "viewer", "stranger"}
    for name, token in world.tokens.items():
        seen = [row["id"] for row in registry.as_(token).items("agreements")]
        assert seen == ([number] if name in expected else []), name
    here, nowhere = (
        registry.request("GET", f"/api/v1/agreements/{one}", world.tokens["manager"])
        for one in (number, number + 1)
    )
    assert here.status_code == nowhere.status_code == 404
    assert here.text == nowhere.text


def test_only_owners_decide(
    registry: RunningRegistry, world: World, owner: Api, reader: Api
) -> None:
    for name, status in {"member": 403, "viewer": 403, "manager": 403, "stranger": 422}.items():
        assert refused(registry.as_(world.tokens[name]).post, "agreements", OFFER) == status, name
    number = owner.post("agreements", OFFER)["id"]
    member = registry.as_(world.tokens["member"])
    for action in ("accept", "refuse", "withdraw", "revoke"):
        assert refused(member.post, f"agreements/{number}/{action}") == 403
    for action in ("withdraw", "revoke"):
        assert refused(reader.post, f"agreements/{number}/{action}") == 403
    assert refused(owner.post, f"agreements/{number}/accept") == 403
    assert refused(reader.patch, f"agreements/{number}", {"message": "more"}) == 403


DECISIONS = {
    "refused": ["refuse"],
    "withdrawn": ["withdraw"],
    "running": ["accept"],
    "revoked": ["accept", "revoke"],
}


def test_what_was_decided_is_not_decided_again(owner: Api, reader: Api) -> None:
    who = {"accept": reader, "refuse": reader, "withdraw": owner, "revoke": owner}
    for state, decisions in DECISIONS.items():
        number = owner.post("agreements", OFFER)["id"]
        for action in decisions:
            who[action].post(f"agreements/{number}/{action}")
        for action in who.keys() - ({"revoke"} if state == "running" else set()):
            assert refused(who[action].post, f"agreements/{number}/{action}") == 409, action
        assert refused(owner.patch, f"agreements/{number}", {"message": "more"}) == 409
        assert owner.get(f"agreements/{number}")["state"] == state


def test_an_offer_can_be_changed_and_an_offer_that_is_over_cannot_be_accepted(
    owner: Api, reader: Api, connection: psycopg.Connection
) -> None:
    number = owner.post("agreements", OFFER)["id"]
    changed = owner.patch(f"agreements/{number}", {"metrics": ["power"], "device_ids": None})
    assert (changed["metrics"], changed["device_ids"]) == (["power"], None)
    connection.execute("UPDATE agreements SET first_day = '2020-01-01', last_day = '2020-02-01'")
    assert refused(reader.post, f"agreements/{number}/accept") == 409


SENSELESS: list[tuple[dict[str, Any], str]] = [
    ({"reader_park_id": "porto"}, "give one of"),
    ({"reader_tenant_id": None}, "give one of"),
    ({"reader_tenant_id": "sunny"}, "another than the tenant itself"),
    ({"reader_tenant_id": None, "reader_park_id": "not-there"}, "there is no such reader_park"),
    ({"device_ids": ["other-1"]}, "device_ids: the tenant has no device other-1"),
    ({"device_ids": ["not-there"]}, "device_ids: the tenant has no device not-there"),
    ({"device_ids": []}, "device_ids"),
    ({"model_ids": ["other-model"]}, "model_ids: the tenant has no model other-model"),
    ({"metrics": ["no metric"]}, "metrics"),
    ({"last_day": "2020-02-02"}, "last_day: this day is over"),
    ({"first_day": "2100-01-01"}, "last_day: this is before first_day"),
    ({"history_from": "2100-01-01"}, "last_day: this is before history_from"),
    ({"last_day": "tomorrow"}, "last_day"),
    ({"state": "running"}, "no such field"),
]


def test_an_offer_that_makes_no_sense_is_refused_with_the_field(owner: Api) -> None:
    for terms, field in SENSELESS:
        with pytest.raises(ApiError, match=field) as error:
            owner.post("agreements", {**OFFER, "first_day": "2020-01-01", **terms})
        assert error.value.status == 422
    assert list(owner.items("agreements")) == []


def test_an_offer_does_not_tell_whether_there_is_such_a_tenant(owner: Api) -> None:
    sunny = {**OFFER, "reader_tenant_id": "not-there"}
    assert owner.post("agreements", sunny)["state"] == "offered"


def test_a_tenant_that_is_deleted_is_in_no_agreement(
    owner: Api, reader: Api, connection: psycopg.Connection
) -> None:
    agreed(owner, reader)
    connection.execute("DELETE FROM devices WHERE tenant_id = 'other'")
    connection.execute("DELETE FROM tenants WHERE id = 'other'")
    assert list(owner.items("agreements")) == []


def test_a_device_that_left_the_tenant_is_in_no_agreement_of_it(
    owner: Api, reader: Api, telemetry: None, connection: psycopg.Connection
) -> None:
    agreed(owner, reader)
    connection.execute(
        "UPDATE devices SET tenant_id = 'guest', model_id = NULL WHERE id = 'sunny-1'"
    )
    assert refused(reader.get, "devices/sunny-1") == 404


def test_both_sides_are_warned_once_30_and_once_7_days_before_the_end(
    owner: Api,
    reader: Api,
    registry: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    database_url: str,
) -> None:
    number = agreed(owner, reader)
    expected = {40: [], 30: [30], 8: [30], 7: [7, 30], 0: [7, 30], -1: [7, 30]}
    for left, days in expected.items():
        connection.execute(
            "UPDATE agreements SET first_day = '2020-01-01', last_day = day + %s "
            "FROM CAST(now() AT TIME ZONE 'Europe/Lisbon' AS date) day",
            [left],
        )
        for _ in range(2):
            asyncio.run(warn(database_url))
        for side in (owner, reader):
            notices = [row for row in side.items("notices") if row["agreement_id"] == number]
            assert [notice["days"] for notice in notices] == days, left
    assert list(registry.as_(world.tokens["manager"]).items("notices")) == []


async def warn(database_url: str) -> None:
    async with await Connection.connect(database_url, row_factory=dict_row) as connection:
        await agreements.warn(connection)


def test_one_device_is_looked_up_among_many_agreements_by_index(
    connection: psycopg.Connection, world: World
) -> None:
    connection.execute(
        "INSERT INTO tenants (id, name, kind) SELECT 't' || n, 'T', 'startup' "
        "FROM generate_series(1, 1000) n;"
        "INSERT INTO devices (id, tenant_id, name) SELECT 'd-' || t || '-' || n, 't' || t, 'D' "
        "FROM generate_series(1, 1000) t, generate_series(1, 10) n;"
        "INSERT INTO agreements (tenant_id, reader_tenant_id, first_day, last_day, history_from, "
        "decision) SELECT 't' || n, 't' || n % 1000 + 1, '2020-01-01', '2099-12-31', '2020-01-01', "
        "'accepted' FROM generate_series(1, 1000) n, generate_series(1, 5)"
    )
    connection.execute("ANALYZE tenants, devices, agreements")
    for query in (
        "SELECT * FROM shared_devices('{t2}', '{}') WHERE device_id = 'd-1-1'",
        "SELECT * FROM shared_sight('d-1-1', '{t2}', '{}')",
    ):
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN ANALYZE {query}"))
        assert "Seq Scan" not in plan.replace("Seq Scan on parks", ""), plan
        assert "rows=1." in plan, plan


def test_offer_accept_and_revoke_by_commands(
    registry: RunningRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHNOPARK_API_URL", registry.url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(who: str, *words: str, status: int = 0) -> str:
        monkeypatch.setenv("TECHNOPARK_TOKEN", world.tokens[who])
        result = CliRunner().invoke(app, words)
        assert result.exit_code == status, result.output
        return result.output

    run("owner", "offer", "sunny", "--to-tenant", "other", "--tag", "roof", "--until", "2099-01-31")
    assert "tag roof" in run("stranger", "list", "--state", "offered")
    number = "1"
    assert "is running" in run("stranger", "accept", number)
    assert '"last_day": "2099-01-31"' in run("stranger", "show", number, "--json")
    assert "is revoked" in run("owner", "revoke", number)
    assert "only what is offered" in run("stranger", "refuse", number, status=1)
    assert run("owner", "notices", "--json") == "[]\n"
