from typing import Any

import psycopg
import pytest

from tests.integration.registry.conftest import RunningRegistry, World

DEVICES: dict[str, dict[str, Any]] = {
    "kr-1": {"name": "서울 옥상 태양광"},
    "id-1": {"name": "Atap Bandung", "tags": ["suhu-udara"]},
    "ar-1": {"name": "مستشعر السطح"},
    "sun-1": {"name": "Roof ☀️ 🌧", "metadata": {"serial": "SN-0042", "place": {"floor": ["attic"]}}},
    "odd-1": {"name": "it's 100% \\ under_score"},
}


@pytest.fixture
def found(registry: RunningRegistry, world: World) -> RunningRegistry:
    """The API with devices whose names are in many scripts."""
    for device_id, more in DEVICES.items():
        registry.admin.post("devices", {"id": device_id, "tenant_id": "sunny", **more})
    return registry


def ids(registry: RunningRegistry, q: str, **more: int) -> list[str]:
    return [device["id"] for device in registry.admin.items("devices", q=q, **more)]


FOUND = [
    ("서울", ["kr-1"]),
    ("태양광", ["kr-1"]),
    ("옥", ["kr-1"]),
    ("BANDUNG", ["id-1"]),
    ("ndun", ["id-1"]),
    ("ban", ["id-1"]),
    ("bandung atap", ["id-1"]),
    ("bandung roof", []),
    ("suhu", ["id-1"]),
    ("udara", ["id-1"]),
    ("السطح", ["ar-1"]),
    ("سط", []),
    ("☀️", ["sun-1"]),
    ("🌧", ["sun-1"]),
    ("sn-0042", ["sun-1"]),
    ("0042", ["sun-1"]),
    ("attic", ["sun-1"]),
    ("floor", []),
    ("100%", ["odd-1"]),
    ("%", ["odd-1"]),
    ("\\", ["odd-1"]),
    ("it's", ["odd-1"]),
    ("_score", ["odd-1"]),
    ("'", ["odd-1"]),
    ("ＡＴＡＰ", ["id-1"]),
    ("nowhere", []),
]


def test_a_device_is_found_by_what_is_said_of_it(found: RunningRegistry) -> None:
    assert [(q, ids(found, q)) for q, _ in FOUND] == FOUND


def test_a_device_is_found_by_its_models_name_also_after_that_has_changed(
    found: RunningRegistry,
) -> None:
    found.admin.post("models", {"id": "pv", "tenant_id": "sunny", "name": "Inverter"})
    found.admin.patch("devices/kr-1", {"model_id": "pv"})
    assert ids(found, "inverter") == ["kr-1"]
    found.admin.patch("models/pv", {"name": "Wechselrichter"})
    assert ids(found, "inverter") == []
    assert ids(found, "wechselrichter") == ["kr-1"]


def test_a_device_is_found_by_its_new_name_and_no_more_by_the_old(found: RunningRegistry) -> None:
    found.admin.patch("devices/kr-1", {"name": "Rooftop"})
    assert ids(found, "rooftop") == ["kr-1"]
    assert ids(found, "옥상") == []


def test_pages_of_a_search_have_every_device_once(found: RunningRegistry) -> None:
    assert ids(found, "1", limit=1) == ids(found, "1") == sorted([*DEVICES, *ONE])


# The devices of the world; each has "1" at the beginning of a word, as the others have.
ONE = ["guest-1", "other-1", "sunny-1"]


def test_tenants_models_and_users_are_found_by_id_and_name(
    registry: RunningRegistry, world: World
) -> None:
    for path, q, expected in (
        ("tenants", "UNN", ["sunny"]),
        ("models", "own", ["other-model", "sunny-model"]),
        ("users", "mentor@example", [world.ids["mentor"]]),
        ("users", "example stranger", [world.ids["stranger"]]),
        ("tenants", "ny", ["sunny"]),
        ("tenants", "zz", []),
    ):
        assert [each["id"] for each in registry.admin.items(path, q=q)] == expected, q


def test_a_device_that_a_park_sees_twice_is_on_its_page_once(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    """It stands in a lab of its tenant's home park, beside many others of that kind."""
    connection.execute(
        "INSERT INTO devices (id, tenant_id, lab_id, name) "
        "SELECT format('d-%s', n), 'sunny', 'porto-lab', 'x' FROM generate_series(10, 40) n"
    )
    manager = registry.as_(world.tokens["manager"])
    seen = [device["id"] for device in manager.items("devices", limit=10)]
    assert seen == sorted({*seen, "guest-1", "sunny-1"})
    assert len(seen) == 33


def test_what_a_park_sees_follows_its_tenants_and_labs(
    registry: RunningRegistry, world: World
) -> None:
    manager = registry.as_(world.tokens["manager"])
    registry.admin.patch("tenants/sunny", {"park_id": None})
    assert [device["id"] for device in manager.items("devices")] == ["guest-1"]
    registry.admin.patch("devices/guest-1", {"lab_id": None})
    assert list(manager.items("devices")) == []
    registry.admin.patch("tenants/guest", {"park_id": "porto"})
    assert [device["id"] for device in manager.items("devices")] == ["guest-1"]


def test_the_newest_values_of_many_devices_are_read_at_once(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        """
        INSERT INTO series (device_id, metric, kind)
        SELECT d, m, 'number' FROM unnest('{sunny-1,guest-1,other-1}'::text[]) d,
            unnest('{power,voltage}'::text[]) m;
        INSERT INTO latest (series_id, ts, value) SELECT id, now(), id FROM series;
        """
    )
    wanted = ["sunny-1", "guest-1", "other-1", "none-1"]
    for limit in (1, 500):
        found = registry.admin.items("latest", device_id=wanted, limit=limit)
        assert [(each["device_id"], each["metric"]) for each in found] == [
            (device, metric)
            for device in ("guest-1", "other-1", "sunny-1")
            for metric in ("power", "voltage")
        ]
    seen = registry.as_(world.tokens["owner"]).items("latest", device_id=wanted)
    assert {each["device_id"] for each in seen} == {"sunny-1"}


def test_many_devices_are_read_at_once_and_foreign_ones_are_left_out(
    registry: RunningRegistry, world: World
) -> None:
    for name, expected in (("admin", ["other-1", "sunny-1"]), ("owner", ["sunny-1"])):
        token = registry.admin_token if name == "admin" else world.tokens[name]
        wanted = registry.as_(token).items("devices", id=["sunny-1", "other-1", "none-1"])
        assert [device["id"] for device in wanted] == expected
