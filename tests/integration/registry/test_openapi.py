"""Schemathesis asks every operation for what the OpenAPI document allows, and for more."""

import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from psycopg import sql
from schemathesis import Case, HookContext
from schemathesis.config import SchemathesisConfig

from cli.api import Api
from tests.client.generator import document
from tests.integration.registry.conftest import (
    RunningRegistry,
    registry_settings,
    serving,
)
from tests.parts import free_port

CONFIG = SchemathesisConfig.from_dict(
    {
        # Its hundreds of requests for each operation are for nights, not for every change.
        "phases": {"coverage": {"enabled": False}},
        "checks": {
            # What no schema tells is refused too: an id that is taken, a cursor that is none.
            "positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", "4xx", 503]},
            # Headers that nobody knows, and times as numbers, are accepted.
            "negative_data_rejection": {"enabled": False},
        },
    }
)
schema = schemathesis.openapi.from_dict(document(), config=CONFIG)
CALM = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
SETTINGS = settings(max_examples=5, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def site(
    server: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    """The API without a broker, on a database of this module's own."""
    name = f"test_{secrets.token_hex(6)}"
    url = server.replace("/postgres", f"/{name}")
    with psycopg.connect(server, autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        settings_ = registry_settings(url, tmp_path_factory.mktemp("broker"), free_port())
        with psycopg.connect(url, autocommit=True) as own, serving(settings_, own) as running:
            settle(running.admin)
            yield running
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def settle(admin: Api) -> None:
    """Make the things that the document's examples speak of."""
    admin.create_park({"id": "cimahi", "name": "Cimahi", "time_zone": "Asia/Jakarta"})
    admin.create_lab({"id": "cimahi-solar", "park_id": "cimahi", "name": "Roof"})
    admin.create_tenant({"id": "sunny", "name": "Sunny", "kind": "startup"})
    admin.create_model({"id": "pv-inverter", "name": "PV inverter"})
    admin.create_device({"id": "sunny-roof-1", "tenant_id": "sunny", "name": "Roof 1"})


@schemathesis.serializer(
    "application/x-tar", "application/vnd.apache.parquet", "application/x-ndjson"
)
def as_file(_context: Any, value: Any) -> bytes:
    """Some bytes: whoever reads files has to refuse them."""
    return value if isinstance(value, bytes) else str(value).encode()


# Ids of what is there, of which every second request speaks. No test takes its own token away.
KNOWN = {
    "park_id": "cimahi", "lab_id": "cimahi-solar", "tenant_id": "sunny", "model_id": "pv-inverter",
    "device_id": "sunny-roof-1", "user_id": 1, "secret_id": 1, "membership_id": 99, "token_id": 99,
}  # fmt: skip


@schema.hook
def map_path_parameters(
    context: HookContext, path_parameters: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Speak of a thing that is there every second time."""
    for name, value in (path_parameters or {}).items():
        if name in KNOWN and (len(repr(value)) % 2 or name in ("membership_id", "token_id")):
            path_parameters = {**(path_parameters or {}), name: KNOWN[name]}
    return path_parameters


@CALM
@schema.parametrize()
@SETTINGS
def test_the_administrator_gets_what_is_documented(case: Case[Any], site: RunningRegistry) -> None:
    token = {"Authorization": f"Bearer {site.admin_token}"}
    case.call_and_validate(base_url=site.url, headers=token)


@CALM
@schema.parametrize()
@SETTINGS
def test_anonymous_gets_what_is_documented(case: Case[Any], site: RunningRegistry) -> None:
    case.call_and_validate(base_url=site.url)
