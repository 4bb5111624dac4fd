"""Scopes of tokens."""

import pytest

from cli.api import ApiError
from tests.integration.identity.conftest import PASSWORD
from tests.integration.registry.conftest import RunningRegistry, World

# Method, path, body, the scope that allows it; None: no scope does.
SCOPED: list[tuple[str, str, dict[str, object], str | None]] = [
    ("GET", "devices/sunny-1", {}, "read"),
    ("PATCH", "devices/sunny-1", {"name": "New"}, "devices:write"),
    ("POST", "devices/sunny-1/secrets", {}, "devices:write"),
    ("PATCH", "models/sunny-model", {"name": "New"}, "devices:write"),
    ("POST", "devices/sunny-1/rejections/replay", {}, "devices:write"),
    ("PATCH", "tenants/sunny", {"name": "New"}, "organisations:write"),
    ("POST", "users/1/memberships", {"role": "mentor", "tenant_id": "sunny"}, "people:write"),
    ("POST", "tokens", {"name": "more"}, None),
    ("PUT", "me/password", {"password": PASSWORD}, None),
    ("POST", "invitations", {"email": "x@y.z", "role": "mentor", "tenant_id": "sunny"}, None),
    ("DELETE", "sessions", {}, None),
]


def test_a_token_may_do_what_its_scopes_say_and_no_more(
    registry: RunningRegistry, world: World
) -> None:
    admin = registry.admin
    for scope in ("read", "devices:write", "organisations:write", "people:write"):
        token = admin.post("tokens", {"name": scope, "scopes": [scope]})["token"]
        for method, path, body, needed in SCOPED:
            answer = registry.request(method, f"/api/v1/{path}", token, json=body)
            if needed == scope:
                assert answer.status_code not in (401, 403), (scope, path)
            else:
                assert answer.status_code == 403, (scope, path)
                assert "scope" in answer.json()["detail"]


def test_a_scope_gives_nothing_that_the_user_may_not(
    registry: RunningRegistry, world: World
) -> None:
    mentor = registry.as_(world.tokens["mentor"])
    token = mentor.post("tokens", {"name": "x", "scopes": ["read", "devices:write"]})["token"]
    assert (
        registry.request(
            "PATCH", "/api/v1/devices/sunny-1", token, json={"name": "New"}
        ).status_code
        == 403
    )
    assert registry.request("GET", "/api/v1/devices/other-1", token).status_code == 404


SENSELESS: list[dict[str, object]] = [
    {"scopes": []},
    {"scopes": ["root"]},
    {"scopes": ["read", "read"]},
    {"expires_at": "2020-01-01T00:00:00Z"},
    {"expires_at": "2099-01-01T00:00:00"},
]


def test_scopes_and_ends_that_make_no_sense_are_refused(registry: RunningRegistry) -> None:
    for fields in SENSELESS:
        with pytest.raises(ApiError) as refused:
            registry.admin.post("tokens", {"name": "x", **fields})
        assert refused.value.status == 422, fields
