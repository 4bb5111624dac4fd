"""Devices that make their own entries with a key."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
import typer
from typer.testing import CliRunner, Result

from broker.passwords import verify_secret
from cli import provisioning
from cli.api import ApiError
from registry.enrolment.provisioning import TRIES
from registry.enrolment.tries import Tries
from tests.integration.registry.conftest import RunningRegistry, World

KEYS = "tenants/sunny/provisioning-keys"
NEW = {
    "name": "Line 1",
    "id_prefix": "roof",
    "model_id": "sunny-model",
    "lab_id": "porto-lab",
    "tags": ["line"],
    "max_devices": 3,
}


def new_key(registry: RunningRegistry, **others: object) -> str:
    return str(registry.admin.post(KEYS, {**NEW, **others})["key"])


def provision(registry: RunningRegistry, key: str | None, **body: object) -> httpx.Response:
    return registry.request("POST", "/api/v1/provision", key, json=body)


def made(registry: RunningRegistry) -> list[int]:
    return [int(key["made"]) for key in registry.admin.items(KEYS)]


def is_valid(connection: psycopg.Connection, device: dict[str, Any]) -> bool:
    """Whether the answer's secret is one of the device's."""
    rows = connection.execute(
        "SELECT hash FROM device_secrets WHERE device_id = %s "
        "AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
        [device["id"]],
    )
    return any(verify_secret(device["secret"], row[0]) for row in rows)


def test_a_device_makes_its_own_entry(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    key = new_key(registry)
    assert key not in str(connection.execute("SELECT * FROM provisioning_keys").fetchall())
    device = provision(registry, key, serial="24:6F:28:AE").json()
    assert device["id"] == "roof-24-6f-28-ae"
    assert is_valid(connection, device)
    shown = registry.admin.get(f"devices/{device['id']}")
    wanted: dict[str, Any] = {
        "tenant_id": "sunny",
        "name": "24:6F:28:AE",
        "model_id": "sunny-model",
    }
    wanted |= {"lab_id": "porto-lab", "tags": ["line"], "metadata": {"serial": "24:6F:28:AE"}}
    assert {name: shown[name] for name in wanted} == wanted
    named = provision(registry, key, serial="2", id="roof-two", name="Roof 2").json()
    assert registry.admin.get("devices/roof-two")["name"] == "Roof 2"
    assert named["id"] == "roof-two"
    assert made(registry) == [2]


def test_a_device_that_lost_the_answer_asks_again_until_it_was_heard(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    key = new_key(registry)
    lost, again = (provision(registry, key, serial="SN-1").json() for _ in range(2))
    assert lost["id"] == again["id"]
    assert (is_valid(connection, lost), is_valid(connection, again)) == (False, True)
    assert made(registry) == [1]
    connection.execute("INSERT INTO device_activity (device_id) VALUES (%s)", [again["id"]])
    refused = provision(registry, key, serial="SN-1")
    assert refused.status_code == 409
    assert "heard already" in refused.json()["detail"]
    assert is_valid(connection, again)
    # Nor does a key give a secret of what was given away or retired.
    sold, retired = (provision(registry, key, serial=serial).json() for serial in ("SN-2", "SN-3"))
    connection.execute(
        "UPDATE devices SET tenant_id = 'other', model_id = NULL WHERE id = %s", [sold["id"]]
    )
    registry.admin.post(f"devices/{retired['id']}/retire")
    for serial in ("SN-2", "SN-3"):
        assert provision(registry, key, serial=serial).status_code == 409


def test_a_key_makes_no_more_devices_than_it_may_though_all_come_at_once(
    registry: RunningRegistry, world: World
) -> None:
    key = new_key(registry, max_devices=3)
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda n: provision(registry, key, serial=f"SN-{n % 6}"), range(12))
        )
    assert {answer.status_code for answer in answers} == {201, 403}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 3
    assert made(registry) == [3]
    assert "has made all" in provision(registry, key, serial="new").json()["detail"]


def test_a_key_that_is_unknown_expired_or_revoked_is_refused_in_the_same_words(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    expired = new_key(registry)
    connection.execute("UPDATE provisioning_keys SET expires_at = now()")
    revoked = registry.admin.post(KEYS, NEW)
    registry.admin.delete(f"{KEYS}/{revoked['id']}")
    registry.admin.delete(f"{KEYS}/{revoked['id']}")
    refused = [
        provision(registry, key, serial="SN-1")
        for key in (None, "tpp_unknown", registry.admin_token, expired, revoked["key"])
    ]
    assert {answer.status_code for answer in refused} == {401}
    assert len({answer.text for answer in refused}) == 1
    with pytest.raises(ApiError, match="no such key"):
        registry.admin.delete("tenants/other/provisioning-keys/1")


IMPOSSIBLE = [
    ({}, 422), ({"serial": ""}, 422), ({"serial": "x" * 65}, 422), ({"serial": "a b"}, 422),
    ({"serial": "-"}, 422), ({"serial": "☀️"}, 422), ({"serial": "a\0"}, 422),
    ({"serial": "a", "id": "other-1"}, 422), ({"serial": "a", "id": "roofs"}, 422),
    ({"serial": "a", "tenant_id": "other"}, 422), ({"serial": "a", "id": "roof-taken"}, 409),
    ({"serial": "TAKEN"}, 409),
]  # fmt: skip


def test_what_a_key_does_not_allow_is_refused_and_not_counted(
    registry: RunningRegistry, world: World
) -> None:
    registry.admin.post("devices", {"id": "roof-taken", "tenant_id": "other", "name": "x"})
    key = new_key(registry)
    for body, status in IMPOSSIBLE:
        assert provision(registry, key, **body).status_code == status, body
    assert made(registry) == [0]


def test_too_many_tries_are_refused(registry: RunningRegistry, world: World) -> None:
    tries: Tries = registry.app.state.provisioning_tries
    key = new_key(registry)
    for _ in range(TRIES):
        tries.count(1)
    answer = provision(registry, key, serial="SN-1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert provision(registry, new_key(registry), serial="SN-1").status_code == 201
    for _ in range(TRIES):
        tries.count("127.0.0.1")
    assert provision(registry, "tpp_unknown", serial="SN-1").status_code == 429


def test_who_may_have_keys(registry: RunningRegistry, world: World) -> None:
    allowed = {
        "owner": 201, "member": 201, "manager": 201, "mentor": 403, "viewer": 403,
        "visitor": 403, "stranger": 404, "nobody": 404,
    }  # fmt: skip
    for name, status in allowed.items():
        token = world.tokens[name]
        answer = registry.request("POST", f"/api/v1/{KEYS}", token, json=NEW)
        assert answer.status_code == status, name
        listed = registry.request("GET", f"/api/v1/{KEYS}", token)
        assert listed.status_code == {201: 200}.get(status, status), name
        assert "tpp_" not in listed.text
    # Not for a tenant whose home is elsewhere, though its device stands in the park.
    guest = "/api/v1/tenants/guest/provisioning-keys"
    assert registry.request("POST", guest, world.tokens["manager"], json=NEW).status_code == 404
    owner = registry.as_(world.tokens["owner"])
    for field, value in {"model_id": "other-model", "lab_id": "nowhere", "max_devices": 0}.items():
        with pytest.raises(ApiError, match=field) as refused:
            owner.post(KEYS, {**NEW, field: value})
        assert refused.value.status == 422


app = typer.Typer()
app.add_typer(provisioning.app, name="provisioning")


def run(registry: RunningRegistry, *arguments: str) -> Result:
    environment = {
        "TECHNOPARK_API_URL": registry.url,
        "TECHNOPARK_TOKEN": registry.admin_token,
        "COLUMNS": "200",
    }
    line = ["provisioning", *arguments, "--tenant", "sunny"]
    result = CliRunner().invoke(app, line, env=environment)
    assert result.exit_code == 0, result.output
    return result


def test_keys_are_made_counted_and_revoked_by_command(
    registry: RunningRegistry, world: World
) -> None:
    added = run(registry, "add", "Line 1", "--devices", "2", "--days", "7", "--tag", "line")
    key = added.output.split("\n\n")[1].strip()
    assert f"Bearer {key}" in added.output
    assert provision(registry, key, serial="SN-1").json()["id"] == "sunny-sn-1"
    [listed] = json.loads(run(registry, "list", "--json").stdout)
    assert (listed["made"], listed["max_devices"], listed["tags"]) == (1, 2, ["line"])
    assert "Line 1" in run(registry, "list").output
    run(registry, "revoke", str(listed["id"]))
    assert provision(registry, key, serial="SN-2").status_code == 401
