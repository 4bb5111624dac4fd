"""Devices change hands, are booked and retired, and a tenant goes, by commands alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from cli.api import Api, ApiError
from tests.acceptance.conftest import RunningPlatform
from tests.parts import wait_until


def add_device(platform: RunningPlatform, owner: str, tenant: str, name: str) -> str:
    """A new device, called ``tenant-name``: its secret."""
    words = ("device", "add", name, "--tenant", tenant, "--id", f"{tenant}-{name}", "--json")
    return str(json.loads(platform.run_as(owner, *words))["secret"])


def send(platform: RunningPlatform, device: str, secret: str, value: float) -> None:
    """A reading of the device, in the platform's hands."""
    with Api(platform.api_url, secret) as own:
        own.post(f"devices/{device}/telemetry", {"power": value})


def values(platform: RunningPlatform, token: str, device: str) -> list[float]:
    """What a person sees of it."""
    with Api(platform.api_url, token) as api:
        return [each["value"] for each in api.items(f"devices/{device}/readings", metric="power")]


def sees(platform: RunningPlatform, token: str, device: str, expected: list[float]) -> None:
    """Soon the person sees just these readings."""
    wait_until(lambda: values(platform, token, device) == expected, f"{expected} of {device}")


def test_a_device_is_transferred_and_each_owner_reads_its_own_time(
    platform: RunningPlatform,
) -> None:
    giver, taker = platform.add_owner("giver"), platform.add_owner("taker")
    old = add_device(platform, giver, "giver", "one")
    send(platform, "giver-one", old, 1)
    sees(platform, giver, "giver-one", [1])
    offer = ("transfer", "offer", "giver-one", "--to", "taker", "--json")
    number = str(json.loads(platform.run_as(giver, *offer))["id"])
    assert "giver-one" in platform.run_as(taker, "transfer", "list", "--state", "offered")
    accepted = json.loads(platform.run_as(taker, "transfer", "accept", number, "--json"))
    [issued] = accepted["secrets"]
    send(platform, "giver-one", issued["secret"], 2)
    sees(platform, taker, "giver-one", [2])
    sees(platform, giver, "giver-one", [1])
    with pytest.raises(ApiError, match="not its secret"):
        send(platform, "giver-one", old, 3)
    with Api(platform.api_url, giver) as api, pytest.raises(ApiError, match="no such device"):
        api.get("devices/giver-one")


def test_what_is_measured_in_a_slot_belongs_to_who_has_booked_it(platform: RunningPlatform) -> None:
    keeper, guest = platform.add_owner("keeper"), platform.add_owner("guest")
    with platform.api() as api:
        api.post("parks", {"id": "cimahi", "name": "Cimahi", "time_zone": "Asia/Jakarta"})
        bench = {"id": "cimahi-bench", "park_id": "cimahi", "name": "Bench", "kind": "testbed"}
        api.post("labs", bench)
    secret = add_device(platform, keeper, "keeper", "rig")
    platform.run_as(keeper, "device", "set", "keeper-rig", "--lab", "cimahi-bench", "--bookable")
    send(platform, "keeper-rig", secret, 1)
    sees(platform, keeper, "keeper-rig", [1])
    assert "keeper-rig" in platform.run_as(guest, "booking", "devices", "cimahi-bench")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    slot = ("booking", "add", "keeper-rig", "--tenant", "guest", "--until", until, "--json")
    number = str(json.loads(platform.run_as(guest, *slot))["id"])
    send(platform, "keeper-rig", secret, 2)
    sees(platform, guest, "keeper-rig", [2])
    platform.run_as(guest, "booking", "cancel", number)
    send(platform, "keeper-rig", secret, 3)
    sees(platform, keeper, "keeper-rig", [1, 3])
    sees(platform, guest, "keeper-rig", [2])


def test_a_retired_device_keeps_its_readings_and_sends_no_more(platform: RunningPlatform) -> None:
    owner = platform.add_owner("ageing")
    secret = add_device(platform, owner, "ageing", "one")
    send(platform, "ageing-one", secret, 1)
    sees(platform, owner, "ageing-one", [1])
    platform.run_as(owner, "device", "retire", "ageing-one", "--yes")
    with pytest.raises(ApiError, match="not its secret"):
        send(platform, "ageing-one", secret, 2)
    sees(platform, owner, "ageing-one", [1])
    shown = json.loads(platform.run_as(owner, "device", "show", "ageing-one", "--json"))
    assert shown["stage"] == "retired"


def test_a_tenant_is_deleted_with_all_that_it_had(platform: RunningPlatform) -> None:
    owner = platform.add_owner("leaving")
    send(platform, "leaving-one", add_device(platform, owner, "leaving", "one"), 1)
    sees(platform, owner, "leaving-one", [1])
    platform.run_as(owner, "tenant", "delete", "leaving", "--confirm", "leaving")
    platform.run_as(platform.token, "tenant", "delete", "leaving", "--run", "--yes")
    with platform.api() as api:
        for gone in ("tenants/leaving", "devices/leaving-one"):
            with pytest.raises(ApiError, match="no such"):
                api.get(gone)
    with platform.database() as connection:
        left = connection.execute("SELECT FROM series WHERE device_id = 'leaving-one'").fetchall()
        assert left == []
