from collections.abc import Iterator

import psycopg
import pytest

from cli.api import ApiError
from tests.integration.registry.conftest import RunningRegistry, World

PUBLIC = {"/health/live", "/health/ready", "/docs", "/api/v1/openapi.json"}
# Operations by which one comes to be known, or shows a link.
ANONYMOUS = {
    ("POST", "/api/v1/sessions"),
    ("POST", "/api/v1/tokens/sign-in"),
    ("POST", "/api/v1/invitations/accept"),
    ("POST", "/api/v1/password-resets/accept"),
    ("GET", "/.well-known/technopark-certificate-key"),
}
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
    "session_id": "1",
    "invitation_id": "1",
    "secret_id": "1",
    "key_id": "1",
    "transfer_id": "1",
    "booking_id": "1",
    "agreement_id": "1",
    "showcase_id": "1",
    "command_id": "1",
}


def operations(registry: RunningRegistry) -> Iterator[tuple[str, str]]:
    """Method and path, with ids in it, of every operation that is not for everybody."""
    for path, methods in registry.app.openapi()["paths"].items():
        if path not in PUBLIC:
            for method in methods:
                if (method.upper(), path) not in ANONYMOUS:
                    yield method.upper(), path.format(**IDS)


def test_no_route_is_hidden_from_the_walk(registry: RunningRegistry) -> None:
    """The walk goes by the OpenAPI document: what is not in it must be known to be public."""
    hidden = set()
    for route in registry.app.routes:
        included = getattr(route, "original_router", None)
        for inner in included.routes if included else [route]:
            if not getattr(inner, "include_in_schema", False):
                hidden.add(getattr(inner, "path", ""))
    assert hidden == {"/docs", "/api/v1/openapi.json", "/docs/files", "/link"}


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
