"""The rejections of one device, of many, and their summary."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cli.api import ApiError
from tests.integration.registry.conftest import RunningRegistry, World, reject

START = datetime(2026, 3, 1, tzinfo=UTC)


def test_rejections_come_newest_first_and_in_pages(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    for n in range(10):
        at = START + timedelta(seconds=n // 2)
        reject(connection, at, topic=f"t{n}", detail=str(n), payload=b"\xff\0")
    rows = list(registry.admin.items("devices/sunny-1/rejections", limit=3))
    assert [int(row["detail"]) for row in rows] == list(range(9, -1, -1))
    assert (rows[0]["payload"], rows[0]["encoding"]) == ("/wA=", "base64")
    bounds = {"from": (START + timedelta(seconds=2)).isoformat()}
    bounds["to"] = (START + timedelta(seconds=4)).isoformat()
    for where in ("devices/sunny-1/rejections", "rejections"):
        some = registry.admin.items(where, limit=1, **bounds)
        assert [int(row["detail"]) for row in some] == [7, 6, 5, 4]


def test_a_rejection_tells_what_it_is_and_whether_it_can_be_replayed(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    reject(connection, START, reason="bad-time", payload=b"{}", content_type="application/json")
    reject(connection, START + timedelta(seconds=1), payload=b"x" * 1024, size=70_000)
    reject(connection, START + timedelta(seconds=2), topic="devices/sunny-1/status")
    status, cut, whole = registry.admin.items("devices/sunny-1/rejections")
    assert whole == {
        "id": whole["id"],
        "ts": "2026-03-01T00:00:00Z",
        "device_id": "sunny-1",
        "topic": "devices/sunny-1/telemetry",
        "reason": "bad-time",
        "detail": "that is why",
        "content_type": "application/json",
        "payload": "{}",
        "encoding": "utf-8",
        "size": 2,
        "replayable": True,
        "replayed_at": None,
    }
    assert (cut["replayable"], cut["size"]) == (False, 70_000)
    assert status["replayable"] is False


def test_of_a_long_payload_the_beginning_is_shown_and_half_a_letter_is_not(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    reject(connection, START, payload=("x" + "µ" * 20_000).encode())
    [row] = registry.admin.items("devices/sunny-1/rejections")
    assert (row["payload"], row["encoding"]) == ("x" + "µ" * 511, "utf-8")
    assert (row["size"], row["replayable"]) == (40_001, True)


def test_rejections_are_chosen_by_reason_and_by_state(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    reject(connection, START, reason="quota")
    reject(connection, START, reason="bad-time")
    reject(connection, START + timedelta(seconds=1), reason="quota", replayed_at=datetime.now(UTC))

    def found(**filters: str) -> list[tuple[str, bool]]:
        since = {"from": START.isoformat()}
        one = list(registry.admin.items("devices/sunny-1/rejections", **filters))
        many = list(registry.admin.items("rejections", **since, **filters))
        assert one == many
        return [(row["reason"], row["replayed_at"] is not None) for row in one]

    assert found() == [("quota", True), ("bad-time", False), ("quota", False)]
    assert found(reason="quota") == [("quota", True), ("quota", False)]
    assert found(state="open") == [("bad-time", False), ("quota", False)]
    assert found(state="replayed", reason="quota") == [("quota", True)]
    assert found(state="replayed", reason="bad-time") == []


def test_a_list_of_many_shows_only_devices_that_one_may_see(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    now = datetime.now(UTC)
    for device in ("sunny-1", "guest-1", "other-1", "unknown"):
        reject(connection, now, device=device, reason="unknown-device")
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
        person = registry.as_(world.tokens[name])
        assert {row["device_id"] for row in person.items("rejections")} == devices, name
        counted = person.get("rejections/summary")["items"]
        assert sum(item["count"] for item in counted) == len(devices), name
        if name != "stranger":
            assert list(person.items("rejections", tenant_id="other")) == []
    everything = registry.admin.items("rejections")
    assert {row["device_id"] for row in everything} == {"sunny-1", "guest-1", "other-1", "unknown"}
    for filters, expected_devices in [
        ({"tenant_id": "guest"}, {"guest-1"}),
        ({"park_id": "porto"}, {"sunny-1", "guest-1"}),
        ({"park_id": "porto", "tenant_id": "other"}, set()),
        ({"tenant_id": "not-there"}, set()),
    ]:
        seen = registry.admin.items("rejections", **filters)
        assert {row["device_id"] for row in seen} == expected_devices, filters


def test_a_summary_counts_by_reason_and_names_the_worst_devices(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for n in range(3):
        reject(connection, now - timedelta(hours=n), reason="quota")
    reject(connection, now, device="guest-1", reason="quota", replayed_at=now)
    reject(connection, now, device="guest-1", reason="bad-time")
    reject(connection, now - timedelta(days=8), reason="too-old")
    summary = registry.admin.get("rejections/summary")
    newest = now.isoformat().replace("+00:00", "Z")
    assert summary["items"] == [
        {
            "reason": "quota",
            "count": 4,
            "open": 3,
            "devices": 2,
            "newest": newest,
            "most": [{"device_id": "sunny-1", "count": 3}, {"device_id": "guest-1", "count": 1}],
        },
        {
            "reason": "bad-time",
            "count": 1,
            "open": 1,
            "devices": 1,
            "newest": newest,
            "most": [{"device_id": "guest-1", "count": 1}],
        },
    ]
    bounds = {"from": "2000-01-01T00:00:00Z", "to": (now - timedelta(days=7)).isoformat()}
    past = registry.admin.get("rejections/summary", tenant_id="sunny", **bounds)
    assert [(item["reason"], item["count"]) for item in past["items"]] == [("too-old", 1)]
    assert past["from"] == "2000-01-01T00:00:00Z"


def test_a_summary_names_at_most_five_devices(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    for n in range(7):
        reject(connection, datetime.now(UTC), device=f"unknown-{n}")
    [item] = registry.admin.get("rejections/summary")["items"]
    assert item["devices"] == 7
    assert [one["device_id"] for one in item["most"]] == [f"unknown-{n}" for n in range(5)]


@pytest.mark.parametrize("path", ["devices/sunny-1/rejections", "rejections", "rejections/summary"])
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "to: this end is before"),
        ({"from": "yesterday"}, "from: "),
        ({"from": "2026-03-01T00:00:00"}, "from: .*offset"),
        ({"to": "0001-01-01T00:00:00Z"}, "to: .*1970"),
        ({"resaon": "quota"}, "resaon: there is no such parameter"),
    ],
)
def test_a_question_that_cannot_be_is_refused_by_name(
    registry: RunningRegistry, world: World, path: str, parameters: dict[str, str], words: str
) -> None:
    with pytest.raises(ApiError, match=words) as refused:
        registry.admin.get(path, **parameters)
    assert refused.value.status == 422


def test_a_reason_that_is_none_is_refused_with_those_there_are(
    registry: RunningRegistry, world: World
) -> None:
    for path in ("devices/sunny-1/rejections", "rejections"):
        with pytest.raises(ApiError, match=r"reason: .*'clock-ahead'.*'quota'") as refused:
            registry.admin.get(path, reason="bad-luck")
        assert refused.value.status == 422
        with pytest.raises(ApiError, match=r"state: .*'open' or 'replayed'"):
            registry.admin.get(path, state="closed")
