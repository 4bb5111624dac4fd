"""An agreement from the offer to its end, by commands, against the running platform."""

from __future__ import annotations

import json

import psycopg
import pytest

from cli.api import Api, ApiError
from tests.acceptance.conftest import RunningPlatform
from tests.parts import wait_until


def run(platform: RunningPlatform, token: str, *words: str) -> str:
    """What a command says in the name of a token."""
    administrator, platform.token = platform.token, token
    try:
        done = platform.technopark(*words)
    finally:
        platform.token = administrator
    assert done.returncode == 0, done.stderr
    return done.stdout


def owner(platform: RunningPlatform, tenant: str) -> str:
    """A token of the owner of a new tenant."""
    with platform.api() as api:
        api.post("tenants", {"id": tenant, "name": tenant, "kind": "startup"})
        user = api.post("users", {"email": f"{tenant}@example.org", "name": tenant})["id"]
        role = {"role": "tenant-owner", "tenant_id": tenant}
        api.post(f"users/{user}/memberships", role)
        return str(api.post("tokens", {"name": "test", "user_id": user})["token"])


def test_what_is_agreed_is_read_by_http_and_by_sql_until_it_is_revoked(
    platform: RunningPlatform,
) -> None:
    giver, reader = owner(platform, "giver"), owner(platform, "reader")
    with Api(platform.api_url, giver) as api:
        made = api.post("devices", {"id": "giver-1", "tenant_id": "giver", "name": "One"})
    with Api(platform.api_url, made["secret"]) as device:
        device.post("devices/giver-1/telemetry", {"power": 4.2, "torque": 7})
    offered = ["offer", "giver", "--to-tenant", "reader", "--metric", "power"]
    run(platform, giver, "agreement", *offered, "--until", "2099-12-31")
    (agreement,) = json.loads(run(platform, reader, "agreement", "list", "--json"))
    number = str(agreement["id"])
    assert "is running" in run(platform, reader, "agreement", "accept", number)

    line = run(platform, reader, "tenant", "sql-access", "reader").split("'")[1]
    with Api(platform.api_url, reader) as api, psycopg.connect(line, autocommit=True) as tenant:
        wait_until(lambda: api.get("devices/giver-1/latest")["items"], "the reading")
        assert [row["metric"] for row in api.items("devices/giver-1/latest")] == ["power"]
        rows = tenant.execute("SELECT device, metric, value FROM telemetry").fetchall()
        assert rows == [("giver-1", "power", 4.2)]
        assert "is revoked" in run(platform, giver, "agreement", "revoke", number)
        assert tenant.execute("SELECT FROM telemetry").fetchall() == []
        with pytest.raises(ApiError, match="no such device"):
            api.get("devices/giver-1/latest")
