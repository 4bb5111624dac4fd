import json
import time
from pathlib import Path

import cbor2
import psycopg
import pytest
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest import pipeline
from tests.integration.conftest import register
from tests.parts import RunningBroker, RunningIngest, ingest_settings, wait_until

T0 = 1_767_225_600_000


def publish(
    broker: RunningBroker, device: str, payload: str | bytes, channel: str = "telemetry"
) -> None:
    with broker.client(device) as client:
        client.publish(f"devices/{device}/{channel}", payload, qos=1).wait_for_publish(10)


def one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_a_timed_message_becomes_rows_of_its_device(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    values = {"t": 21.5, "on": True, "mode": "eco"}
    publish(broker, "dev-a", json.dumps({"ts": T0, "values": values}))
    wait_until(lambda: ingest.count("messages_stored") == 1, "the acknowledgement")
    rows = connection.execute(
        "SELECT metric, value, extract(epoch FROM ts) * 1000 FROM telemetry ORDER BY metric"
    ).fetchall()
    assert rows == [("on", 1.0, T0), ("t", 21.5, T0)]
    kinds = connection.execute("SELECT metric, kind FROM series ORDER BY metric").fetchall()
    assert kinds == [("mode", "text"), ("on", "boolean"), ("t", "number")]
    assert one(connection, "SELECT value FROM states") == "eco"
    assert one(connection, "SELECT last_seen FROM device_activity WHERE device_id = 'dev-a'")


def test_the_same_message_twice_is_stored_once(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    for _ in range(2):
        publish(broker, "dev-a", json.dumps({"ts": T0, "values": {"t": 1}}))
    wait_until(lambda: ingest.count("messages_stored") == 2, "both acknowledgements")
    assert one(connection, "SELECT count(*) FROM readings") == 1
    assert ingest.count("duplicates") == 1


def test_a_payload_that_is_no_json_is_kept_with_its_reason_and_told_to_the_device(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    told: list[bytes | bytearray] = []
    with broker.client("dev-a") as client:
        client.on_message = lambda *event: told.append(event[2].payload)
        client.subscribe("devices/dev-a/rejections")
        client.publish("devices/dev-a/telemetry", b"\x00temperature=1", qos=1).wait_for_publish(10)
        wait_until(lambda: told, "the device is told")
    assert json.loads(told[0])["reason"] == "unknown-format"
    rows = connection.execute("SELECT device_id, reason, payload, size FROM rejections").fetchall()
    assert rows == [("dev-a", "unknown-format", b"\x00temperature=1", 14)]
    assert ingest.count("rejections", reason="unknown-format") == 1


def test_a_device_that_the_registry_does_not_know_is_a_rejection_and_costs_no_neighbour(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a", "stranger")
    publish(broker, "stranger", '{"t": 1}')
    publish(broker, "dev-a", '{"t": 1}')
    wait_until(lambda: ingest.count("messages_stored") == 2, "both acknowledgements")
    assert one(connection, "SELECT reason FROM rejections") == "unknown-device"
    assert one(connection, "SELECT count(*) FROM readings") == 1


def test_attributes_merge_and_the_status_is_kept(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    publish(broker, "dev-a", '{"firmware": "1.0", "ip": "10.0.0.1"}', "attributes")
    publish(broker, "dev-a", '{"firmware": "1.1"}', "attributes")
    publish(broker, "dev-a", "online", "status")
    wait_until(lambda: ingest.count("messages_stored") == 3, "the acknowledgements")
    assert one(connection, "SELECT attributes FROM devices") == {
        "firmware": "1.1",
        "ip": "10.0.0.1",
    }
    assert one(connection, "SELECT online FROM device_activity") is True


def test_messages_of_the_time_without_ingest_arrive_when_it_is_back(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    ingest.stop()
    for n in range(20):
        publish(broker, "dev-a", json.dumps({"ts": T0 + n, "values": {"t": n}}))
    ingest.start()
    wait_until(lambda: ingest.count("messages_stored") == 20, "the queued messages")
    assert one(connection, "SELECT count(*) FROM readings") == 20


def test_a_killed_broker_loses_nothing_that_it_acknowledged(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    """Ingest is there; what is lost where it is not, ADR 0010 tells."""
    register(connection, "dev-a")
    broker.add("dev-a")
    with broker.client("dev-a") as client:
        sent = [
            client.publish(
                "devices/dev-a/telemetry", json.dumps({"ts": T0 + n, "values": {"t": n}}), qos=1
            )
            for n in range(500)
        ]
        wait_until(lambda: any(m.is_published() for m in sent), "a first acknowledgement")
        broker.kill()
        acknowledged = {n for n, message in enumerate(sent) if message.is_published()}
    broker.start()

    def lost() -> set[int]:
        rows = connection.execute("SELECT value FROM readings").fetchall()
        return acknowledged - {int(value) for (value,) in rows}

    wait_until(lambda: not lost(), "every acknowledged reading")
    assert lost() == set()


def test_what_comes_while_the_database_is_locked_waits_on_disk_and_is_stored_after(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection, database_url: str
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    publish(broker, "dev-a", '{"t": 0}')
    wait_until(lambda: ingest.count("messages_stored") == 1, "the first message")
    with psycopg.connect(database_url) as locker:
        locker.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        publish(broker, "dev-a", json.dumps({"ts": T0, "values": {"t": 1}}))
        wait_until(lambda: ingest.count("messages_acknowledged") == 2, "the acknowledgement")
        time.sleep(0.3)
        assert ingest.count("messages_stored") == 1
        assert ingest.gauge("journal_bytes") > 0
        assert ingest.gauge("lag_seconds") > 0.2
        locker.rollback()
    wait_until(lambda: ingest.count("messages_stored") == 2, "the second message")
    assert one(connection, "SELECT count(*) FROM readings") == 2
    assert ingest.gauge("journal_bytes") == 0
    assert ingest.gauge("lag_seconds") == 0


def test_a_lost_database_connection_is_made_again(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    publish(broker, "dev-a", '{"t": 0}')
    wait_until(lambda: ingest.count("messages_stored") == 1, "the first message")
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'technopark-ingest' AND datname = current_database()"
    )
    publish(broker, "dev-a", '{"t": 1}')
    wait_until(lambda: ingest.count("messages_stored") == 2, "the second message")
    assert one(connection, "SELECT count(*) FROM readings") == 2


def test_a_message_that_the_database_refuses_for_ever_costs_only_itself(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    connection.execute("ALTER TABLE readings ADD CONSTRAINT nothing_hot CHECK (value < 1000)")
    ingest.stop()
    for n in range(10):
        value = 5000 if n == 6 else n
        publish(broker, "dev-a", json.dumps({"ts": T0 + n, "values": {"t": value}}))
    ingest.start()
    wait_until(lambda: ingest.count("messages_stored") == 10, "all acknowledgements")
    assert one(connection, "SELECT count(*) FROM readings") == 9
    assert one(connection, "SELECT reason FROM rejections") == "refused-by-storage"
    assert b"5000" in one(connection, "SELECT payload FROM rejections")  # type: ignore[operator]


def test_a_full_journal_leaves_the_rest_in_the_broker_and_all_is_stored_in_the_end(
    database_url: str, broker: RunningBroker, connection: psycopg.Connection, tmp_path: Path
) -> None:
    running = RunningIngest(
        ingest_settings(database_url, broker.port, tmp_path, ingest_journal_bytes=1 << 20)
    )
    running.start()
    register(connection, "dev-a")
    broker.add("dev-a")
    note = "x" * 10_000
    with psycopg.connect(database_url) as locker:
        locker.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        with broker.client("dev-a") as client:
            for n in range(400):
                text = json.dumps({"ts": T0 + n, "values": {"t": n, "note": note}})
                sent = client.publish("devices/dev-a/telemetry", text, qos=1)
            sent.wait_for_publish(20)
            wait_until(
                lambda: "journal is full" in (running.pipeline.problem() or ""), "no more room"
            )
            assert running.count("messages_acknowledged") < 150
            assert running.gauge("journal_bytes") <= 1 << 20
        locker.rollback()
    wait_until(lambda: running.count("messages_stored") == 400, "the rest")
    wait_until(lambda: running.pipeline.problem() is None, "ingest to be ready again")
    assert one(connection, "SELECT count(*) FROM readings") == 400
    running.stop()


@pytest.mark.parametrize("version", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5])
def test_a_device_that_subscribes_to_everything_receives_nothing_of_another(
    version: MQTTProtocolVersion, broker: RunningBroker
) -> None:
    broker.add("dev-a", "spy")
    overheard: list[str] = []
    subscribed: list[object] = []
    with broker.client("spy", version=version) as spy, broker.client("dev-a") as device:
        spy.on_message = lambda *event: overheard.append(event[2].topic)
        spy.on_subscribe = lambda *event: subscribed.append(event)
        spy.subscribe([("#", 1), ("$SYS/#", 1), ("devices/dev-a/#", 1), ("devices/spy/#", 1)])
        wait_until(lambda: subscribed, "the subscriptions")
        device.publish("devices/dev-a/telemetry", "{}", qos=1).wait_for_publish(10)
        device.publish("devices/spy/telemetry", "{}", qos=1).wait_for_publish(10)
        with broker.client("_registry", "registry-password") as registry:
            registry.publish("devices/spy/commands/1", "{}", qos=1).wait_for_publish(10)
        wait_until(lambda: overheard, "the spy's own command")
    assert set(overheard) == {"devices/spy/commands/1"}


def test_readiness_tells_when_the_database_is_away_even_without_messages(
    ingest: RunningIngest, connection: psycopg.Connection
) -> None:
    wait_until(lambda: ingest.pipeline.problem() is None, "ingest to be ready")
    name = connection.info.dbname
    with psycopg.connect(
        connection.info.dsn, dbname="postgres", password=connection.info.password, autocommit=True
    ) as other:
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'technopark-ingest' AND datname = %s",
            [name],
        )
        wait_until(ingest.pipeline.problem, "ingest to be unready")
        assert "database" in (ingest.pipeline.problem() or "")
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    wait_until(lambda: ingest.pipeline.problem() is None, "ingest to be ready again")
    assert ingest.count("messages_acknowledged") == 0


def test_a_few_large_messages_of_a_testbed_fill_a_batch(
    broker: RunningBroker,
    connection: psycopg.Connection,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "MAX_SAMPLES", 2000)
    running = RunningIngest(ingest_settings(database_url, broker.port, tmp_path))
    running.start()
    register(connection, "bench-1")
    broker.add("bench-1")
    second = json.dumps({"t0": T0, "dt": 1.0, "values": {"x": [0.5] * 1000}})
    with psycopg.connect(database_url) as locker:
        locker.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        for n in range(8):
            publish(broker, "bench-1", second.replace(str(T0), str(T0 + 1000 * n)))
        wait_until(lambda: running.count("messages_acknowledged") == 8, "all to be in the journal")
        locker.rollback()
    # What a batch adds to the other figures is there when its messages are counted.
    wait_until(lambda: running.count("messages_stored") == 8, "all messages")
    assert running.count("readings_stored") == 8000
    batches = running.pipeline.metrics.registry.get_sample_value(
        "technopark_ingest_batch_messages_bucket", {"le": "10.0"}
    )
    assert batches is not None
    assert batches >= 4
    running.stop()


def test_a_second_of_a_testbed_is_stored_as_columns_with_its_unit(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "bench-1")
    broker.add("bench-1")
    samples = {f"channel_{n}": [float(i) for i in range(1000)] for n in range(8)}
    publish(broker, "bench-1", cbor2.dumps({"t0": T0, "dt": 1.0, "values": samples}))
    publish(broker, "bench-1", '[{"n": "temp", "u": "Cel", "v": 23.1}]')
    wait_until(lambda: ingest.count("messages_stored") == 2, "both acknowledgements")
    assert one(connection, "SELECT count(*) FROM telemetry WHERE metric = 'channel_3'") == 1000
    assert (
        one(connection, "SELECT max(value) FROM latest_telemetry WHERE metric = 'channel_3'") == 999
    )
    assert one(connection, "SELECT unit FROM series WHERE metric = 'temp'") == "Cel"
    assert ingest.count("readings_stored") == 8001


def test_tags_of_the_line_protocol_are_kept_as_attributes(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    publish(broker, "dev-a", 'weather,firmware=1.2 temperature=21.5,mode="eco" 1767225600000000000')
    wait_until(lambda: ingest.count("messages_stored") == 1, "the acknowledgement")
    assert one(connection, "SELECT attributes FROM devices") == {"firmware": "1.2"}
    assert one(connection, "SELECT value FROM telemetry WHERE metric = 'temperature'") == 21.5
    assert one(connection, "SELECT value FROM states") == "eco"


def first_came_at(microseconds: int) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's own
    properties.UserProperty = ("arrival", str(microseconds))
    return properties


def test_a_message_that_is_sent_again_keeps_its_first_time_of_arrival(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    with broker.client("_registry", "registry-password") as registry:
        for _ in range(2):
            registry.publish(
                "replays/dev-a/telemetry", '{"t": 1}', 1, properties=first_came_at(T0 * 1000)
            ).wait_for_publish(10)
    wait_until(lambda: ingest.count("messages_stored") == 2, "both messages")
    rows = connection.execute("SELECT extract(epoch FROM ts) * 1000, value FROM telemetry")
    assert rows.fetchall() == [(T0, 1.0)]


def test_a_device_cannot_backdate_its_messages(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    broker.add("dev-a")
    with broker.client("dev-a") as device:
        for topic in ("replays/dev-a/telemetry", "devices/dev-a/telemetry"):
            device.publish(
                topic, '{"t": 1}', 1, properties=first_came_at(T0 * 1000)
            ).wait_for_publish(10)
    wait_until(lambda: ingest.count("messages_stored") == 1, "the message on its own topic")
    assert ingest.count("messages_received") == 1
    assert one(connection, "SELECT abs(extract(epoch FROM now() - ts)) < 60 FROM readings")


def test_a_message_that_is_sent_again_is_not_charged_to_the_quota_again(
    ingest: RunningIngest, broker: RunningBroker, connection: psycopg.Connection
) -> None:
    register(connection, "dev-a")
    connection.execute("UPDATE devices SET values_per_second = 0.01")
    broker.add("dev-a")
    publish(broker, "dev-a", '{"t": 0}')
    wait_until(lambda: ingest.count("messages_stored") == 1, "the device to be known")
    for n in range(3):
        publish(broker, "dev-a", json.dumps({"ts": T0 + n, "values": {"t": n}}))
    wait_until(lambda: ingest.count("rejections", reason="quota") >= 1, "the quota to be used up")
    refused = connection.execute("SELECT payload FROM rejections WHERE reason = 'quota'").fetchall()
    before = one(connection, "SELECT count(*) FROM readings")
    with broker.client("_registry", "registry-password") as registry:
        for n, (payload,) in enumerate(refused):
            registry.publish(
                "replays/dev-a/telemetry", payload, 1, properties=first_came_at(T0 * 1000 + n)
            ).wait_for_publish(10)
    wait_until(lambda: ingest.count("messages_stored") == 4 + len(refused), "all messages")
    assert one(connection, "SELECT count(*) FROM readings") == before + len(refused)  # type: ignore[operator]
