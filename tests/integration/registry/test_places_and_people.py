"""Parks, labs, tenants, models, users, memberships and tokens."""

import psycopg
import pytest

from cli.api import ApiError
from tests.integration.registry.conftest import RunningRegistry, World

PARK = {"id": "goa", "name": "Goa", "time_zone": "Asia/Kolkata", "latitude": 15.5}


def test_a_park_is_created_shown_and_changed(registry: RunningRegistry) -> None:
    created = registry.admin.post("parks", PARK)
    more = {"longitude": None, "language": "en", "created_at": created["created_at"]}
    assert created == {**PARK, **more}
    changed = registry.admin.patch("parks/goa", {"latitude": None, "longitude": 73.8})
    assert changed == {**created, "latitude": None, "longitude": 73.8}
    assert registry.admin.get("parks/goa") == changed


def test_an_empty_change_changes_nothing(registry: RunningRegistry) -> None:
    created = registry.admin.post("parks", PARK)
    assert registry.admin.patch("parks/goa", {}) == created


def test_an_id_that_is_taken_is_a_conflict_that_names_it(registry: RunningRegistry) -> None:
    registry.admin.post("parks", PARK)
    with pytest.raises(ApiError) as refused:
        registry.admin.post("parks", PARK)
    assert refused.value.status == 409
    assert refused.value.errors == [
        {"pointer": "#/id", "detail": "this id is taken: choose another"}
    ]


def test_grafana_speaks_english_to_a_park_and_a_tenant_until_they_choose(
    registry: RunningRegistry,
) -> None:
    tenant = {"id": "sunny", "name": "Sunny", "kind": "startup"}
    for kind, new in (("parks", PARK), ("tenants", tenant)):
        assert registry.admin.post(kind, new)["language"] == "en"
        thing = f"{kind}/{new['id']}"
        assert registry.admin.patch(thing, {"language": "id"})["language"] == "id"
        assert registry.admin.get(thing)["language"] == "id"
        for wrong in ("fr", None):
            with pytest.raises(ApiError) as refused:
                registry.admin.patch(thing, {"language": wrong})
            assert [each["pointer"] for each in refused.value.errors] == ["#/language"]
        other = {**new, "id": f"{new['id']}-2", "language": "id"}
        assert registry.admin.post(kind, other)["language"] == "id"


def test_a_time_zone_must_be_one(registry: RunningRegistry) -> None:
    for zone in ("Mars/Olympus", "", "localtime", "EST+3", "../etc/passwd", "europe/lisbon", "\0"):
        with pytest.raises(ApiError, match="time_zone: give an IANA time zone"):
            registry.admin.post("parks", {**PARK, "time_zone": zone})


def test_a_lab_needs_a_park_that_is_there(registry: RunningRegistry, world: World) -> None:
    with pytest.raises(ApiError, match="park_id: there is no such park"):
        registry.admin.post("labs", {"id": "x-lab", "park_id": "nowhere", "name": "x"})
    lab = registry.admin.post("labs", {"id": "x-lab", "park_id": "pune", "name": "x"})
    assert lab["kind"] == "lab"
    assert registry.admin.patch("labs/x-lab", {"kind": "testbed"})["kind"] == "testbed"
    assert [lab["id"] for lab in registry.admin.items("labs", park_id="pune")] == [
        "pune-lab",
        "x-lab",
    ]


def test_a_tenant_without_a_home_park_is_virtual(registry: RunningRegistry, world: World) -> None:
    tenant = {"id": "cloud", "name": "Cloud", "kind": "community"}
    assert registry.admin.post("tenants", tenant)["park_id"] is None
    with pytest.raises(ApiError, match="park_id: there is no such park"):
        registry.admin.patch("tenants/cloud", {"park_id": "nowhere"})
    assert registry.admin.patch("tenants/cloud", {"park_id": "pune"})["park_id"] == "pune"


def test_a_tenant_has_a_quota_until_it_is_taken_away(
    registry: RunningRegistry, world: World
) -> None:
    tenant = {"id": "cloud", "name": "Cloud", "kind": "community", "values_per_second": 0.5}
    assert registry.admin.post("tenants", tenant)["values_per_second"] == 0.5
    registry.admin.patch("tenants/cloud", {"name": "Clouds"})
    assert registry.admin.get("tenants/cloud")["values_per_second"] == 0.5
    registry.admin.patch("tenants/cloud", {"values_per_second": None})
    assert registry.admin.get("tenants/cloud")["values_per_second"] is None
    assert registry.admin.get("tenants/sunny")["values_per_second"] is None


@pytest.mark.parametrize("quota", [-1, 0, "many", "NaN", "Infinity"])
def test_a_quota_that_cannot_be_is_refused_by_name(
    registry: RunningRegistry, world: World, quota: object
) -> None:
    for path in ("tenants/sunny", "devices/sunny-1"):
        with pytest.raises(ApiError, match="values_per_second: give") as refused:
            registry.admin.patch(path, {"values_per_second": quota})
        assert refused.value.status == 422
        assert registry.admin.get(path)["values_per_second"] is None


def test_the_quota_of_a_virtual_tenant_is_for_administrators(
    registry: RunningRegistry, world: World
) -> None:
    for name, status in [("manager", 404), ("stranger", 404)]:
        with pytest.raises(ApiError) as refused:
            registry.as_(world.tokens[name]).patch("tenants/guest", {"values_per_second": 5})
        assert refused.value.status == status, name
    changed = registry.admin.patch("tenants/guest", {"values_per_second": 5})
    assert changed["values_per_second"] == 5


def test_a_model_has_its_metrics(registry: RunningRegistry, world: World) -> None:
    metrics = [
        {
            "metric": "power",
            "kind": "number",
            "unit": "kW",
            "minimum": 0.0,
            "maximum": 12.0,
            "out_of_range": "reject",
            "expected_interval_seconds": 10.0,
        },
        {
            "metric": "running",
            "kind": "boolean",
            "unit": None,
            "minimum": None,
            "maximum": None,
            "out_of_range": "flag",
            "expected_interval_seconds": None,
        },
    ]
    body = {"id": "pv", "tenant_id": "sunny", "name": "PV", "metrics": metrics}
    created = registry.admin.post("models", body)
    assert created["metrics"] == metrics
    assert registry.admin.get("models/pv") == created
    changed = registry.admin.patch("models/pv", {"metrics": [{"metric": "voltage"}]})
    assert [metric["metric"] for metric in changed["metrics"]] == ["voltage"]
    assert changed["metrics"][0]["kind"] == "number"
    assert changed["metrics"][0]["out_of_range"] == "flag"
    strict = {"metric": "voltage", "maximum": 1000, "out_of_range": "reject"}
    registry.admin.patch("models/pv", {"metrics": [strict]})
    assert registry.admin.get("models/pv")["metrics"][0]["out_of_range"] == "reject"


@pytest.mark.parametrize(
    "metrics",
    [
        [{"metric": "a"}, {"metric": "a"}],
        [{"metric": "a", "minimum": 2, "maximum": 1}],
        [{"metric": "no blanks"}],
        [{"metric": "a", "minimum": "NaN"}],
        [{"metric": "a", "kind": "colour"}],
        [{"metric": "a", "unit": ""}],
        [{"metric": "a", "minimum": 1, "out_of_range": "ignore"}],
        [{"metric": "a", "minimum": 1, "out_of_range": None}],
        [{"metric": "a", "out_of_range": "reject"}],
        [{"metric": "a", "kind": "boolean", "minimum": 0, "out_of_range": "reject"}],
    ],
)
def test_a_metric_that_cannot_be_is_refused(
    registry: RunningRegistry, metrics: list[dict[str, object]]
) -> None:
    with pytest.raises(ApiError, match="metrics") as refused:
        registry.admin.post("models", {"id": "pv", "name": "PV", "metrics": metrics})
    assert refused.value.status == 422


def test_a_user_is_found_by_e_mail_whatever_its_letters(registry: RunningRegistry) -> None:
    user = registry.admin.post("users", {"email": "Maria@Example.org", "name": "Maria"})
    assert list(registry.admin.items("users", email="maria@example.ORG")) == [user]
    with pytest.raises(ApiError, match="email: there is a user with this e-mail") as refused:
        registry.admin.post("users", {"email": "maria@example.org", "name": "Other"})
    assert refused.value.status == 409


def test_an_owner_sees_and_manages_the_people_of_the_tenant(
    registry: RunningRegistry, world: World
) -> None:
    owner = registry.as_(world.tokens["owner"])
    assert {user["name"] for user in owner.items("users")} == {
        "owner",
        "member",
        "mentor",
        "viewer",
    }
    path = f"users/{world.ids['viewer']}/memberships"
    given = owner.post(path, {"role": "tenant-member", "tenant_id": "sunny"})
    registry.as_(world.tokens["viewer"]).patch("devices/sunny-1", {"name": "by the viewer"})
    owner.delete(f"{path}/{given['id']}")
    with pytest.raises(ApiError) as refused:
        registry.as_(world.tokens["viewer"]).patch("devices/sunny-1", {"name": "once more"})
    assert refused.value.status == 403
    with pytest.raises(ApiError) as refused:
        owner.post(path, {"role": "tenant-owner", "tenant_id": "other"})
    assert refused.value.status == 403


def test_nobody_makes_himself_an_owner(registry: RunningRegistry, world: World) -> None:
    for name in ("member", "viewer", "mentor", "manager", "nobody"):
        for body in (
            {"role": "tenant-owner", "tenant_id": "sunny"},
            {"role": "platform-admin"},
            {"role": "park-manager", "park_id": "porto"},
        ):
            with pytest.raises(ApiError) as refused:
                registry.as_(world.tokens[name]).post(f"users/{world.ids[name]}/memberships", body)
            assert refused.value.status == 403


@pytest.mark.parametrize(
    "body",
    [
        {"role": "platform-admin", "tenant_id": "sunny"},
        {"role": "park-manager"},
        {"role": "tenant-owner", "tenant_id": "sunny", "park_id": "porto"},
        {"role": "viewer"},
        {"role": "king"},
        {"role": "mentor", "tenant_id": "sunny", "until": "tomorrow"},
    ],
)
def test_a_role_needs_its_place(
    registry: RunningRegistry, world: World, body: dict[str, str]
) -> None:
    with pytest.raises(ApiError) as refused:
        registry.admin.post(f"users/{world.ids['nobody']}/memberships", body)
    assert refused.value.status == 422


def test_the_same_role_twice_is_a_conflict(registry: RunningRegistry, world: World) -> None:
    body = {"role": "mentor", "tenant_id": "sunny"}
    with pytest.raises(ApiError, match="the user has this role already") as refused:
        registry.admin.post(f"users/{world.ids['mentor']}/memberships", body)
    assert refused.value.status == 409


def test_me_shows_the_roles_that_count_today(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO memberships (user_id, role, tenant_id, until) "
        "VALUES (%s, 'mentor', 'guest', '2020-01-01')",
        [world.ids["owner"]],
    )
    me = registry.as_(world.tokens["owner"]).get("me")
    assert me == {
        "id": world.ids["owner"],
        "email": "owner@example.org",
        "name": "owner",
        "memberships": [
            {"role": "tenant-owner", "park_id": None, "tenant_id": "sunny", "until": None}
        ],
    }


def test_a_token_is_shown_once_and_works_until_it_is_revoked(
    registry: RunningRegistry, world: World
) -> None:
    owner = registry.as_(world.tokens["owner"])
    issued = owner.post("tokens", {"name": "notebook"})
    assert registry.as_(issued["token"]).get("me")["name"] == "owner"
    assert issued["token"] not in str(owner.get("tokens"))
    assert "notebook" in {token["name"] for token in owner.items("tokens")}
    owner.delete(f"tokens/{issued['id']}")
    with pytest.raises(ApiError, match="revoked") as refused:
        registry.as_(issued["token"]).get("me")
    assert refused.value.status == 401
    with pytest.raises(ApiError) as refused:
        owner.delete(f"tokens/{issued['id']}")
    assert refused.value.status == 404


def test_only_an_administrator_has_others_tokens_to_manage(
    registry: RunningRegistry, world: World
) -> None:
    member = registry.admin.post("tokens", {"name": "x", "user_id": world.ids["member"]})
    assert registry.as_(member["token"]).get("me")["name"] == "member"
    owner = registry.as_(world.tokens["owner"])
    with pytest.raises(ApiError) as refused:
        owner.post("tokens", {"name": "x", "user_id": world.ids["member"]})
    assert refused.value.status == 403
    with pytest.raises(ApiError) as refused:
        owner.get("tokens", user_id=world.ids["member"])
    assert refused.value.status == 403
    with pytest.raises(ApiError) as refused:
        owner.delete(f"tokens/{member['id']}")
    assert refused.value.status == 404
    with pytest.raises(ApiError, match="user_id: there is no such user"):
        registry.admin.post("tokens", {"name": "x", "user_id": 10**6})


def test_the_use_of_a_token_is_noted_at_most_once_a_minute(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    def last_used() -> object:
        row = connection.execute(
            "SELECT last_used_at FROM tokens WHERE user_id = %s", [world.ids["owner"]]
        ).fetchone()
        return row and row[0]

    owner = registry.as_(world.tokens["owner"])
    assert last_used() is None
    owner.get("me")
    first = last_used()
    assert first is not None
    owner.get("me")
    assert last_used() == first
    connection.execute("UPDATE tokens SET last_used_at = now() - INTERVAL '61 seconds'")
    owner.get("me")
    assert last_used() != first
