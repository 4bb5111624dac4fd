"""Who offers, who accepts, when it begins and ends, and who is told."""

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
from tests.integration.registry.agreements.conftest import OFFER, agreed, refused
from tests.integration.registry.conftest import RunningRegistry, World

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
    pages = [row["state"] for row in reader.items("agreements", limit=1)]
    assert pages == list(reversed(DECISIONS))


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


def test_an_agreement_whose_last_day_is_over_is_refused_with_its_field(owner: Api) -> None:
    with pytest.raises(ApiError, match="last_day: this day is over"):
        owner.post("agreements", {**OFFER, "history_from": None, "last_day": "2020-12-31"})
