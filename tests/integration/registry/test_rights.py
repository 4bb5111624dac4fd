"""Every route × every role × own and foreign things: what the table says, and never a hint."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg
import pytest

from broker.passwords import hash_secret, new_secret
from registry.rights import RIGHTS, Action, Role
from storage.accounts import issue_token
from tests.conftest import cloned
from tests.integration.registry import matrix_exchange, matrix_identity
from tests.integration.registry.conftest import (
    PEOPLE,
    RunningRegistry,
    populate,
    registry_settings,
    serving,
)
from tests.integration.registry.matrix import DEVICES_OWN, Sample
from tests.integration.registry.matrix import SAMPLES as OWN_SAMPLES
from tests.integration.registry.matrix_identity import VISITORS
from tests.parts import free_port

SAMPLES = [*OWN_SAMPLES, *matrix_exchange.SAMPLES, *matrix_identity.SAMPLES]
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
        serving(registry_settings(url, Path(folder), free_port()), connection) as registry,
        httpx.Client(base_url=registry.url, trust_env=False, timeout=20) as client,
    ):
        world = populate(connection)
        connection.execute(matrix_exchange.BEFORE.encode())
        tokens = {**world.tokens, "admin": registry.admin_token}
        tokens["former"] = token_of_former_owner(connection)
        ids: dict[Side, Ids] = {
            "own": {
                "park_id": "porto",
                "lab_id": "porto-lab",
                "tenant_id": "sunny",
                "model_id": "sunny-model",
                "device_id": "sunny-1",
                **colleague(connection, "sunny"),
                **matrix_exchange.things(connection, "sunny", "porto"),
            },
            "foreign": {
                "park_id": "pune",
                "lab_id": "pune-lab",
                "tenant_id": "other",
                "model_id": "other-model",
                "device_id": "other-1",
                **colleague(connection, "other"),
                **matrix_exchange.things(connection, "other", "pune"),
            },
            "nowhere": NOWHERE,
        }
        yield Matrix(registry, connection, tokens, ids, client)


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


def allowed(sample: Sample, who: str, action: Action | None, side: Side) -> bool:
    """What the table says of somebody whose role is on the own side."""
    if action is None or RIGHTS[action].everybody:
        return True
    role = None if who in sample.elsewhere else ROLES[who]
    return role in RIGHTS[action].roles and (side == "own" or role == "platform-admin")


def expected(sample: Sample, who: str, side: Side) -> int:
    """The status that the table gives."""
    if who == "anonymous":
        return 401
    if allowed(sample, who, sample.action, side):
        return sample.status
    if sample.sees is None or allowed(sample, who, sample.sees, side):
        return 403
    return sample.unseen


def test_every_route_has_a_sample(matrix: Matrix) -> None:
    routes = {
        f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, methods in matrix.registry.app.openapi()["paths"].items()
        for method in methods
        if path.startswith(PREFIX)
    }
    assert {sample.route for sample in SAMPLES} | DEVICES_OWN | VISITORS == routes


def test_every_action_of_the_table_is_tried(matrix: Matrix) -> None:
    assert {action for sample in SAMPLES for action in (sample.action, sample.sees)} >= set(RIGHTS)


def test_every_role_of_the_table_asks() -> None:
    assert set(ROLES) - {"admin", "former", "anonymous"} == {*PEOPLE, "nobody"} - {"stranger"}
    assert {role for right in RIGHTS.values() for role in right.roles} < set(ROLES.values())


def test_every_role_gets_from_every_route_what_the_table_says(
    matrix: Matrix, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, wrong, leaks = 0, [], []
    sides: tuple[Side, Side] = ("own", "foreign")
    for sample, who, side in itertools.product(SAMPLES, ROLES, sides):
        cases += 1
        answer = matrix.try_out(sample, who, side)
        case = (sample.route, sample.body, who, side)
        if answer.status_code != expected(sample, who, side):
            wrong.append((case, answer.status_code, expected(sample, who, side), answer.text))
        if leaking(matrix, sample, who, side, answer):
            leaks.append((case, answer.text))
    with capsys.disabled():
        sys.stdout.write(f"\n{cases} route × role × tenant cases, {len(leaks)} leaks\n")
    assert wrong == []
    assert leaks == []
    assert cases > 1000


def leaking(matrix: Matrix, sample: Sample, who: str, side: Side, answer: httpx.Response) -> bool:
    """Whether somebody learns from the answer that a thing is there which is not for him."""
    if not any(allowed(sample, who, action, side) for action in (sample.action, sample.sees)):
        nowhere = matrix.try_out(sample, who, "nowhere")
        return (answer.status_code, answer.content) != (nowhere.status_code, nowhere.content)
    foreign = matrix.ids["foreign"]
    secrets = [f'"{foreign[name]}"' for name in ("tenant_id", "device_id", "model_id", "email")]
    # What one sends oneself is no secret, and an administrator has none to miss.
    return who != "admin" and any(secret in answer.text for secret in secrets)


def test_a_device_route_refuses_every_person_in_the_same_words(matrix: Matrix) -> None:
    for route, who in itertools.product(DEVICES_OWN, ROLES):
        answers = {
            (answer.status_code, answer.text)
            for side in matrix.ids
            for answer in [matrix.try_out(Sample(route, body={"power": 1}), who, side)]
        }
        assert len(answers) == 1
        assert answers.pop()[0] == 401


# Foreign ids in bodies and queries, beside own ones in the path.
FOREIGN: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("POST", "/devices", {"tenant_id": "{tenant_id}", "name": "x"}, ""),
    ("POST", "/devices", {"tenant_id": "sunny", "name": "x", "model_id": "{model_id}"}, ""),
    ("PATCH", "/devices/sunny-1", {"model_id": "{model_id}"}, ""),
    ("POST", "/models", {"id": "mine", "tenant_id": "{tenant_id}", "name": "x"}, ""),
    ("POST", "/users/{own}/memberships", {"role": "viewer", "tenant_id": "{tenant_id}"}, ""),
    ("POST", "/users/{own}/memberships", {"role": "viewer", "park_id": "{park_id}"}, ""),
    ("DELETE", "/users/{own}/memberships/{membership_id}", None, ""),
    ("DELETE", "/devices/sunny-1/secrets/{secret_id}", None, ""),
    ("PATCH", "/tenants/sunny", {"park_id": "{park_id}"}, ""),
    ("POST", "/tokens", {"name": "x", "user_id": "{user_id}"}, ""),
    ("GET", "/tokens", None, "user_id={user_id}"),
    ("GET", "/users", None, "email={email}"),
    ("GET", "/tenants", None, "park_id={park_id}"),
    ("GET", "/models", None, "tenant_id={tenant_id}"),
    ("GET", "/devices", None, "tenant_id={tenant_id}"),
    ("GET", "/devices", None, "park_id={park_id}"),
    ("GET", "/devices", None, "lab_id={lab_id}"),
    ("GET", "/devices", None, "model_id={model_id}"),
    ("GET", "/devices", None, "q={device_id}"),
    ("GET", "/rejections", None, "tenant_id={tenant_id}"),
    ("GET", "/rejections", None, "park_id={park_id}"),
    ("GET", "/audit", None, "tenant_id={tenant_id}"),
    ("GET", "/audit", None, "park_id={park_id}"),
    ("GET", "/audit", None, "subject={device_id}"),
    ("GET", "/audit", None, "user_id={user_id}"),
]


@pytest.mark.parametrize("who", ["owner", "manager", "viewer", "nobody"])
def test_foreign_ids_are_answered_like_ids_of_nothing(matrix: Matrix, who: str) -> None:
    own = matrix.ids["own"]["user_id"]
    for method, path, body, query in FOREIGN:
        here, nowhere = (
            matrix.ask(
                who,
                method,
                path.format(**matrix.ids[side], own=own),
                filled(body, matrix.ids[side]),
                query.format(**matrix.ids[side]),
            )
            for side in ("foreign", "nowhere")
        )
        case = (method, path, body, query)
        assert (here.status_code, here.content) == (nowhere.status_code, nowhere.content), case
        assert here.is_error or json.loads(here.content)["items"] == [], case
