"""A sample of every route, with the action of the rights table that it needs.

A new route needs a line here. ``{device_id}`` and the like stand for the ids of one side: those
of the tenant and park in which everybody who asks has his or her role, or those of foreign ones.
``{new}`` is another word each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from registry.rights import Action

# From where to where: without a time of its own an answer would tell when it was made.
RANGE = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"


@dataclass(frozen=True)
class Sample:
    """A request, and whom the table lets through.

    Attributes:
        route: method and path as OpenAPI has them.
        action: what one needs to be let through; None: nothing.
        sees: what one needs to see the thing; without it one is answered as if it did not exist.
            None: there is no thing, only a role that one has or not.
        body: what is sent.
        query: what comes after the path.
        status: of success.
        unseen: what one gets who does not see the thing: 422 where the body names it, 200 where
            a list has nothing of it.
        mend: SQL that takes back what a success has done, where the next one would fail.
        names: which id of the side stands for a parameter of the path, where it is not the one of
            that name.
        elsewhere: who has the role at a place that has nothing to do with the thing.
    """

    route: str
    action: Action | None = None
    sees: Action | None = None
    body: dict[str, Any] | None = None
    query: str = ""
    status: int = 200
    unseen: int = 404
    mend: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()


def sees(route: str, action: Action, query: str = "", **more: Any) -> Sample:
    """A route that shows a thing."""
    return Sample(route, action, action, query=query, **more)


def lists(route: str, action: Action, query: str, **more: Any) -> Sample:
    """A list of things of the side, which is empty for whoever does not see them."""
    return Sample(route, action, action, query=query, unseen=200, **more)


def changes(
    route: str, action: Action, read: Action, body: dict[str, Any] | None = None, **more: Any
) -> Sample:
    """A route that changes a thing."""
    return Sample(route, action, read, body, **more)


MAKE_DEVICE = {"tenant_id": "{tenant_id}", "name": "New {new}"}
MAKE_MODEL = {"id": "new-{new}", "tenant_id": "{tenant_id}", "name": "New"}
GIVE = {"role": "mentor", "tenant_id": "{tenant_id}"}
TAKE_BACK = "DELETE FROM memberships WHERE role = 'mentor' AND user_id = {user_id}"
GIVE_BACK = (
    "INSERT INTO memberships (id, user_id, role, tenant_id) OVERRIDING SYSTEM VALUE "
    "VALUES ({membership_id}, {user_id}, 'tenant-member', '{tenant_id}')"
)
SERVE_AGAIN = "UPDATE devices SET stage = 'pilot', retired_at = NULL WHERE id = '{device_id}'"
TOKEN_BACK = "UPDATE tokens SET revoked_at = NULL WHERE id = {token_id}"
HOME_BACK = "UPDATE tenants SET park_id = '{park_id}' WHERE id = '{tenant_id}'"
SECRETS_BACK = "UPDATE device_secrets SET revoked_at = NULL WHERE id = {secret_id}"

SAMPLES = [
    Sample(
        "POST /parks",
        "platform.run",
        body={"id": "new-{new}", "name": "New", "time_zone": "UTC"},
        status=201,
    ),
    lists("GET /parks", "park.read", ""),
    sees("GET /parks/{park_id}", "park.read"),
    changes("PATCH /parks/{park_id}", "park.change", "park.read", {"name": "Park"}),
    sees("GET /parks/{park_id}/history", "park.read"),
    changes(
        "POST /labs",
        "lab.change",
        "park.read",
        {"id": "new-{new}", "park_id": "{park_id}", "name": "New"},
        status=201,
    ),
    lists("GET /labs", "lab.read", "park_id={park_id}"),
    sees("GET /labs/{lab_id}", "lab.read"),
    changes("PATCH /labs/{lab_id}", "lab.change", "lab.read", {"name": "Lab"}),
    sees("GET /labs/{lab_id}/history", "lab.read"),
    Sample(
        "POST /tenants",
        "platform.run",
        body={"id": "new-{new}", "name": "New", "kind": "startup"},
        status=201,
    ),
    lists("GET /tenants", "tenant.read", "park_id={park_id}"),
    sees("GET /tenants/{tenant_id}", "tenant.read"),
    changes("PATCH /tenants/{tenant_id}", "tenant.change", "tenant.read", {"name": "Tenant"}),
    changes("PATCH /tenants/{tenant_id}", "tenant.limit", "tenant.read", {"values_per_second": 9}),
    changes(
        "PATCH /tenants/{tenant_id}", "tenant.limit", "tenant.read", {"values_per_second": None}
    ),
    # Both at once takes both rights, which only administrators have.
    changes(
        "PATCH /tenants/{tenant_id}",
        "platform.run",
        "tenant.read",
        {"values_per_second": 9, "name": "Tenant"},
    ),
    changes(
        "PATCH /tenants/{tenant_id}",
        "platform.run",
        "tenant.read",
        {"park_id": None},
        mend=HOME_BACK,
    ),
    sees("GET /tenants/{tenant_id}/history", "tenant.read"),
    Sample(
        "POST /users",
        "platform.run",
        body={"email": "{new}@example.org", "name": "New"},
        status=201,
    ),
    lists("GET /users", "user.read", "email={email}"),
    sees("GET /users/{user_id}", "user.read"),
    changes(
        "POST /users/{user_id}/memberships",
        "membership.give",
        "user.read",
        GIVE,
        status=201,
        mend=TAKE_BACK,
    ),
    sees("GET /users/{user_id}/memberships", "user.read"),
    changes(
        "DELETE /users/{user_id}/memberships/{membership_id}",
        "membership.give",
        "user.read",
        status=204,
        mend=GIVE_BACK,
    ),
    Sample("GET /me"),
    Sample("POST /tokens", body={"name": "own"}, status=201),
    Sample("POST /tokens", "token.manage", body={"name": "x", "user_id": "{user_id}"}, status=201),
    Sample("GET /tokens"),
    Sample("GET /tokens", "token.manage", query="user_id={user_id}"),
    changes(
        "DELETE /tokens/{token_id}", "token.manage", "token.manage", status=204, mend=TOKEN_BACK
    ),
    changes("POST /models", "model.change", "tenant.read", MAKE_MODEL, status=201, unseen=422),
    Sample("POST /models", "platform.run", body={"id": "new-{new}", "name": "New"}, status=201),
    lists("GET /models", "model.read", "tenant_id={tenant_id}"),
    sees("GET /models/{model_id}", "model.read"),
    changes("PATCH /models/{model_id}", "model.change", "model.read", {"name": "Model"}),
    sees("GET /models/{model_id}/history", "model.read"),
    changes("POST /devices", "device.change", "tenant.read", MAKE_DEVICE, status=201, unseen=422),
    lists("GET /devices", "device.read", "tenant_id={tenant_id}"),
    sees("GET /devices/{device_id}", "device.read"),
    changes("PATCH /devices/{device_id}", "device.change", "device.read", {"name": "Device"}),
    changes(
        "PATCH /devices/{device_id}", "device.change", "device.read", {"values_per_second": 9}
    ),
    changes(
        "POST /devices/{device_id}/retire", "device.change", "device.read", mend=SERVE_AGAIN
    ),
    sees("GET /devices/{device_id}/history", "device.read"),
    changes("GET /devices/{device_id}/secrets", "device.secret", "device.read"),
    changes("POST /devices/{device_id}/secrets", "device.secret", "device.read", {}, status=201),
    changes(
        "DELETE /devices/{device_id}/secrets/{secret_id}",
        "device.secret",
        "device.read",
        status=204,
        mend=SECRETS_BACK,
    ),
    sees("GET /devices/{device_id}/latest", "device.read"),
    sees("GET /devices/{device_id}/readings", "device.read", "metric=power"),
    sees("GET /devices/{device_id}/states", "device.read", "metric=mode"),
    sees("GET /devices/{device_id}/rejections", "device.read"),
    changes(
        "POST /devices/{device_id}/rejections/replay", "device.change", "device.read", {}
    ),
    changes(
        "POST /devices/{device_id}/commands",
        "device.command",
        "device.read",
        {"name": "stop"},
        status=201,
        mend="DELETE FROM commands WHERE name = 'stop'",
    ),
    sees("GET /devices/{device_id}/commands", "device.read"),
    sees("GET /devices/{device_id}/commands/{command_id}", "device.read"),
    lists("GET /rejections", "device.read", "tenant_id={tenant_id}&" + RANGE),
    lists("GET /rejections/summary", "device.read", "tenant_id={tenant_id}&" + RANGE),
    lists("GET /latest", "device.read", "device_id={device_id}"),
    lists("GET /latest", "device.read", "lab_id={lab_id}&tenant_id={tenant_id}"),
    sees("GET /history", "device.read", "device_id={device_id}&metric=power&" + RANGE),
    sees("GET /live", "device.read", "device_id={device_id}&seconds=0"),
    lists("GET /history", "device.read", "tenant_id={tenant_id}&metric=power&" + RANGE),
    lists("GET /exports", "device.read", "tenant_id={tenant_id}"),
    sees("GET /exports/readings", "device.read", "id={device_id}"),
    sees("GET /exports/states", "device.read", "id={device_id}"),
    changes("GET /tenants/{tenant_id}/archive", "tenant.archive", "tenant.read"),
    # Those who may are told that this is neither an archive nor a table.
    changes("POST /tenants/{tenant_id}/archive", "tenant.archive", "tenant.read", {}, status=422),
    changes("POST /tenants/{tenant_id}/history", "tenant.archive", "tenant.read", {}, status=422),
    # Each row of the file is refused by itself.
    Sample("POST /imports", "device.change", "device.change", MAKE_DEVICE, unseen=200),
    lists("GET /audit", "audit.read", "kind=device&tenant_id={tenant_id}"),
]  # fmt: skip
# What takes the secret of a device, or a key for many, and no token of a person.
DEVICES_OWN = {"POST /devices/{device_id}/telemetry", "POST /provision"}
