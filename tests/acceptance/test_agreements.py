"""An agreement from the offer to its end, by commands, against the running platform."""

from __future__ import annotations

import json

import psycopg
import pytest

from cli.api import Api, ApiError
from tests.acceptance.conftest import RunningPlatform
from tests.parts import wait_until


def test_what_is_agreed_is_read_by_http_and_by_sql_until_it_is_revoked(
    platform: RunningPlatform,
) -> None:
    giver, reader = platform.add_owner("giver"), platform.add_owner("reader")
    with Api(platform.api_url, giver) as api:
        made = api.post("devices", {"id": "giver-1", "tenant_id": "giver", "name": "One"})
    with Api(platform.api_url, made["secret"]) as device:
        device.post("devices/giver-1/telemetry", {"power": 4.2, "torque": 7})
    offered = ["offer", "giver", "--to-tenant", "reader", "--metric", "power"]
    platform.run_as(giver, "agreement", *offered, "--until", "2099-12-31")
    (agreement,) = json.loads(platform.run_as(reader, "agreement", "list", "--json"))
    number = str(agreement["id"])
    assert "is running" in platform.run_as(reader, "agreement", "accept", number)

    line = platform.run_as(reader, "tenant", "sql-access", "reader").split("'")[1]
    with Api(platform.api_url, reader) as api, psycopg.connect(line, autocommit=True) as tenant:
        wait_until(lambda: api.get("devices/giver-1/latest")["items"], "the reading")
        assert [row["metric"] for row in api.items("devices/giver-1/latest")] == ["power"]
        rows = tenant.execute("SELECT device, metric, value FROM telemetry").fetchall()
        assert rows == [("giver-1", "power", 4.2)]
        assert "is revoked" in platform.run_as(giver, "agreement", "revoke", number)
        assert tenant.execute("SELECT FROM telemetry").fetchall() == []
        with pytest.raises(ApiError, match="no such device"):
            api.get("devices/giver-1/latest")
