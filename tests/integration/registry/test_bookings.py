"""Slots on the devices of testbeds."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cli.api import Api, ApiError
from tests.integration.registry.conftest import RunningRegistry, World
from tests.integration.registry.ownership import newest

SLOT = {"device_id": "guest-1", "tenant_id": "other"}


def hours(number: float) -> str:
    """The time in so many hours."""
    return (datetime.now(UTC) + timedelta(hours=number)).isoformat()


@pytest.fixture
def testbed(world: World, connection: psycopg.Connection) -> World:
    """Guest lets its device on Porto's testbed be booked."""
    connection.execute("UPDATE labs SET kind = 'testbed' WHERE id = 'porto-lab'")
    connection.execute("UPDATE devices SET bookable = true WHERE id = 'guest-1'")
    return world


def test_while_a_slot_runs_its_people_see_the_device_but_no_secrets(
    registry: RunningRegistry, testbed: World, connection: psycopg.Connection
) -> None:
    stranger = registry.as_(testbed.tokens["stranger"])
    assert [d["id"] for d in stranger.items("labs/porto-lab/bookable")] == ["guest-1"]
    coming = stranger.post("bookings", {**SLOT, "from": hours(5), "until": hours(6)})
    with pytest.raises(ApiError, match="there is no such device"):
        stranger.get("devices/guest-1")
    running = stranger.post("bookings", {**SLOT, "until": hours(2)})
    assert stranger.get("devices/guest-1")["tenant_id"] == "guest"
    assert "guest-1" in {device["id"] for device in stranger.items("devices")}
    for method, path in (("GET", "/secrets"), ("POST", "/secrets"), ("PATCH", "")):
        url = f"/api/v1/devices/guest-1{path}"
        answer = registry.request(method, url, testbed.tokens["stranger"], json={"name": "Mine"})
        assert answer.status_code in {403, 422}, method
    for booking in (coming, running):
        stranger.delete(f"bookings/{booking['id']}")
    assert len(connection.execute("SELECT FROM bookings").fetchall()) == 1


def test_what_came_in_a_slot_is_read_by_its_people_when_it_is_over(
    registry: RunningRegistry, testbed: World, connection: psycopg.Connection
) -> None:
    stranger = registry.as_(testbed.tokens["stranger"])
    booking = stranger.post("bookings", {**SLOT, "until": hours(2)})
    connection.execute(
        "WITH added AS (INSERT INTO series (device_id, metric, kind) "
        "VALUES ('guest-1', 't', 'number') RETURNING id), reading AS ("
        "INSERT INTO readings SELECT id, now(), 1 FROM added) "
        "INSERT INTO latest SELECT id, now(), 1 FROM added"
    )
    stranger.delete(f"bookings/{booking['id']}")
    assert newest(stranger, "guest-1") == {"t": 1}
    with pytest.raises(ApiError, match="there is no such device"):
        stranger.get("devices/guest-1")
    past = {"from": hours(-1), "tenant_id": "other"}
    assert [slot["id"] for slot in stranger.items("bookings", **past)] == [booking["id"]]
    assert list(stranger.items("bookings")) == []
    with pytest.raises(ApiError, match="this slot is over, and stays as it is"):
        stranger.delete(f"bookings/{booking['id']}")


IMPOSSIBLE = [
    ("from", {"from": hours(-1), "until": hours(1)}, "cannot begin in the past"),
    ("from", {"from": hours(24 * 91), "until": hours(24 * 91 + 1)}, "90 days ahead"),
    ("until", {"until": hours(0.1)}, "from 15 minutes to 7 days"),
    ("until", {"until": hours(24 * 8)}, "from 15 minutes to 7 days"),
    ("until", {"from": hours(2), "until": hours(1)}, "from 15 minutes to 7 days"),
    ("until", {"until": "2026-03-02T12:00:00"}, "offset"),
    ("device_id", {"device_id": "sunny-1", "until": hours(1)}, "no such device to be booked"),
    ("device_id", {"device_id": "not-there", "until": hours(1)}, "no such device to be booked"),
    ("tenant_id", {"tenant_id": "sunny", "until": hours(1)}, "no such tenant"),
    ("tenant_id", {"tenant_id": "not-there", "until": hours(1)}, "no such tenant"),
]


def test_a_slot_that_cannot_be_is_refused_by_name(
    registry: RunningRegistry, testbed: World
) -> None:
    stranger = registry.as_(testbed.tokens["stranger"])
    for field, changes, sentence in IMPOSSIBLE:
        with pytest.raises(ApiError, match=sentence) as refused:
            stranger.post("bookings", {**SLOT, **changes})
        assert refused.value.errors[0]["pointer"] == f"#/{field}", changes


def test_two_slots_of_a_device_never_overlap(registry: RunningRegistry, testbed: World) -> None:
    stranger, owner = (registry.as_(testbed.tokens[name]) for name in ("stranger", "owner"))
    stranger.post("bookings", {**SLOT, "from": hours(2), "until": hours(4)})
    with pytest.raises(ApiError, match="is booked for a part of that time") as refused:
        owner.post("bookings", {**SLOT, "tenant_id": "sunny", "from": hours(3), "until": hours(5)})
    assert refused.value.status == 409
    [taken] = owner.items("bookings", lab_id="porto-lab")
    assert (taken["device_id"], taken["tenant_id"]) == ("guest-1", None)
    assert list(owner.items("bookings", tenant_id="other")) == []
    owner.post(
        "bookings", {**SLOT, "tenant_id": "sunny", "from": taken["until"], "until": hours(5)}
    )
    slots = list(owner.items("bookings", device_id="guest-1", limit=1))
    assert [slot["tenant_id"] for slot in slots] == [None, "sunny"]


def test_the_parks_manager_books_for_its_tenants_and_cancels_any_slot(
    registry: RunningRegistry, testbed: World
) -> None:
    def post(name: str, tenant: str) -> int:
        body = {**SLOT, "tenant_id": tenant, "from": hours(8), "until": hours(9)}
        url = "/api/v1/bookings"
        return registry.request("POST", url, testbed.tokens[name], json=body).status_code

    assert [post(name, "sunny") for name in ("mentor", "viewer", "visitor")] == [403] * 3
    assert [post(name, "sunny") for name in ("stranger", "nobody")] == [422] * 2
    assert post("manager", "other") == 422
    assert post("manager", "sunny") == 201
    strangers = registry.as_(testbed.tokens["stranger"])
    number = strangers.post("bookings", {**SLOT, "until": hours(1)})["id"]
    assert [cancelled(registry.as_(testbed.tokens[name]), number) for name in NOT_THEIRS] == [
        403
    ] * 3
    assert cancelled(registry.as_(testbed.tokens["manager"]), number) == 204


NOT_THEIRS = ("owner", "visitor", "nobody")


def cancelled(api: Api, number: int) -> int:
    """The status of the answer to a cancellation."""
    try:
        api.delete(f"bookings/{number}")
    except ApiError as error:
        return error.status
    return 204


def test_only_what_its_owner_offers_on_a_testbed_can_be_booked(
    registry: RunningRegistry, testbed: World, connection: psycopg.Connection
) -> None:
    stranger = registry.as_(testbed.tokens["stranger"])
    for change in (
        "UPDATE devices SET bookable = false",
        "UPDATE devices SET bookable = true; UPDATE labs SET kind = 'lab'",
        "UPDATE labs SET kind = 'testbed';UPDATE devices SET stage = 'retired', retired_at = now()",
    ):
        connection.execute(change)
        assert list(stranger.items("labs/porto-lab/bookable")) == []
        with pytest.raises(ApiError, match="no such device to be booked"):
            stranger.post("bookings", {**SLOT, "until": hours(1)})
    changed = registry.admin.patch("devices/sunny-1", {"bookable": True})
    assert changed["bookable"] is True
