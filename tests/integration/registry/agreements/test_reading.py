"""What a tenant lets others read, and that it is no more than that."""

from __future__ import annotations

from typing import Any

import psycopg

from cli.api import Api
from tests.integration.registry.agreements.conftest import OFFER, agreed, refused
from tests.integration.registry.conftest import RunningRegistry, World


def values(api: Api, metric: str, device: str = "sunny-1") -> int:
    """How many readings of a metric the asker is shown."""
    return len(list(api.items(f"devices/{device}/readings", metric=metric)))


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
    assert (untold["firmware"], untold["latitude"], untold["longitude"]) == (None, None, None)
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


def test_a_device_that_left_the_tenant_is_in_no_agreement_of_it(
    owner: Api, reader: Api, telemetry: None, connection: psycopg.Connection
) -> None:
    agreed(owner, reader)
    connection.execute(
        "UPDATE devices SET tenant_id = 'guest', model_id = NULL WHERE id = 'sunny-1'"
    )
    assert refused(reader.get, "devices/sunny-1") == 404


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
        "SELECT * FROM sight('d-1-1', false, '{t2}', '{}')",
    ):
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN ANALYZE {query}"))
        assert "Seq Scan" not in plan.replace("Seq Scan on parks", ""), plan
        assert "rows=1." in plan, plan
