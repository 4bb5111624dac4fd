"""Telemetry over HTTP, and what of it can be read."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from paho.mqtt.client import MQTTMessage

from cli.api import ApiError
from registry.mosquitto.publisher import MAX_PAYLOAD
from tests.integration.registry.conftest import RunningRegistry, World
from tests.parts import USERS, RunningBroker, RunningIngest, wait_until

START = datetime(2026, 3, 1, tzinfo=UTC)
LAST = START + timedelta(minutes=2999)


def secret_of(registry: RunningRegistry) -> str:
    return str(registry.admin.post("devices/sunny-1/secrets")["secret"])


def send(
    registry: RunningRegistry, secret: str | None, payload: bytes, **headers: str
) -> httpx.Response:
    return registry.request(
        "POST", "/api/v1/devices/sunny-1/telemetry", secret, content=payload, headers=headers
    )


def test_a_subscriber_receives_the_very_bytes(
    wired: RunningRegistry, world: World, heard: list[MQTTMessage]
) -> None:
    payload = b'{"temperature": 21.50, "door": true, "fw": "1.4"}'
    answer = send(wired, secret_of(wired), payload, **{"Content-Type": "application/json"})
    assert answer.status_code == 202
    assert answer.json() == {"readings": 2, "states": 1, "rejections": []}
    wait_until(lambda: heard, "the message")
    assert (heard[0].topic, heard[0].payload) == ("devices/sunny-1/telemetry", payload)
    assert heard[0].qos == 1
    assert getattr(heard[0].properties, "ContentType", None) == "application/json"


@pytest.mark.parametrize("habit", ["application/x-www-form-urlencoded", "application/octet-stream"])
def test_the_habit_of_a_library_is_no_content_type(
    wired: RunningRegistry, world: World, heard: list[MQTTMessage], habit: str
) -> None:
    answer = send(wired, secret_of(wired), b'{"t": 1}', **{"Content-Type": habit})
    assert answer.status_code == 202
    wait_until(lambda: heard, "the message")
    assert not hasattr(heard[0].properties, "ContentType")


def test_the_answer_tells_what_is_not_stored(
    wired: RunningRegistry, world: World, heard: list[MQTTMessage]
) -> None:
    answer = send(wired, secret_of(wired), b'{"good": 1, "bad name": 2, "worse": NaN}')
    assert answer.status_code == 202
    assert answer.json()["readings"] == 1
    assert {part["reason"] for part in answer.json()["rejections"]} == {
        "bad-metric-name",
        "not-a-number",
    }


def test_a_message_of_which_nothing_is_stored_is_a_problem_and_noted_all_the_same(
    wired: RunningRegistry, world: World, ingest: RunningIngest
) -> None:
    answer = send(wired, secret_of(wired), b"21.5 degrees")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["reason"] == "unknown-format"
    wait_until(
        lambda: list(wired.admin.items("devices/sunny-1/rejections")), "the rejection is stored"
    )
    [rejection] = wired.admin.items("devices/sunny-1/rejections")
    assert rejection["reason"] == "unknown-format"
    assert (rejection["payload"], rejection["encoding"]) == ("21.5 degrees", "utf-8")


def test_what_was_sent_by_http_is_found_by_the_api(
    wired: RunningRegistry, world: World, ingest: RunningIngest
) -> None:
    ts = int(START.timestamp() * 1000)
    payload = b'[{"ts": %d, "values": {"power": 1.5, "mode": "auto"}}]' % ts
    assert send(wired, secret_of(wired), payload).status_code == 202
    wait_until(lambda: wired.admin.get("devices/sunny-1/latest")["items"], "the readings", 5)
    at = "2026-03-01T00:00:00Z"
    assert wired.admin.get("devices/sunny-1/latest")["items"] == [
        {"metric": "mode", "ts": at, "value": "auto", "unit": None, "kind": "text", "flag": None},
        {"metric": "power", "ts": at, "value": 1.5, "unit": None, "kind": "number", "flag": None},
    ]
    assert wired.admin.get("devices/sunny-1/readings", metric="power")["items"] == [
        {"metric": "power", "ts": at, "value": 1.5, "flag": None}
    ]
    assert wired.admin.get("devices/sunny-1/states", metric="mode")["items"] == [
        {"metric": "mode", "ts": at, "value": "auto"}
    ]


def refusals(registry: RunningRegistry, secrets: list[str | None], path: str) -> set[str]:
    answers = [registry.request("POST", path, secret, content=b'{"t": 1}') for secret in secrets]
    assert {answer.status_code for answer in answers} == {401}
    return {answer.text for answer in answers}


def test_without_the_devices_own_secret_nobody_learns_whether_it_exists(
    registry: RunningRegistry, world: World
) -> None:
    other = registry.admin.post("devices/other-1/secrets")["secret"]
    secrets = [None, "tpd_wrong", other, registry.admin_token]
    here, nowhere, never = (
        refusals(registry, secrets, f"/api/v1/devices/{device}/telemetry")
        for device in ("sunny-1", "not-there", "%00")
    )
    assert here == nowhere == never
    assert len(here) == 1


def test_every_valid_secret_serves_http_and_no_other(
    wired: RunningRegistry, world: World, heard: list[MQTTMessage]
) -> None:
    def status(secret: str) -> int:
        return send(wired, secret, b'{"t": 1}').status_code

    old = secret_of(wired)
    new = wired.admin.post("devices/sunny-1/secrets", {"overlap_seconds": 600})
    assert (status(old), status(new["secret"])) == (202, 202)
    wired.admin.delete(f"devices/sunny-1/secrets/{new['id']}")
    assert (status(old), status(new["secret"])) == (202, 401)
    wired.admin.post("devices/sunny-1/retire")
    assert status(old) == 401


def test_a_message_nobody_would_store_is_not_accepted(
    wired: RunningRegistry, world: World, broker: RunningBroker
) -> None:
    secret = secret_of(wired)
    with broker.client("_ingest", USERS["_ingest"]) as client:
        for topic in ("telemetry", "attributes", "status"):
            client.unsubscribe(f"devices/+/{topic}")
        wait_until(
            lambda: send(wired, secret, b'{"t": 1}').status_code == 503, "the refusal", 5, 0.1
        )


def test_without_its_broker_the_api_says_so_and_recovers(
    wired: RunningRegistry, world: World, broker: RunningBroker
) -> None:
    secret = secret_of(wired)
    broker.kill()
    wait_until(lambda: not wired.app.state.publisher.connected, "the loss is noticed")
    answer = send(wired, secret, b'{"t": 1}')
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    (broker.folder / "mosquitto.pid").unlink()
    broker.start()
    wait_until(
        lambda: send(wired, secret, b'{"t": 1}').status_code == 202, "the registry is back", 10, 0.1
    )


def test_a_message_that_meets_a_broker_just_started_waits_for_the_connection(
    wired: RunningRegistry, world: World, broker: RunningBroker
) -> None:
    secret = secret_of(wired)
    broker.kill()
    wait_until(lambda: not wired.app.state.publisher.connected, "the loss is noticed")
    (broker.folder / "mosquitto.pid").unlink()
    broker.start()
    assert send(wired, secret, b'{"t": 1}').status_code == 202


def test_a_message_on_its_way_when_the_broker_dies_is_refused_at_once(
    wired: RunningRegistry, world: World, broker: RunningBroker
) -> None:
    secret = secret_of(wired)
    # Stopped, the broker takes what is sent and answers nothing; its death ends the wait.
    os.kill(int((broker.folder / "mosquitto.pid").read_text()), signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(send, wired, secret, b'{"t": 1}')
        wait_until(lambda: wired.app.state.publisher.waiting, "the message is on its way")
        started = time.monotonic()
        broker.kill()
        assert answer.result(20).status_code == 503
    assert time.monotonic() - started < 2


def test_the_largest_message_does_not_cost_the_registry_its_connection(
    wired: RunningRegistry, world: World, heard: list[MQTTMessage]
) -> None:
    secret = secret_of(wired)
    filler = b'{"text": "' + b"x" * (MAX_PAYLOAD - 12) + b'"}'
    assert len(filler) == MAX_PAYLOAD
    send(wired, secret, filler, **{"Content-Type": "application/json; " + "y" * 4000})
    wait_until(lambda: heard, "the largest message")
    assert send(wired, secret, filler + b" ").status_code == 413
    assert send(wired, secret, b'{"t": 1}').status_code == 202


def fill(connection: psycopg.Connection, count: int) -> None:
    connection.execute(
        "INSERT INTO series (device_id, metric, kind, unit) VALUES "
        "('sunny-1', 'power', 'number', 'kW'), ('other-1', 'power', 'number', NULL)"
    )
    connection.execute(
        "INSERT INTO readings SELECT s.id, %s + n * INTERVAL '1 minute', n "
        "FROM series s, generate_series(0, %s - 1) n",
        [START, count],
    )


def test_readings_come_in_order_and_in_pages(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    fill(connection, 3000)
    rows = list(registry.admin.items("devices/sunny-1/readings", metric="power", limit=700))
    assert [row["value"] for row in rows] == list(range(3000))


@pytest.mark.parametrize(
    ("start", "end", "values"),
    [
        (0, 3, [0, 1, 2]),
        (5, None, list(range(5, 10))),
        (None, 2, [0, 1]),
        (3, 3, []),
        (4, 1, []),
    ],
)
def test_a_range_has_its_beginning_and_not_its_end(
    registry: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    start: int | None,
    end: int | None,
    values: list[int],
) -> None:
    fill(connection, 10)

    def at(minute: int | None) -> str | None:
        return None if minute is None else (START + timedelta(minutes=minute)).isoformat()

    bounds = {"from": at(start), "to": at(end)}
    rows = registry.admin.items("devices/sunny-1/readings", metric="power", limit=2, **bounds)
    assert [row["value"] for row in rows] == values


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"metric": "no blanks"},
        {"metric": "power", "from": "yesterday"},
        {"metric": "power", "from": "2026-03-01T00:00:00"},
        {"metric": "power", "form": "2026-03-01T00:00:00Z"},
        {"metric": "power", "limit": "10001"},
    ],
)
def test_a_range_that_is_none_is_refused(
    registry: RunningRegistry, world: World, parameters: dict[str, str]
) -> None:
    with pytest.raises(ApiError) as refused:
        registry.admin.get("devices/sunny-1/readings", **parameters)
    assert refused.value.status == 422


def test_a_metric_that_was_never_sent_has_no_readings(
    registry: RunningRegistry, world: World
) -> None:
    answer = registry.admin.get("devices/sunny-1/readings", metric="never")
    assert answer == {"items": [], "next": None}


def test_a_flag_is_shown_beside_the_reading_it_belongs_to(
    registry: RunningRegistry, world: World, connection: psycopg.Connection
) -> None:
    fill(connection, 3000)
    connection.execute("INSERT INTO latest SELECT id, %s, 2999 FROM series", [LAST])
    connection.execute(
        "INSERT INTO flags SELECT s.id, %s + n * INTERVAL '1 minute', 'above-range' "
        "FROM series s, unnest(ARRAY[0, 1, 1999, 2000, 2999]) n WHERE s.device_id = 'sunny-1' "
        "UNION ALL SELECT s.id, %s + INTERVAL '5 minutes', 'below-range' FROM series s "
        "UNION ALL SELECT s.id, %s - INTERVAL '1 day', 'below-range' FROM series s",
        [START, START, START],
    )
    rows = list(registry.admin.items("devices/sunny-1/readings", metric="power", limit=1000))
    assert [row["value"] for row in rows] == list(range(3000))
    assert {row["value"]: row["flag"] for row in rows if row["flag"]} == {
        0: "above-range",
        1: "above-range",
        5: "below-range",
        1999: "above-range",
        2000: "above-range",
        2999: "above-range",
    }
    [newest] = registry.admin.get("devices/sunny-1/latest")["items"]
    assert (newest["value"], newest["flag"]) == (2999, "above-range")
    [newest] = registry.admin.get("devices/other-1/latest")["items"]
    assert newest["flag"] is None
