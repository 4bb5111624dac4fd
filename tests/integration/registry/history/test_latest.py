"""The newest values of many devices in one request."""

from __future__ import annotations

from typing import Any

import pytest

from cli.api import Api, ApiError
from tests.integration.registry.history.conftest import Site


def keys(api: Api, **query: Any) -> list[tuple[str, str]]:
    """Device and metric of each value, from all pages."""
    return [(row["device_id"], row["metric"]) for row in api.items("latest", **query)]


OWN = [
    ("sunny-1", "door"), ("sunny-1", "mode"), ("sunny-1", "power"), ("sunny-2", "power"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"tenant_id": "sunny"}, OWN),
        ({"park_id": "porto"}, [("guest-1", "power"), *OWN]),
        ({"lab_id": "porto-lab"}, [("guest-1", "power")]),
        ({"tag": "roof"}, OWN),
        ({"model_id": "sunny-model"}, OWN[:3]),
        ({"device_id": ["sunny-2", "other-1"]}, OWN[3:]),
        ({"tenant_id": "sunny", "metric": ["power", "mode"]}, OWN[1:]),
        ({"tenant_id": "other"}, []),
    ],
)
def test_a_manager_reads_all_devices_of_a_choice(
    site: Site, query: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    manager = site.as_("manager")
    assert keys(manager, **query) == expected
    assert keys(manager, **query, limit=1) == expected


def test_everything_in_one_page(site: Site) -> None:
    page = site.registry.admin.get("latest", park_id="porto", limit=10_000)
    assert len(page["items"]) == 5
    assert page["next"] is None
    mode = page["items"][2]
    assert (mode["metric"], mode["value"], mode["kind"], mode["unit"]) == (
        "mode", "eco", "text", None,
    )  # fmt: skip
    assert mode["ts"] == "2026-03-28T00:00:00Z"


def test_who_may_not_see_the_newest_sees_the_newest_that_is_his(site: Site, owner: Api) -> None:
    slot = ["2026-03-29T12:00:00Z", "2026-03-30T12:00:00Z"]
    site.connection.execute(
        "INSERT INTO bookings (device_id, tenant_id, during) "
        "VALUES ('sunny-1', 'other', tstzrange(%s, %s))",
        slot,
    )
    found = {row["metric"]: row["ts"] for row in owner.items("latest", tenant_id="sunny", limit=1)}
    assert found["door"] == "2026-03-28T18:00:00Z"
    stranger = site.as_("stranger")
    times = {row["metric"]: row["ts"] for row in owner.items("latest", device_id=["sunny-1"])}
    assert times["power"] == "2026-03-29T11:59:00Z"
    # Of the door and the mode nothing is in the slot: they are left out of the pages.
    rows = list(stranger.items("latest", device_id=["other-1", "sunny-1"], limit=1))
    assert [(row["metric"], row["ts"]) for row in rows] == [
        ("secret", "2026-03-29T23:59:00Z"),
        ("power", "2026-03-29T23:59:00Z"),
    ]
    site.connection.execute("DELETE FROM bookings")


def test_a_choice_is_needed(owner: Api) -> None:
    with pytest.raises(ApiError, match="name a device, or a tenant, park, lab, model or tag"):
        owner.get("latest")
