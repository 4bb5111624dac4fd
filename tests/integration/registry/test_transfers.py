"""Devices that change hands."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from cli.api import ApiError
from tests.integration.registry.conftest import RunningRegistry, World
from tests.integration.registry.ownership import days_read, measure, newest
from tests.parts import wait_until

OFFER = {"from_tenant_id": "sunny", "to_tenant_id": "other", "devices": ["sunny-1"]}


def test_an_accepted_device_is_the_receivers_and_the_giver_keeps_its_readings(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    measure(connection, "sunny-1", range(1, 4))
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    offer = owner.post("transfers", {**OFFER, "message": "as agreed"})
    assert (offer["state"], offer["message"], offer["with_history"]) == (
        "offered",
        "as agreed",
        False,
    )
    accepted = stranger.post(f"transfers/{offer['id']}/accept")
    assert accepted["state"] == "accepted"
    assert stranger.get("devices/sunny-1")["tenant_id"] == "other"
    assert days_read(stranger, "sunny-1") == []
    assert newest(stranger, "sunny-1") == {}
    assert days_read(owner, "sunny-1") == [1, 2, 3]
    assert list(owner.items("devices")) == []


def test_with_its_history_a_device_takes_the_readings_of_before_along(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    measure(connection, "sunny-1", range(1, 4))
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    offer = owner.post("transfers", {**OFFER, "with_history": True})
    stranger.post(f"transfers/{offer['id']}/accept")
    assert days_read(stranger, "sunny-1") == [1, 2, 3]
    with pytest.raises(ApiError, match="there is no such device"):
        days_read(owner, "sunny-1")


def test_the_secrets_of_before_end_and_the_receiver_gets_new_ones(
    registry: RunningRegistry, world: World
) -> None:
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    old = owner.post("devices/sunny-1/secrets")["secret"]
    offer = owner.post("transfers", OFFER)
    [issued] = stranger.post(f"transfers/{offer['id']}/accept")["secrets"]
    path = "/api/v1/devices/sunny-1/telemetry"
    assert registry.request("POST", path, old, json={"t": 1}).status_code == 401
    # There is no broker here: whoever gets so far has come in.
    assert registry.request("POST", path, issued["secret"], json={"t": 1}).status_code == 503


def test_the_giver_gets_no_secret_of_a_device_that_goes_in_the_same_moment(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    def waiting() -> object:
        query = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return connection.execute(query).fetchall()

    with ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            connection.execute("UPDATE devices SET tenant_id = 'other' WHERE id = 'sunny-1'")
            asked = pool.submit(registry.as_(world.tokens["owner"]).post, "devices/sunny-1/secrets")
            wait_until(waiting, "the request that waits for the device")
        with pytest.raises(ApiError, match="there is no such device"):
            asked.result(20)
    assert connection.execute("SELECT FROM device_secrets").fetchall() == []


def test_own_models_are_copied_and_labs_of_other_parks_are_left(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        """
        INSERT INTO model_metrics (model_id, metric, unit, maximum)
            VALUES ('sunny-model', 't', 'Cel', 90);
        INSERT INTO devices (id, tenant_id, name, model_id, lab_id) VALUES
            ('sunny-2', 'sunny', 'Two', 'sunny-model', 'pune-lab'),
            ('sunny-3', 'sunny', 'Three', 'common', 'porto-lab');
        UPDATE devices SET model_id = 'sunny-model' WHERE id = 'sunny-1';
        """
    )
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    offer = owner.post("transfers", {**OFFER, "devices": ["sunny-1", "sunny-2", "sunny-3"]})
    stranger.post(f"transfers/{offer['id']}/accept")
    copy = f"sunny-model-t{offer['id']}"
    moved = {device["id"]: device for device in stranger.items("devices")}
    assert {id_: (moved[id_]["model_id"], moved[id_]["lab_id"]) for id_ in offer_ids(offer)} == {
        "sunny-1": (copy, None),
        "sunny-2": (copy, "pune-lab"),
        "sunny-3": ("common", None),
    }
    model = stranger.get(f"models/{copy}")
    assert (model["tenant_id"], model["name"]) == ("other", "Own")
    assert [(m["metric"], m["unit"], m["maximum"]) for m in model["metrics"]] == [("t", "Cel", 90)]
    with pytest.raises(ApiError, match="there is no such model"):
        stranger.get("models/sunny-model")


def offer_ids(offer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [device["id"] for device in offer["devices"]]


def test_the_receiver_sees_the_offer_and_nothing_else_of_the_device(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "UPDATE devices SET model_id = 'sunny-model', metadata = '{\"price\": 5}' "
        "WHERE id = 'sunny-1'"
    )
    number = registry.as_(world.tokens["owner"]).post("transfers", OFFER)["id"]
    stranger = registry.as_(world.tokens["stranger"])
    [seen] = stranger.items("transfers", state="offered")
    assert (seen["id"], seen["from_tenant_name"]) == (number, "Sunny")
    assert seen["devices"] == [{"id": "sunny-1", "name": "One", "model": "Own"}]
    connection.execute("UPDATE devices SET name = 'Renamed later' WHERE id = 'sunny-1'")
    assert stranger.get(f"transfers/{number}") == seen
    for path in ("devices/sunny-1", "devices/sunny-1/latest", "models/sunny-model"):
        with pytest.raises(ApiError) as refused:
            stranger.get(path)
        assert refused.value.status == 404
    for name in ("manager", "nobody"):
        assert list(registry.as_(world.tokens[name]).items("transfers")) == []
        answer = registry.request("GET", f"/api/v1/transfers/{number}", world.tokens[name])
        assert answer.status_code == 404


def test_only_owners_give_and_take(registry: RunningRegistry, world: World) -> None:
    def status(name: str, path: str, body: object = None) -> int:
        token = registry.admin_token if name == "admin" else world.tokens[name]
        return registry.request("POST", f"/api/v1/{path}", token, json=body).status_code

    assert [status(name, "transfers", OFFER) for name in ("member", "mentor", "manager")] == [
        403
    ] * 3
    assert [status(name, "transfers", OFFER) for name in ("stranger", "nobody")] == [422] * 2
    assert status("owner", "transfers", OFFER) == 201
    assert [status(name, "transfers/1/accept") for name in ("owner", "member")] == [403] * 2
    assert [status(name, "transfers/1/withdraw") for name in ("stranger", "member")] == [403] * 2
    assert [status(name, "transfers/1/accept") for name in ("manager", "nobody")] == [404] * 2
    assert status("owner", "transfers/1/withdraw") == 200


def test_an_offer_to_nobody_is_answered_like_one_to_somebody(
    registry: RunningRegistry, world: World
) -> None:
    owner = registry.as_(world.tokens["owner"])
    answers = []
    for receiver in ("other", "not-there"):
        offer = owner.post("transfers", {**OFFER, "to_tenant_id": receiver})
        owner.post(f"transfers/{offer['id']}/withdraw")
        answers.append({k: offer[k] for k in offer if k not in ("id", "to_tenant_id")})
    lost = owner.post("transfers", {**OFFER, "to_tenant_id": "not-there"})["id"]
    with pytest.raises(ApiError, match="there is no tenant not-there"):
        registry.admin.post(f"transfers/{lost}/accept")
    for answer in answers:
        del answer["offered_at"], answer["expires_at"]
    assert answers[0] == answers[1]


def test_what_cannot_be_given_is_refused_with_the_reason(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = registry.as_(world.tokens["owner"])
    for device in ("other-1", "not-there"):
        with pytest.raises(ApiError, match=f"the tenant has no device {device}"):
            owner.post("transfers", {**OFFER, "devices": ["sunny-1", device]})
    with pytest.raises(ApiError, match="to_tenant_id: the devices are this tenant's already"):
        owner.post("transfers", {**OFFER, "to_tenant_id": "sunny"})
    number = owner.post("transfers", OFFER)["id"]
    with pytest.raises(ApiError, match=f"sunny-1 is offered already: withdraw transfer {number}"):
        owner.post("transfers", OFFER)
    owner.post("devices/sunny-1/retire")
    assert owner.get(f"transfers/{number}")["state"] == "withdrawn"
    with pytest.raises(ApiError, match="sunny-1 is retired"):
        owner.post("transfers", OFFER)


def test_an_offer_is_answered_once_and_in_time(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    refused = owner.post("transfers", OFFER)["id"]
    assert stranger.post(f"transfers/{refused}/refuse")["state"] == "refused"
    with pytest.raises(ApiError, match="this offer is refused"):
        stranger.post(f"transfers/{refused}/accept")
    late = owner.post("transfers", OFFER)["id"]
    connection.execute("UPDATE transfers SET expires_at = now() WHERE id = %s", [late])
    with pytest.raises(ApiError, match="this offer is expired"):
        stranger.post(f"transfers/{late}/accept")
    assert [t["id"] for t in owner.items("transfers", state="expired")] == [late]
    assert owner.get("devices/sunny-1")["tenant_id"] == "sunny"


def test_all_devices_of_an_offer_go_or_none(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute("INSERT INTO devices (id, tenant_id, name) VALUES ('sunny-2', 'sunny', '2')")
    owner, stranger = (registry.as_(world.tokens[name]) for name in ("owner", "stranger"))
    offer = owner.post("transfers", {**OFFER, "devices": ["sunny-1", "sunny-2"]})
    connection.execute("UPDATE devices SET tenant_id = 'guest' WHERE id = 'sunny-2'")
    with pytest.raises(ApiError, match="cannot be accepted any more: the tenant has no device"):
        stranger.post(f"transfers/{offer['id']}/accept")
    assert owner.get("devices/sunny-1")["tenant_id"] == "sunny"
    assert owner.get(f"transfers/{offer['id']}")["state"] == "offered"


def test_a_slot_that_others_booked_ends_when_the_device_goes(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) VALUES "
        "('sunny-1', 'guest', tstzrange(now() - interval '1 hour', now() + interval '1 hour')), "
        "('sunny-1', 'guest', tstzrange(now() + interval '2 hours', now() + interval '3 hours'))"
    )
    offer = registry.as_(world.tokens["owner"]).post("transfers", OFFER)
    registry.as_(world.tokens["stranger"]).post(f"transfers/{offer['id']}/accept")
    rows = connection.execute("SELECT upper(during) <= now() FROM bookings").fetchall()
    assert rows == [(True,)]
