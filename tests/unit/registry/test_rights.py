"""What follows from the table of rights; who gets what from which route is tried by the matrix."""

from typing import Any, get_args

import pytest

from registry.rights import PEOPLE, RIGHTS, Action, Role, reach, refusal
from storage.rows import Scope

ADMIN = {"role": "platform-admin", "park_id": None, "tenant_id": None}
MANAGER = {"role": "park-manager", "park_id": "porto", "tenant_id": None}
OWNER = {"role": "tenant-owner", "park_id": None, "tenant_id": "sunny"}
MENTOR = {"role": "mentor", "park_id": None, "tenant_id": "other"}


def test_every_action_and_every_role_has_its_words() -> None:
    assert set(RIGHTS) == set(get_args(Action))
    assert set(PEOPLE) == set(get_args(Role))


def test_a_right_reaches_as_far_as_the_memberships_that_give_it() -> None:
    held = [MANAGER, OWNER, MENTOR]
    assert reach(held, "device.read") == Scope(False, ("sunny", "other"), ("porto",))
    assert reach(held, "device.change") == Scope(False, ("sunny",), ())
    assert reach(held, "park.change") == Scope(False, (), ("porto",))
    assert reach(held, "platform.run") == Scope()
    assert reach([ADMIN], "device.secret") == Scope(True)
    assert reach([], "park.read") == Scope(True)


@pytest.mark.parametrize(
    ("thing", "covered"),
    [
        ({"tenant_id": "sunny"}, True),
        ({"tenant_id": "other"}, False),
        ({"tenant_id": None}, False),
        ({"tenant_id": "other", "park_id": "porto"}, True),
        ({"tenant_id": "other", "parks": ["pune", "porto"]}, True),
        ({"tenant_id": "other", "parks": ["pune"], "park_id": None}, False),
        ({}, False),
    ],
)
def test_a_scope_covers_what_is_in_one_of_its_places(thing: dict[str, Any], covered: bool) -> None:
    assert Scope(False, ("sunny",), ("porto",)).covers(thing) is covered


def test_a_refusal_names_everybody_who_may() -> None:
    assert refusal("platform.run").startswith("only a platform-admin may add parks")
    assert refusal("device.change") == (
        "only a tenant-owner of its tenant, a tenant-member of its tenant or a platform-admin may "
        "add, change or retire a device, or replay its rejections"
    )
