from collections.abc import Iterator

import psycopg
import pytest

from cli.api import ApiError
from tests.integration.registry.conftest import (
    PEOPLE,
    RunningRegistry,
    World,
)

PUBLIC = {"/health/live", "/health/ready", "/docs", "/api/v1/openapi.json"}
# One path of each kind, filled with ids that are there.
IDS = {
    "park_id": "porto",
    "lab_id": "porto-lab",
    "tenant_id": "sunny",
    "model_id": "sunny-model",
    "device_id": "sunny-1",
    "user_id": "1",
    "membership_id": "1",
    "token_id": "1",
    "secret_id": "1",
    "agreement_id": "1",
}


def operations(registry: RunningRegistry) -> Iterator[tuple[str, str]]:
    """Method and path, with ids in it, of every operation that is not public."""
    for path, methods in registry.app.openapi()["paths"].items():
        if path not in PUBLIC:
            for method in methods:
                yield method.upper(), path.format(**IDS)


def test_no_route_is_hidden_from_the_walk(registry: RunningRegistry) -> None:
    """The walk goes by the OpenAPI document: what is not in it must be known to be public."""
    hidden = set()
    for route in registry.app.routes:
        included = getattr(route, "original_router", None)
        for inner in included.routes if included else [route]:
            if not getattr(inner, "include_in_schema", False):
                hidden.add(getattr(inner, "path", ""))
    assert hidden == {"/docs", "/api/v1/openapi.json", "/docs/files"}
    assert len(list(operations(registry))) == 42


def test_every_route_refuses_anonymous(registry: RunningRegistry, world: World) -> None:
    for method, path in operations(registry):
        response = registry.request(method, path, json={})
        assert response.status_code == 401, (method, path)
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert response.headers["Content-Type"] == "application/problem+json"


def test_every_route_refuses_a_token_that_is_none(registry: RunningRegistry, world: World) -> None:
    for token in ("tpa_unknown", "tpd_wrong", "\u00e9", "a b"):
        header = {"Authorization": f"Bearer {token}".encode("latin-1")}
        for method, path in operations(registry):
            response = registry.request(method, path, headers=header, json={})
            assert response.status_code == 401, (method, path)
            assert token not in response.text


def test_an_ended_token_is_refused(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    owner = registry.as_(world.tokens["owner"])
    owner.get("me")
    connection.execute(
        "UPDATE tokens SET expires_at = now() WHERE user_id = %s", [world.ids["owner"]]
    )
    with pytest.raises(ApiError, match="expired"):
        owner.get("me")


def test_a_device_of_another_tenant_does_not_exist_on_any_device_route(
    registry: RunningRegistry, world: World
) -> None:
    bodies = {"PATCH": {"name": "x"}, "POST": {}}
    asked = 0
    for method, path in operations(registry):
        if "sunny-1" not in path or path.endswith("/telemetry"):
            continue
        asked += 1
        suffix = "?metric=x" if path.endswith(("readings", "states")) else ""
        here, nowhere = (
            registry.request(
                method,
                path.replace("sunny-1", device) + suffix,
                world.tokens["stranger"],
                json=bodies.get(method),
            )
            for device in ("sunny-1", "not-there")
        )
        assert here.status_code == nowhere.status_code == 404, (method, path)
        assert here.text == nowhere.text
    assert asked >= 9


def test_things_of_another_tenant_do_not_exist(registry: RunningRegistry, world: World) -> None:
    stranger = registry.as_(world.tokens["stranger"])
    for path in (
        "tenants/sunny",
        "models/sunny-model",
        f"users/{world.ids['member']}",
        f"users/{world.ids['member']}/memberships",
    ):
        with pytest.raises(ApiError) as refused:
            stranger.get(path)
        assert refused.value.status == 404, path


def test_a_list_shows_only_what_one_may_see(registry: RunningRegistry, world: World) -> None:
    expected = {
        "manager": {"sunny-1", "guest-1"},
        "visitor": {"sunny-1", "guest-1"},
        "owner": {"sunny-1"},
        "member": {"sunny-1"},
        "mentor": {"sunny-1"},
        "viewer": {"sunny-1"},
        "stranger": {"other-1"},
        "nobody": set(),
    }
    for name, devices in expected.items():
        seen = registry.as_(world.tokens[name]).items("devices")
        assert {device["id"] for device in seen} == devices, name
    assert len(list(registry.admin.items("devices"))) == 3


def test_a_list_of_tenants_shows_only_what_one_may_see(
    registry: RunningRegistry, world: World
) -> None:
    expected = {"manager": ["sunny"], "owner": ["sunny"], "stranger": ["other"], "nobody": []}
    for name, tenants in expected.items():
        seen = registry.as_(world.tokens[name]).items("tenants")
        assert [tenant["id"] for tenant in seen] == tenants, name


# Who may do what with a device of Sunny: the status of the answer.
Action = tuple[str, str, dict[str, object] | None]
READ: Action = ("GET", "devices/sunny-1", None)
SECRETS: Action = ("GET", "devices/sunny-1/secrets", None)
ISSUE: Action = ("POST", "devices/sunny-1/secrets", {})
CHANGE: Action = ("PATCH", "devices/sunny-1", {"name": "New"})
CREATE: Action = ("POST", "devices", {"tenant_id": "sunny", "name": "Two"})
MODEL: Action = ("POST", "models", {"id": "sunny-new", "tenant_id": "sunny", "name": "New"})
MEMBER: Action = ("POST", "users/{viewer}/memberships", {"role": "mentor", "tenant_id": "sunny"})
TENANT: Action = ("PATCH", "tenants/sunny", {"name": "Sunny SA"})
MOVE: Action = ("PATCH", "tenants/sunny", {"park_id": "pune"})
PARK: Action = ("PATCH", "parks/porto", {"name": "Porto North"})
LAB: Action = ("POST", "labs", {"id": "new-lab", "park_id": "porto", "name": "New"})
NEW_PARK: Action = ("POST", "parks", {"id": "goa", "name": "Goa", "time_zone": "Asia/Kolkata"})
NEW_USER: Action = ("POST", "users", {"email": "new@example.org", "name": "New"})
QUOTA: Action = ("PATCH", "tenants/sunny", {"values_per_second": 5})
NO_QUOTA: Action = ("PATCH", "tenants/sunny", {"values_per_second": None})
QUOTA_AND_NAME: Action = ("PATCH", "tenants/sunny", {"values_per_second": 5, "name": "New"})
DEVICE_QUOTA: Action = ("PATCH", "devices/sunny-1", {"values_per_second": 5})
RETIRE: Action = ("POST", "devices/sunny-1/retire", None)
ACTIONS = [
    READ, SECRETS, ISSUE, CHANGE, CREATE, MODEL, MEMBER, TENANT, QUOTA, NO_QUOTA, QUOTA_AND_NAME,
    DEVICE_QUOTA, MOVE, PARK, LAB, NEW_PARK, NEW_USER, RETIRE,
]  # fmt: skip
ALLOWED = {
    # read, secrets, issue, change, create, model, member, tenant, the four of quotas,
    # move, park, lab, new park, user, retire
    "admin": [
        200, 200, 201, 200, 201, 201, 201, 200, 200, 200, 200, 200,
        200, 200, 201, 201, 201, 200,
    ],
    "owner": [
        200, 200, 201, 200, 201, 201, 201, 200, 403, 403, 403, 200,
        403, 403, 403, 403, 403, 200,
    ],
    "member": [
        200, 200, 201, 200, 201, 201, 404, 403, 403, 403, 403, 200,
        403, 403, 403, 403, 403, 200,
    ],
    "manager": [
        200, 403, 403, 403, 403, 403, 404, 403, 200, 200, 403, 403,
        403, 200, 201, 403, 403, 403,
    ],
    "mentor": [
        200, 403, 403, 403, 403, 403, 404, 403, 403, 403, 403, 403,
        403, 403, 403, 403, 403, 403,
    ],
    "viewer": [
        200, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403,
        403, 403, 403, 403, 403, 403,
    ],
    "visitor": [
        200, 403, 403, 403, 403, 403, 404, 403, 403, 403, 403, 403,
        403, 403, 403, 403, 403, 403,
    ],
    "stranger": [
        404, 404, 404, 404, 422, 422, 404, 404, 404, 404, 404, 404,
        404, 403, 403, 403, 403, 404,
    ],
    "nobody": [
        404, 404, 404, 404, 422, 422, 404, 404, 404, 404, 404, 404,
        404, 403, 403, 403, 403, 404,
    ],
}  # fmt: skip


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_may_do_what_the_table_says(
    registry: RunningRegistry, world: World, role: str
) -> None:
    token = registry.admin_token if role == "admin" else world.tokens[role]
    answers = [
        registry.request(
            method, "/api/v1/" + path.format(viewer=world.ids["viewer"]), token, json=body
        )
        for method, path, body in ACTIONS
    ]
    assert [answer.status_code for answer in answers] == ALLOWED[role]


def test_every_role_of_the_contract_is_in_the_table() -> None:
    assert set(PEOPLE) | {"admin", "nobody"} == set(ALLOWED)


def test_a_tenant_that_one_may_not_see_is_refused_like_one_that_is_not_there(
    registry: RunningRegistry, world: World
) -> None:
    details = set()
    for tenant in ("sunny", "not-there"):
        with pytest.raises(ApiError) as refused:
            registry.as_(world.tokens["stranger"]).post(
                "devices", {"tenant_id": tenant, "name": "x"}
            )
        details.add((refused.value.status, str(refused.value)))
    assert details == {(422, "tenant_id: there is no such tenant")}


def test_a_model_of_another_tenant_is_refused_like_one_that_is_not_there(
    registry: RunningRegistry, world: World
) -> None:
    owner = registry.as_(world.tokens["owner"])
    for model in ("other-model", "not-there"):
        body = {"tenant_id": "sunny", "name": "x", "model_id": model}
        with pytest.raises(ApiError, match="model_id: there is no such model"):
            owner.post("devices", body)
        with pytest.raises(ApiError, match="model_id: there is no such model"):
            owner.patch("devices/sunny-1", {"model_id": model})
    assert owner.patch("devices/sunny-1", {"model_id": "sunny-model"})["model_id"] == "sunny-model"


@pytest.mark.parametrize(
    ("membership", "offset", "status"),
    [
        (("tenant-owner", None, "sunny"), 0, 200),
        (("tenant-owner", None, "sunny"), -1, 404),
        (("park-manager", "porto", None), 0, 200),
        (("park-manager", "porto", None), -1, 404),
    ],
)
def test_a_role_counts_until_its_last_day_is_over_in_its_park(
    registry: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    membership: tuple[str, str | None, str | None],
    offset: int,
    status: int,
) -> None:
    # Kiritimati is a day ahead of most of the world: the park's day counts, not the server's.
    connection.execute("UPDATE parks SET time_zone = 'Pacific/Kiritimati' WHERE id = 'porto'")
    connection.execute(
        "INSERT INTO memberships (user_id, role, park_id, tenant_id, until) "
        "VALUES (%s, %s, %s, %s, (now() AT TIME ZONE 'Pacific/Kiritimati')::date + %s::int)",
        [world.ids["nobody"], *membership, offset],
    )
    response = registry.request("GET", "/api/v1/devices/sunny-1", world.tokens["nobody"])
    assert response.status_code == status
