"""Who asks in the matrix of rights, and the things of both sides."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg
import pytest

from broker.passwords import hash_secret, new_secret
from registry.rights import Role
from registry.settings import Settings
from storage.accounts import issue_token
from tests.conftest import cloned
from tests.integration.registry import matrix_exchange, matrix_identity
from tests.integration.registry.conftest import (
    RunningRegistry,
    populate,
    registry_settings,
    serving,
)
from tests.integration.registry.matrix import Sample
from tests.parts import free_port

Side = Literal["own", "foreign", "nowhere"]
Ids = dict[str, str | int]
PREFIX = "/api/v1"
# The roles of those who ask; all are in Sunny, or in its home park.
ROLES: dict[str, Role | None] = {
    "admin": "platform-admin",
    "manager": "park-manager",
    "owner": "tenant-owner",
    "member": "tenant-member",
    "mentor": "mentor",
    "viewer": "viewer",
    "visitor": "viewer",
    "nobody": None,
    # Was an owner until yesterday.
    "former": None,
    "anonymous": None,
}
NOWHERE: Ids = {
    "park_id": "not-there",
    "lab_id": "not-there",
    "tenant_id": "not-there",
    "model_id": "not-there",
    "device_id": "not-there",
    "command_id": "not-there",
    "user_id": 999_999,
    "email": "not-there@example.org",
    "membership_id": 999_999,
    "token_id": 999_999,
    "secret_id": 999_999,
    **matrix_exchange.NOWHERE,
    **matrix_identity.NOWHERE,
}


@dataclass
class Matrix:
    """A running registry, who asks, and the things of each side."""

    registry: RunningRegistry
    connection: psycopg.Connection
    tokens: dict[str, str]
    ids: dict[Side, Ids]
    client: httpx.Client
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def ask(
        self, who: str, method: str, path: str, body: object = None, query: str = ""
    ) -> httpx.Response:
        """Ask below the prefix in somebody's name."""
        token = self.tokens.get(who)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.request(method, f"{PREFIX}{path}?{query}", json=body, headers=headers)

    def try_out(self, sample: Sample, who: str, side: Side) -> httpx.Response:
        """The answer to a sample; what a success has done is mended."""
        ids = dict(self.ids[side])
        ids |= {name: ids[other] for name, other in sample.names.items()}
        method, path = sample.route.split(" ")
        body = filled(sample.body, {**ids, "new": str(next(self.numbers))})
        query = sample.query.format(**ids)
        response = self.ask(who, method, path.format(**ids), body, query)
        if response.is_success and sample.mend:
            self.connection.execute(sample.mend.format(**ids).encode())
        return response


def filled(body: dict[str, Any] | None, ids: Ids) -> dict[str, Any] | None:
    """A body with ids in the places for them; a number stays one."""
    if body is None:
        return None
    return {name: filled_in(value, ids) for name, value in body.items()}


def filled_in(value: Any, ids: Ids) -> Any:
    """A value of a body."""
    if value == "{user_id}":
        return ids["user_id"]
    if isinstance(value, list):
        return [filled_in(item, ids) for item in value]
    return value.format(**ids) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def matrix(
    server: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Matrix]:
    """One registry and one world for all cases."""
    folder = tmp_path_factory.mktemp("matrix")
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
        serving(matrix_settings(url, Path(folder)), connection) as registry,
        httpx.Client(base_url=registry.url, trust_env=False, timeout=20) as client,
    ):
        world = populate(connection)
        connection.execute(matrix_exchange.BEFORE.encode())
        connection.execute(
            "INSERT INTO series (device_id, metric, kind) SELECT id, 'power', 'number' FROM devices"
        )
        connection.execute(
            "INSERT INTO commands (id, device_id, name, params, expires_at) "
            "SELECT 'of-' || id, id, 'start', '{}', now() + INTERVAL '1 hour' FROM devices"
        )
        tokens = {**world.tokens, "admin": registry.admin_token}
        tokens["former"] = token_of_former_owner(connection)
        ids: dict[Side, Ids] = {
            "own": {
                "park_id": "porto",
                "lab_id": "porto-lab",
                "tenant_id": "sunny",
                "model_id": "sunny-model",
                "device_id": "sunny-1",
                "command_id": "of-sunny-1",
                **colleague(connection, "sunny"),
                **matrix_exchange.things(connection, "sunny", "porto"),
            },
            "foreign": {
                "park_id": "pune",
                "lab_id": "pune-lab",
                "tenant_id": "other",
                "model_id": "other-model",
                "device_id": "other-1",
                "command_id": "of-other-1",
                **colleague(connection, "other"),
                **matrix_exchange.things(connection, "other", "pune"),
            },
            "nowhere": NOWHERE,
        }
        yield Matrix(registry, connection, tokens, ids, client)


def matrix_settings(url: str, folder: Path) -> Settings:
    """Settings with which every route can succeed."""
    return registry_settings(url, folder, free_port(), certificate_key="a key of the tests alone")


def token_of_former_owner(connection: psycopg.Connection) -> str:
    """The token of somebody whose role in Sunny ended yesterday."""
    user = one(
        connection, "INSERT INTO users (email, name) VALUES ('former@x.org', 'F') RETURNING id"
    )
    connection.execute(
        "INSERT INTO memberships (user_id, role, tenant_id, until) "
        "VALUES (%s, 'tenant-owner', 'sunny', (now() AT TIME ZONE 'Europe/Lisbon')::date - 1)",
        [user],
    )
    return issue_token(connection, user, "test")


def colleague(connection: psycopg.Connection, tenant: str) -> Ids:
    """Somebody in the tenant with a role and a token, and a secret of the tenant's device."""
    email = f"colleague@{tenant}.example"
    user = one(connection, "INSERT INTO users (email, name) VALUES (%s, 'C') RETURNING id", email)
    issue_token(connection, user, "test")
    return {
        **matrix_identity.things(connection, tenant, user),
        "user_id": user,
        "email": email,
        "token_id": one(connection, "SELECT id FROM tokens WHERE user_id = %s", user),
        "membership_id": one(
            connection,
            "INSERT INTO memberships (user_id, role, tenant_id) "
            "VALUES (%s, 'tenant-member', %s) RETURNING id",
            user,
            tenant,
        ),
        "secret_id": one(
            connection,
            "INSERT INTO device_secrets (device_id, hash) VALUES (%s, %s) RETURNING id",
            f"{tenant}-1",
            hash_secret(new_secret()),
        ),
    }


def one(connection: psycopg.Connection, query: str, *parameters: object) -> int:
    """The number that a query gives."""
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row
    number: int = row[0]
    return number
