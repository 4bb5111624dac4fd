"""The stages of a device's life."""

import itertools

import psycopg
import pytest

from cli.api import ApiError
from registry.ownership.stages import MOVES, ServingStage
from tests.integration.registry.conftest import RunningRegistry, World
from tests.integration.registry.ownership import days_read, measure

SERVING: tuple[ServingStage, ...] = ("prototype", "pilot", "production")


def test_a_device_goes_one_step_forward_or_back(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = registry.as_(world.tokens["owner"])
    for old, new in itertools.product(SERVING, repeat=2):
        connection.execute("UPDATE devices SET stage = %s WHERE id = 'sunny-1'", [old])
        if new == old or new in MOVES[old]:
            assert owner.patch("devices/sunny-1", {"stage": new})["stage"] == new
        else:
            with pytest.raises(ApiError, match=f"from {old} a device goes to pilot") as refused:
                owner.patch("devices/sunny-1", {"stage": new})
            assert refused.value.status == 409
            assert owner.get("devices/sunny-1")["stage"] == old


def test_a_retired_device_keeps_its_readings_and_loses_everything_that_is_to_come(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = registry.as_(world.tokens["owner"])
    measure(connection, "sunny-1", range(1, 3))
    owner.post("devices/sunny-1/secrets")
    offer = {"from_tenant_id": "sunny", "to_tenant_id": "other", "devices": ["sunny-1"]}
    number = owner.post("transfers", offer)["id"]
    connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) VALUES "
        "('sunny-1', 'other', tstzrange(now() - interval '1 hour', now() + interval '1 hour')), "
        "('sunny-1', 'other', tstzrange(now() + interval '2 hours', now() + interval '3 hours'))"
    )
    assert owner.post("devices/sunny-1/retire")["stage"] == "retired"
    assert days_read(owner, "sunny-1") == [1, 2]
    assert all(secret["revoked_at"] for secret in owner.items("devices/sunny-1/secrets"))
    assert owner.get(f"transfers/{number}")["state"] == "withdrawn"
    assert connection.execute("SELECT upper(during) <= now() FROM bookings").fetchall() == [(True,)]
    with pytest.raises(ApiError, match="this device is retired, and stays so"):
        owner.patch("devices/sunny-1", {"stage": "production"})
