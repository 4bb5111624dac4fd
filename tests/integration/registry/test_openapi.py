"""Schemathesis asks every operation for what the OpenAPI document allows, and for more."""

import re
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import psycopg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, HookContext, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation

from cli.api import Api
from registry.enrolment import imports
from tests.client.generator import document
from tests.conftest import cloned
from tests.integration.registry.conftest import (
    RunningRegistry,
    registry_settings,
    serving,
)
from tests.parts import free_port

CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            # What no schema tells is refused too: an id that is taken, a cursor that is none.
            "positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", "4xx", 503]},
            # Every refusal will do: of a method (405), a tag that does not hold (412), the size
            # (413), the kind (415), or as there were too many tries (429).
            "negative_data_rejection": {"expected-statuses": ["4xx", 503]},
        },
        "operations": [
            {
                # Any text is a file, the answer to which tells the fault of each row.
                "include-path": f"/api/v1{path}",
                "checks": {"negative_data_rejection": {"expected-statuses": [200, "4xx", 503]}},
            }
            for path in (
                imports.PATH,
                "/tenants/{tenant_id}/archive",
                "/tenants/{tenant_id}/history",
            )
        ],
    }
)
schema = schemathesis.openapi.from_dict(document(), config=CONFIG)
for kind in ("application/x-ndjson", "application/x-tar", "application/vnd.apache.parquet"):
    schemathesis.serializer.alias(kind, "text/plain")
CALM = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
# For nights: `--hypothesis-profile=long`.
LONG = settings.get_current_profile_name() == "long"
SETTINGS = settings(
    max_examples=25 if LONG else 2, derandomize=not LONG, suppress_health_check=list(HealthCheck)
)
# One case of so many is tried, always the same; of the anonymous ones fewer, as they are refused
# before the rest is looked at.
PART, ANONYMOUS_PART = (1, 1) if LONG else (2, 16)
# How pydantic speaks, which is not how the API does.
FOREIGN = re.compile(
    r"\b(Input|String|Field|Value|List|Extra|Decimal)\b.*\b(should|required|error)\b"
)


@pytest.fixture(scope="module")
def site(
    server: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    """The API without a broker, on a database of this module's own."""
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
        serving(
            registry_settings(url, tmp_path_factory.mktemp("broker"), free_port()), connection
        ) as running,
    ):
        settle(running.admin)
        yield running


def settle(admin: Api) -> None:
    """Make the things that the document's examples speak of."""
    admin.create_park({"id": "cimahi", "name": "Cimahi", "time_zone": "Asia/Jakarta"})
    admin.create_lab({"id": "cimahi-solar", "park_id": "cimahi", "name": "Roof"})
    admin.create_tenant({"id": "sunny", "name": "Sunny", "kind": "startup"})
    admin.create_model({"id": "pv-inverter", "name": "PV inverter"})
    admin.create_device({"id": "sunny-roof-1", "tenant_id": "sunny", "name": "Roof 1"})


# Ids of what is there, of which every second request speaks. No test takes its own token away.
KNOWN = {
    "park_id": "cimahi", "lab_id": "cimahi-solar", "tenant_id": "sunny", "model_id": "pv-inverter",
    "device_id": "sunny-roof-1", "user_id": 1, "secret_id": 1, "membership_id": 99, "token_id": 99,
}  # fmt: skip


@schema.hook
def map_case(_: HookContext, case: Case[Any]) -> Case[Any]:
    """Speak of a thing that is there every second time."""
    if case.meta is None or not case.meta.is_negative_at(ParameterLocation.PATH):
        for name, value in (case.path_parameters or {}).items():
            if name in KNOWN and (len(repr(value)) % 2 or name in ("membership_id", "token_id")):
                case.path_parameters[name] = KNOWN[name]
    return case


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """One connection for all requests."""
    with requests.Session() as opened:
        yield opened


def is_of(case: Case[Any], part: int) -> bool:
    """Whether the case is of those that are tried."""
    return crc32(repr((case.method, case.query, case.headers, case.body)).encode()) % part == 0


def foreign_words(response: Response) -> list[str]:
    """The sentences of a refusal that are not in our words."""
    if response.status_code < 400:
        return []
    problem = response.json()
    told = [problem["detail"], *(error["detail"] for error in problem["errors"])]
    return [sentence for sentence in told if FOREIGN.search(sentence)]


@CALM
@schema.parametrize()
@SETTINGS
def test_the_administrator_gets_what_is_documented(
    case: Case[Any], site: RunningRegistry, session: requests.Session
) -> None:
    if is_of(case, PART):
        token = {"Authorization": f"Bearer {site.admin_token}"}
        response = case.call(base_url=site.url, headers=token, session=session)
        # All checks of schemathesis: it raises what it finds.
        case.validate_response(response, headers=token)
        assert foreign_words(response) == []


@CALM
@schema.parametrize()
@SETTINGS
def test_anonymous_gets_what_is_documented(
    case: Case[Any], site: RunningRegistry, session: requests.Session
) -> None:
    if is_of(case, ANONYMOUS_PART):
        response = case.call(base_url=site.url, session=session)
        case.validate_response(response, headers={})
        assert foreign_words(response) == []
