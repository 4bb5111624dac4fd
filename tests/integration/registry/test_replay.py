"""The replay of rejected messages, against a real broker."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from paho.mqtt.client import MQTTMessage

from broker.topics import ARRIVAL
from cli.api import ApiError
from storage.ingest import RejectedMessage, store_rejections
from tests.integration.registry.conftest import RunningRegistry, World, reject
from tests.integration.registry.ownership import day, hand_over
from tests.parts import USERS, RunningBroker, RunningIngest, wait_until

PATH = "devices/sunny-1/rejections/replay"
START = datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)
START_MICROSECONDS = 1_772_366_400_123_457


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def still_open(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """Topic's last level and reason of what is open, in the order of arrival."""
    rows = connection.execute(
        "SELECT topic, reason FROM rejections WHERE replayed_at IS NULL ORDER BY ts, topic, reason"
    )
    return [(topic.rpartition("/")[2], reason) for topic, reason in rows]


def test_a_message_comes_again_as_it_came_with_the_time_when_it_came(
    wired: RunningRegistry, world: World, connection: psycopg.Connection, heard: list[MQTTMessage]
) -> None:
    payload = b"\xa1\x61a\xfb\x00" + b"\0" * 60_000
    reject(connection, START, payload=payload, content_type="application/cbor")
    reject(connection, at(1), topic="devices/sunny-1/attributes", payload=b"")
    answer = wired.admin.post(PATH)
    assert answer == {"replayed": 2, "skipped": 0, "not_kept": 0, "remaining": 0, "next": None}
    wait_until(lambda: len(heard) == 2, "the messages")
    telemetry, attributes = heard
    assert (telemetry.topic, telemetry.payload) == ("replays/sunny-1/telemetry", payload)
    assert telemetry.qos == 1
    properties: Any = telemetry.properties
    assert properties.ContentType == "application/cbor"
    assert properties.UserProperty == [(ARRIVAL, str(START_MICROSECONDS))]
    assert (attributes.topic, attributes.payload) == ("replays/sunny-1/attributes", b"")
    properties = attributes.properties
    assert not hasattr(properties, "ContentType")
    assert properties.UserProperty == [("arrival", str(START_MICROSECONDS + 1_000_000))]
    assert still_open(connection) == []


def test_a_message_that_was_refused_for_several_reasons_comes_once(
    wired: RunningRegistry, world: World, connection: psycopg.Connection, heard: list[MQTTMessage]
) -> None:
    for reason in ("quota", "bad-time", "out-of-range"):
        reject(connection, START, reason=reason)
    assert wired.admin.post(PATH, {"reason": "bad-time"})["replayed"] == 1
    assert wired.admin.post(PATH)["replayed"] == 0
    wait_until(lambda: heard, "the message")
    assert len(heard) == 1
    assert still_open(connection) == []


def test_only_what_was_asked_for_is_replayed(
    wired: RunningRegistry, world: World, connection: psycopg.Connection, heard: list[MQTTMessage]
) -> None:
    for second in range(5):
        reject(connection, at(second), reason="quota", payload=b"%d" % second)
        reject(connection, at(second), device="other-1", reason="quota")
        reject(connection, at(second) + timedelta(milliseconds=1), reason="bad-time")
    body = {"reason": "quota", "from": at(1).isoformat(), "to": at(4).isoformat()}
    assert wired.admin.post(PATH, body)["replayed"] == 3
    wait_until(lambda: len(heard) == 3, "the messages")
    assert [message.payload for message in heard] == [b"1", b"2", b"3"]
    marked = connection.execute(
        "SELECT device_id, reason FROM rejections WHERE replayed_at IS NOT NULL"
    ).fetchall()
    assert marked == [("sunny-1", "quota")] * 3
    assert wired.admin.post(PATH, body)["replayed"] == 0
    assert wired.admin.post(PATH, {**body, "include_replayed": True})["replayed"] == 3


def test_what_cannot_be_sent_again_is_counted_and_stays_open(
    wired: RunningRegistry, world: World, connection: psycopg.Connection, heard: list[MQTTMessage]
) -> None:
    reject(connection, at(0), topic="devices/sunny-1/status", reason="bad-status")
    reject(connection, at(1), topic="devices/sunny-1/nonsense", reason="bad-topic")
    reject(connection, at(2), payload=b"x" * 1024, size=65_537, reason="too-large")
    reject(connection, at(3), reason="quota")
    answer = wired.admin.post(PATH)
    assert answer == {"replayed": 1, "skipped": 2, "not_kept": 1, "remaining": 0, "next": None}
    assert still_open(connection) == [
        ("status", "bad-status"),
        ("nonsense", "bad-topic"),
        ("telemetry", "too-large"),
    ]
    wait_until(lambda: heard, "the message")
    assert [message.topic for message in heard] == ["replays/sunny-1/telemetry"]


@pytest.mark.parametrize("include_replayed", [False, True])
def test_many_messages_are_replayed_in_several_calls_each_once_and_in_order(
    wired: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    heard: list[MQTTMessage],
    include_replayed: bool,
) -> None:
    for number in range(700):
        # Two messages of one arrival, and some that cannot be sent.
        kept = number % 50 != 7
        topic = f"devices/sunny-1/{'attributes' if number % 2 else 'telemetry'}"
        size = 5 if kept else 70_000
        reject(connection, at(number // 2), topic=topic, payload=b"%05d" % number, size=size)
    body = {"limit": 300, "include_replayed": include_replayed}
    answers = [wired.admin.post(PATH, body)]
    # What comes meanwhile of earlier messages does not come again in later calls.
    connection.execute("UPDATE rejections SET replayed_at = NULL WHERE ts < %s", [at(100)])
    while answers[-1]["next"]:
        answers.append(wired.admin.post(PATH, {**body, "cursor": answers[-1]["next"]}))
    assert [answer["remaining"] for answer in answers] == [400, 100, 0]
    assert [answer["replayed"] for answer in answers] == [294, 294, 98]
    assert sum(answer["not_kept"] for answer in answers) == 14
    wait_until(lambda: len(heard) == 686, "the messages")
    for topic in ("telemetry", "attributes"):
        numbers = [int(m.payload) for m in heard if m.topic.endswith(topic)]
        assert numbers == sorted(numbers)


def test_what_is_refused_again_is_open_again_even_before_it_was_marked(
    wired: RunningRegistry, world: World, connection: psycopg.Connection, broker: RunningBroker
) -> None:
    microseconds = START_MICROSECONDS
    topic = "devices/sunny-1/telemetry"
    for reason in ("quota", "bad-time"):
        reject(connection, START, topic=topic, reason=reason)
    process = int((broker.folder / "mosquitto.pid").read_text())
    # Stopped, the broker keeps the message on its way for as long as the test needs.
    os.kill(process, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(wired.admin.post, PATH)
            wait_until(lambda: wired.app.state.publisher.waiting, "the message is on its way")
            again = RejectedMessage(
                ts=microseconds,
                device_id="sunny-1",
                topic=topic,
                reason="quota",
                detail="still too much",
                payload=b"{}",
                content_type=None,
            )
            store_rejections(connection, [again])
            os.kill(process, signal.SIGCONT)
            assert answer.result(20)["replayed"] == 1
    finally:
        os.kill(process, signal.SIGCONT)
    assert still_open(connection) == [("telemetry", "quota")]
    assert connection.execute("SELECT count(*) FROM rejections").fetchone() == (2,)
    assert wired.admin.post(PATH)["replayed"] == 1
    assert still_open(connection) == []
    store_rejections(connection, [again])
    assert still_open(connection) == [("telemetry", "quota")]


def test_while_the_broker_is_away_nothing_is_replayed_and_nothing_marked(
    wired: RunningRegistry, world: World, connection: psycopg.Connection, broker: RunningBroker
) -> None:
    for second in range(3):
        reject(connection, at(second))
    broker.kill()
    wait_until(lambda: not wired.app.state.publisher.connected, "the loss is noticed")
    response = wired.request("POST", f"/api/v1/{PATH}", wired.admin_token, json={})
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.json()["detail"] == (
        "the broker does not answer: 0 of 3 messages were replayed; do the same again soon to go on"
    )
    assert len(still_open(connection)) == 3
    (broker.folder / "mosquitto.pid").unlink()
    broker.start()
    assert wired.admin.post(PATH)["replayed"] == 3


def test_a_message_that_nobody_would_store_is_not_marked(
    wired: RunningRegistry, world: World, connection: psycopg.Connection, broker: RunningBroker
) -> None:
    reject(connection, START)
    with broker.client("_ingest", USERS["_ingest"]) as client:
        left: list[object] = []
        client.on_unsubscribe = lambda *event: left.append(event)
        client.unsubscribe([f"devices/+/{each}" for each in ("telemetry", "attributes", "status")])
        wait_until(lambda: left, "the end of the subscriptions")
        with pytest.raises(ApiError, match="ingest is not there: 0 of 1") as refused:
            wired.admin.post(PATH)
    assert refused.value.status == 503
    assert len(still_open(connection)) == 1


def test_single_messages_find_room_beside_replays(
    wired: RunningRegistry, world: World, connection: psycopg.Connection, heard: list[MQTTMessage]
) -> None:
    secret = wired.admin.post("devices/other-1/secrets")["secret"]
    for number in range(3000):
        device = f"sunny-{number % 3}"
        reject(connection, at(number), device=device)
    connection.execute(
        "INSERT INTO devices (id, tenant_id, name) VALUES "
        "('sunny-0', 'sunny', 'x'), ('sunny-2', 'sunny', 'x')"
    )

    def replay(device: int) -> int:
        answer = wired.request(
            "POST", f"/api/v1/devices/sunny-{device}/rejections/replay", wired.admin_token, json={}
        )
        return int(answer.json()["replayed"])

    with ThreadPoolExecutor(3) as pool:
        replays = [pool.submit(replay, device) for device in range(3)]
        statuses = set()
        while not all(one.done() for one in replays):
            path = "/api/v1/devices/other-1/telemetry"
            statuses.add(wired.request("POST", path, secret, content=b'{"t": 1}').status_code)
        assert [one.result() for one in replays] == [1000] * 3
    assert statuses == {202}


def test_who_may_change_the_device_may_replay_and_nobody_else(
    wired: RunningRegistry, world: World, heard: list[MQTTMessage]
) -> None:
    expected = {
        "owner": 200, "member": 200, "manager": 403, "mentor": 403, "viewer": 403, "visitor": 403,
        "stranger": 404, "nobody": 404,
    }  # fmt: skip
    for name, status in expected.items():
        response = wired.request("POST", f"/api/v1/{PATH}", world.tokens[name], json={})
        assert response.status_code == status, name
    foreign, nowhere = (
        wired.request(
            "POST", f"/api/v1/devices/{device}/rejections/replay", world.tokens["owner"], json={}
        )
        for device in ("other-1", "not-there")
    )
    assert foreign.status_code == 404
    assert foreign.text == nowhere.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"reason": "bad-luck"}, "reason: .*'clock-ahead'.*'quota'"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "to: this end is before"),
        ({"from": "2026-03-02T00:00:00"}, "from: .*offset"),
        ({"limit": 1001}, "limit: "),
        ({"limit": 0}, "limit: "),
        ({"cursor": "x"}, "cursor: this is no cursor"),
        ({"cursor": "WzEsIDJd"}, "cursor: this is no cursor"),
        ({"resaon": "quota"}, "resaon: there is no such field"),
    ],
)
def test_a_replay_that_cannot_be_is_refused_by_name(
    wired: RunningRegistry,
    world: World,
    connection: psycopg.Connection,
    body: dict[str, object],
    words: str,
) -> None:
    reject(connection, START)
    with pytest.raises(ApiError, match=words) as refused:
        wired.admin.post(PATH, body)
    assert refused.value.status == 422
    assert len(still_open(connection)) == 1


def test_what_was_rejected_is_stored_after_the_cause_is_mended(
    wired: RunningRegistry,
    ingest: RunningIngest,
    world: World,
    connection: psycopg.Connection,
    broker: RunningBroker,
) -> None:
    """From the device by way of a rejection and a changed model to a reading at its old time."""
    metric = {"metric": "t", "unit": "Cel", "maximum": 50, "out_of_range": "reject"}
    wired.admin.post("models", {"id": "probe", "name": "Probe", "metrics": [metric]})
    wired.admin.patch("devices/sunny-1", {"model_id": "probe"})
    secret = wired.admin.post("devices/sunny-1/secrets")["secret"]
    wait_until(lambda: broker.accepts("sunny-1", secret), "the device is let in")
    with broker.client("sunny-1", secret) as device:
        device.publish("devices/sunny-1/telemetry", '{"t": 60}', 1).wait_for_publish(10)
    wait_until(lambda: still_open(connection) == [("telemetry", "out-of-range")], "its refusal")
    assert wired.admin.post(PATH)["replayed"] == 1
    wait_until(lambda: ingest.count("messages_stored") == 2, "the replay")
    wait_until(lambda: still_open(connection) == [("telemetry", "out-of-range")], "it is open")
    wired.admin.patch("models/probe", {"metrics": [{**metric, "maximum": 70}]})
    assert wired.admin.post(PATH)["replayed"] == 1
    wait_until(lambda: ingest.count("readings_stored") == 1, "the reading")
    assert still_open(connection) == []
    [(first, stored)] = connection.execute(
        "SELECT r.ts, t.ts FROM rejections r, telemetry t WHERE t.value = 60"
    ).fetchall()
    assert first == stored


def test_a_new_owner_replays_nothing_of_the_old_ones_time(
    wired: RunningRegistry, world: World, connection: psycopg.Connection, heard: list[MQTTMessage]
) -> None:
    for number in (1, 2, 3):
        reject(connection, day(number), payload=b"%d" % number)
    hand_over(connection, "sunny-1", "other", 3)
    stranger = wired.as_(world.tokens["stranger"])
    answer = stranger.post(PATH, {"limit": 1})
    assert (answer["replayed"], answer["remaining"]) == (1, 0)
    wait_until(lambda: heard, "the message")
    assert [message.payload for message in heard] == [b"3"]
