"""Who may do what: one table of actions and roles. Nothing else in the registry decides it.

A role counts where its membership is: that of a platform-admin everywhere, one in a park for what
is at home in the park or stands in its labs, one in a tenant for what is the tenant's.

One rule is the database's: `may_reset` tells who may make a link for another's password. It
compares two people's roles, and is asked again when the link is used, by somebody without any.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from storage.rows import Scope

Role = Literal[
    "platform-admin", "park-manager", "tenant-owner", "tenant-member", "mentor", "viewer"
]
Action = Literal[
    "platform.run",
    "park.read",
    "park.change",
    "lab.read",
    "lab.change",
    "tenant.read",
    "tenant.change",
    "tenant.limit",
    "tenant.sql",
    "tenant.delete",
    "tenant.archive",
    "user.read",
    "membership.give",
    "token.manage",
    "model.read",
    "model.change",
    "device.read",
    "device.change",
    "device.command",
    "device.secret",
    "device.give",
    "device.take",
    "retention.set",
    "provisioning.manage",
    "booking.make",
    "agreement.give",
    "agreement.answer",
    "showcase.manage",
    "alert.manage",
    "audit.read",
]


@dataclass(frozen=True)
class Right:
    """An action in words, to be read after "may", and the roles that allow it."""

    words: str
    roles: frozenset[Role]
    # Whether everybody who is signed in may do it, also without a role.
    everybody: bool = False


ADMINS: frozenset[Role] = frozenset({"platform-admin"})
MANAGERS: frozenset[Role] = ADMINS | {"park-manager"}
OWNERS: frozenset[Role] = ADMINS | {"tenant-owner"}
MAKERS: frozenset[Role] = OWNERS | {"tenant-member"}
READERS: frozenset[Role] = MANAGERS | MAKERS | {"mentor", "viewer"}

RIGHTS: dict[Action, Right] = {
    "platform.run": Right(
        "add parks, tenants and users, delete users, or give a tenant a home park", ADMINS
    ),
    "park.read": Right("see a park", READERS, everybody=True),
    "park.change": Right("change a park", MANAGERS),
    "lab.read": Right("see a lab", READERS, everybody=True),
    "lab.change": Right("add or change a lab", MANAGERS),
    "tenant.read": Right("see a tenant", READERS),
    "tenant.change": Right("change a tenant", OWNERS),
    "tenant.limit": Right("set a tenant's quota", MANAGERS),
    "tenant.sql": Right("give a tenant a password for SQL, or end it", OWNERS),
    "tenant.delete": Right("ask for a tenant to be deleted, or take that back", OWNERS),
    "tenant.archive": Right("take all data of a tenant along, or bring data in", OWNERS),
    "user.read": Right("see the people of a tenant, and their roles in it", OWNERS),
    "membership.give": Right("give or take away a role", OWNERS),
    "token.manage": Right("manage the tokens of others", ADMINS),
    "model.read": Right("see a model", READERS),
    "model.change": Right("add or change a model", MAKERS),
    "device.read": Right("see a device, its readings, rejections and commands", READERS),
    "device.change": Right("add, change or retire a device, or replay its rejections", MAKERS),
    "device.command": Right("send commands to a device while it is the tenant's", MAKERS),
    "device.secret": Right("see when a device's secrets end, issue or revoke them", MAKERS),
    "device.give": Right("offer a device to others, or make a claim code for it", OWNERS),
    "device.take": Right("accept or refuse devices that a tenant is offered", OWNERS),
    "retention.set": Right(
        "set how long data of a tenant, of its models and devices are kept", OWNERS
    ),
    "provisioning.manage": Right("see, make or revoke provisioning keys", MANAGERS | MAKERS),
    "booking.make": Right("book a device of a testbed, or cancel a slot", MANAGERS | MAKERS),
    "agreement.give": Right("offer, change, withdraw or revoke an agreement", OWNERS),
    "agreement.answer": Right("accept or refuse an agreement", MANAGERS | OWNERS),
    "showcase.manage": Right("show a device to everybody, or end that", OWNERS),
    "alert.manage": Right("see or change of what a tenant is alerted, and how", MAKERS),
    "audit.read": Right("read the audit log", MANAGERS | MAKERS),
}
# How a refusal names who may.
PEOPLE: dict[Role, str] = {
    "park-manager": "a park-manager of its park",
    "tenant-owner": "a tenant-owner of its tenant",
    "tenant-member": "a tenant-member of its tenant",
    "mentor": "a mentor of its tenant",
    "viewer": "a viewer of its park or tenant",
    "platform-admin": "a platform-admin",
}


def reach(memberships: Iterable[dict[str, Any]], action: Action) -> Scope:
    """Where the roles allow the action.

    Args:
        memberships: ``role, park_id, tenant_id`` of each; one without a place counts everywhere.
        action: what is to be done.
    """
    right = RIGHTS[action]
    held = [each for each in memberships if each["role"] in right.roles]
    return Scope(
        right.everybody or any(not (each["tenant_id"] or each["park_id"]) for each in held),
        tuple(each["tenant_id"] for each in held if each["tenant_id"]),
        tuple(each["park_id"] for each in held if each["park_id"]),
    )


def refusal(action: Action) -> str:
    """The sentence for somebody who may not."""
    *others, last = [people for role, people in PEOPLE.items() if role in RIGHTS[action].roles]
    who = f"{', '.join(others)} or {last}" if others else last
    return f"only {who} may {RIGHTS[action].words}"
