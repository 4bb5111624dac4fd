import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from cli.api import ApiError
from storage.credentials import MAX_VALID_SECRETS
from tests.integration.registry.conftest import RunningRegistry, World


def test_a_device_is_created_shown_and_changed(registry: RunningRegistry, world: World) -> None:
    body = {
        "id": "roof-1",
        "tenant_id": "sunny",
        "name": "Roof 1",
        "model_id": "common",
        "lab_id": "porto-lab",
        "stage": "pilot",
        "tags": ["roof", "süd"],
        "metadata": {"serial": "SN-1", "place": {"row": 3}},
        "values_per_second": 2.5,
    }
    created = registry.admin.post("devices", body)
    assert {name: created[name] for name in body} == body
    assert created.pop("secret").startswith("tpd_")
    assert registry.admin.get("devices/roof-1") == created
    changed = registry.admin.patch(
        "devices/roof-1", {"stage": "production", "lab_id": None, "metadata": {"a": [1, None]}}
    )
    assert (changed["stage"], changed["lab_id"], changed["metadata"]) == (
        "production",
        None,
        {"a": [1, None]},
    )
    assert (changed["name"], changed["tags"]) == ("Roof 1", ["roof", "süd"])
    assert changed["values_per_second"] == 2.5
    unlimited = registry.admin.patch("devices/roof-1", {"values_per_second": None})
    assert unlimited["values_per_second"] is None
    assert changed["changed_at"] > created["changed_at"]


def test_the_secret_is_stored_only_hashed(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    secret = registry.admin.post("devices", {"tenant_id": "sunny", "name": "Roof"})["secret"]
    row = connection.execute("SELECT string_agg(device_secrets::text, '') FROM device_secrets")
    assert secret[4:] not in str(row.fetchone())


def test_an_id_is_made_of_tenant_and_name(registry: RunningRegistry, world: World) -> None:
    def made(name: str) -> str:
        return str(registry.admin.post("devices", {"tenant_id": "sunny", "name": name})["id"])

    assert made("Rôof  №1 / süd") == "sunny-roof-no1-sud"
    again = made("Roof No1 sud")
    third = made("Roof No1 sud")
    assert len({again, third, "sunny-roof-no1-sud"}) == 3 or again == "sunny-roof-no1-sud"
    assert made("温度").startswith("sunny-")
    assert len(made("x" * 200)) <= 63


def test_devices_of_one_name_made_at_once_get_ids_of_their_own(
    registry: RunningRegistry, world: World
) -> None:
    admin = registry.admin
    with ThreadPoolExecutor(4) as pool:
        devices = list(
            pool.map(
                lambda _: admin.post("devices", {"tenant_id": "sunny", "name": "Roof"}), range(12)
            )
        )
    assert len({device["id"] for device in devices}) == 12


def test_a_chosen_id_that_is_taken_anywhere_is_a_conflict(
    registry: RunningRegistry, world: World
) -> None:
    with pytest.raises(ApiError, match="this device id is taken") as refused:
        registry.as_(world.tokens["owner"]).post(
            "devices", {"id": "other-1", "tenant_id": "sunny", "name": "x"}
        )
    assert refused.value.status == 409
    assert registry.admin.get("devices/other-1")["tenant_id"] == "other"


def deep(levels: int) -> object:
    return {"a": deep(levels - 1)} if levels else 1


IMPOSSIBLE = [
    ("id", "Upper"), ("id", "ab"), ("id", "-ab"), ("id", "a" * 64), ("id", "a\nc"),
    ("id", "a/b"), ("id", "abc+"), ("name", ""), ("name", "   "), ("name", "x" * 201),
    ("name", "a\0b"), ("name", "\ud800"), ("name", 5), ("tenant_id", None),
    ("stage", "retired"), ("stage", "old"), ("tags", ["a", "a"]), ("tags", [""]),
    ("tags", ["x"] * 33), ("tags", "roof"), ("metadata", []), ("metadata", {"a": "\0"}),
    ("metadata", {"a": "\ud800"}), ("metadata", {"a": "x" * 17_000}), ("metadata", deep(20)),
    ("secret", "tpd_mine"), ("lab_id", "nowhere"), ("model_id", "nowhere"),
]  # fmt: skip


def test_a_field_that_cannot_be_is_refused_by_name(registry: RunningRegistry, world: World) -> None:
    for field, value in IMPOSSIBLE:
        body = {"id": "roof-1", "tenant_id": "sunny", "name": "x", field: value}
        response = registry.request(
            "POST",
            "/api/v1/devices",
            registry.admin_token,
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        assert response.status_code == 422, (field, value)
        assert response.json()["errors"][0]["pointer"].startswith(f"#/{field}"), (field, value)
        assert "tpd_mine" not in response.text


def test_what_must_be_there_cannot_be_changed_to_null(
    registry: RunningRegistry, world: World
) -> None:
    for field in ("name", "stage", "tags", "metadata"):
        with pytest.raises(ApiError, match=field) as refused:
            registry.admin.patch("devices/sunny-1", {field: None})
        assert refused.value.status == 422


def test_what_cannot_be_changed_is_refused(registry: RunningRegistry, world: World) -> None:
    for field in ("id", "tenant_id", "attributes", "retired_at"):
        with pytest.raises(ApiError, match=f"{field}: there is no such field"):
            registry.admin.patch("devices/sunny-1", {field: "x"})


def test_filters_narrow_the_list(registry: RunningRegistry, world: World) -> None:
    admin = registry.admin
    admin.patch("devices/sunny-1", {"tags": ["roof"], "stage": "pilot", "model_id": "common"})
    admin.patch("devices/other-1", {"name": "100% Ünder_score"})
    for filters, expected in [
        ({"tenant_id": "sunny"}, ["sunny-1"]),
        ({"park_id": "porto"}, ["guest-1", "sunny-1"]),
        ({"lab_id": "pune-lab"}, ["other-1"]),
        ({"model_id": "common"}, ["sunny-1"]),
        ({"stage": "pilot"}, ["sunny-1"]),
        ({"tag": "roof"}, ["sunny-1"]),
        ({"q": "UNNY"}, ["sunny-1"]),
        ({"q": "ünder_"}, ["other-1"]),
        ({"q": "%"}, ["other-1"]),
        ({"tenant_id": "sunny", "tag": "none"}, []),
    ]:
        assert [device["id"] for device in admin.items("devices", **filters)] == expected, filters


def test_a_filter_that_is_not_known_is_refused(registry: RunningRegistry) -> None:
    with pytest.raises(ApiError, match="tennant_id: there is no such parameter"):
        registry.admin.get("devices", tennant_id="sunny")


def test_a_retired_device_keeps_its_place_and_loses_its_secrets(
    registry: RunningRegistry, world: World
) -> None:
    secret = registry.admin.post("devices/sunny-1/secrets")
    retired = registry.admin.post("devices/sunny-1/retire")
    assert retired["stage"] == "retired"
    assert retired["retired_at"]
    assert registry.admin.post("devices/sunny-1/retire") == retired
    [known] = registry.admin.items("devices/sunny-1/secrets")
    assert known["id"] == secret["id"]
    assert known["revoked_at"]
    with pytest.raises(ApiError, match="retired") as refused:
        registry.admin.post("devices/sunny-1/secrets")
    assert refused.value.status == 409
    with pytest.raises(ApiError, match="retired") as refused:
        registry.admin.patch("devices/sunny-1", {"stage": "pilot"})
    assert refused.value.status == 409
    assert registry.admin.patch("devices/sunny-1", {"name": "Museum"})["name"] == "Museum"


def test_secrets_are_listed_without_themselves(registry: RunningRegistry, world: World) -> None:
    first = registry.admin.post("devices/sunny-1/secrets")
    second = registry.admin.post("devices/sunny-1/secrets", {"overlap_seconds": 3600})
    text = registry.request("GET", "/api/v1/devices/sunny-1/secrets", registry.admin_token).text
    assert first["secret"] not in text
    assert "hash" not in text
    older, newer = registry.admin.items("devices/sunny-1/secrets")
    assert older["expires_at"] > second["created_at"]
    assert newer["expires_at"] is None


def test_a_later_rotation_does_not_lengthen_an_earlier_overlap(
    registry: RunningRegistry, world: World
) -> None:
    registry.admin.post("devices/sunny-1/secrets")
    registry.admin.post("devices/sunny-1/secrets", {"overlap_seconds": 60})
    before = next(registry.admin.items("devices/sunny-1/secrets"))["expires_at"]
    registry.admin.post("devices/sunny-1/secrets", {"overlap_seconds": 3600})
    assert next(registry.admin.items("devices/sunny-1/secrets"))["expires_at"] == before


def test_a_device_has_only_so_many_valid_secrets(registry: RunningRegistry, world: World) -> None:
    for _ in range(MAX_VALID_SECRETS):
        registry.admin.post("devices/sunny-1/secrets", {"overlap_seconds": 60})
    with pytest.raises(ApiError, match="revoke one") as refused:
        registry.admin.post("devices/sunny-1/secrets", {"overlap_seconds": 60})
    assert refused.value.status == 409
    # The refusal changed nothing, and without an overlap there is room.
    assert registry.admin.post("devices/sunny-1/secrets")["secret"]


def test_an_overlap_that_cannot_be_is_refused(registry: RunningRegistry, world: World) -> None:
    for overlap in (-1, 10**9, "soon", None, 1.5):
        with pytest.raises(ApiError, match="overlap_seconds"):
            registry.admin.post("devices/sunny-1/secrets", {"overlap_seconds": overlap})


def test_a_secret_of_another_device_is_not_revoked(registry: RunningRegistry, world: World) -> None:
    secret = registry.admin.post("devices/other-1/secrets")
    with pytest.raises(ApiError) as refused:
        registry.as_(world.tokens["owner"]).delete(f"devices/sunny-1/secrets/{secret['id']}")
    assert refused.value.status == 404
    [known] = registry.admin.items("devices/other-1/secrets")
    assert known["revoked_at"] is None
