"""The rendered configuration in a real Mosquitto."""

import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import mqtt5
import psutil
import pytest

from broker import passwords
from broker.config import INGEST_SUBSCRIPTIONS, INGEST_USER
from broker.session import Session, SessionLostError, SessionRefusedError
from stack import broker_service
from tests.parts import USERS, RunningBroker, free_port, wait_until


def open_session(broker: RunningBroker, keep_alive: int = 30) -> Session:
    return Session(
        "127.0.0.1",
        broker.port,
        INGEST_USER,
        USERS[INGEST_USER],
        INGEST_SUBSCRIPTIONS,
        keep_alive=keep_alive,
    )


def receive(session: Session, count: int) -> list[mqtt5.PublishPacket]:
    packets: list[mqtt5.PublishPacket] = []
    deadline = time.monotonic() + 10
    while len(packets) < count and time.monotonic() < deadline:
        packets += session.receive(0.1)
    return packets


def receive_until_lost(session: Session) -> None:
    for _ in range(100):
        session.receive(0.1)


def store(broker: RunningBroker) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{broker.folder}/store/mosquitto.db?mode=ro", uri=True)


def test_ingests_session_is_there_before_the_first_device_can_come(broker: RunningBroker) -> None:
    with store(broker) as database:
        rows = database.execute("SELECT client_id, topic FROM subscriptions").fetchall()
    assert sorted(rows) == sorted((INGEST_USER, topic) for topic in INGEST_SUBSCRIPTIONS)
    with open_session(broker) as session:
        assert session.present


def test_a_store_that_was_lost_is_made_again_with_the_session(broker: RunningBroker) -> None:
    broker.kill()
    for file in (broker.folder / "store").iterdir():
        file.unlink()
    broker.start()
    with open_session(broker) as session:
        assert session.present


def test_a_start_that_is_killed_half_way_leaves_no_broker_behind(broker: RunningBroker) -> None:
    broker.kill()
    for file in (broker.folder / "store").iterdir():
        file.unlink()
    # Without its password the session cannot be made, so the start stays in its first half.
    (broker.folder / "session.options").write_text("-P wrong\n")
    script = subprocess.Popen(broker_service.command(broker.runtime, broker.folder))
    process = psutil.Process(script.pid)
    wait_until(lambda: [p for p in process.children() if p.name() == "mosquitto"], "its broker")
    (child,) = [p for p in process.children() if p.name() == "mosquitto"]
    script.kill()
    script.wait()
    wait_until(lambda: not child.is_running(), "the broker to end with the script")


def test_a_wrong_password_is_refused_with_the_brokers_reason(broker: RunningBroker) -> None:
    with pytest.raises(SessionRefusedError, match="not authorized"):
        Session("127.0.0.1", broker.port, INGEST_USER, "wrong", INGEST_SUBSCRIPTIONS)


def test_no_broker_is_a_lost_session() -> None:
    with pytest.raises(SessionLostError, match="no broker"):
        Session("127.0.0.1", free_port(), INGEST_USER, "x", INGEST_SUBSCRIPTIONS)


def test_what_was_not_acknowledged_comes_again_and_what_was_does_not(
    broker: RunningBroker,
) -> None:
    broker.add("dev-a")
    with broker.client("dev-a") as device, open_session(broker) as session:
        for n in range(10):
            device.publish("devices/dev-a/telemetry", str(n), qos=1).wait_for_publish(10)
        packets = receive(session, 10)
        session.acknowledge([p.packet_id for p in packets[:4] if p.packet_id])
        session.keep_alive()
    with open_session(broker) as session:
        again = receive(session, 6)
    assert [packet.payload for packet in again] == [str(n).encode() for n in range(4, 10)]


def test_a_silent_session_is_kept_alive(broker: RunningBroker) -> None:
    with open_session(broker, keep_alive=1) as session:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert session.receive(0.2) == []


def test_a_broker_that_goes_away_is_a_lost_session(broker: RunningBroker) -> None:
    session = open_session(broker)
    broker.kill()
    with pytest.raises(SessionLostError):
        receive_until_lost(session)
    session.close()


def test_a_device_whose_secret_is_revoked_is_disconnected_within_two_seconds(
    broker: RunningBroker,
) -> None:
    broker.add("dev-a", "dev-b")
    left: list[float] = []
    with broker.client("dev-a") as revoked, broker.client("dev-b") as other:
        revoked.on_disconnect = lambda *_: left.append(time.monotonic())
        file = broker.folder / "passwords"
        kept = [line for line in file.read_text().splitlines(True) if not line.startswith("dev-a")]
        started = time.monotonic()
        passwords.replace(file, "".join(kept))
        broker.reload()
        wait_until(lambda: left, "the disconnection")
        assert left[0] - started < 2
        assert other.is_connected()
        assert not broker.accepts("dev-a", "dev-a")


def test_a_broker_that_is_told_all_the_time_while_it_starts_does_start(
    broker: RunningBroker,
) -> None:
    broker.kill()
    over = Event()

    def tell_all_the_time() -> None:
        while not over.is_set():
            passwords.reload(broker.folder / "mosquitto.pid")

    # Not the other way round: a broker ends with the thread that started it.
    with ThreadPoolExecutor() as pool:
        telling = pool.submit(tell_all_the_time)
        try:
            broker.start()
        finally:
            over.set()
        telling.result()
    broker.add("dev-a")
    assert broker.accepts("dev-a", "dev-a")


def test_a_message_larger_than_allowed_ends_the_connection_and_is_not_swallowed(
    broker: RunningBroker,
) -> None:
    broker.add("dev-a")
    left: list[int] = []
    with broker.client("dev-a") as device:
        device.on_disconnect = lambda *_: left.append(1)
        sent = device.publish("devices/dev-a/telemetry", b"x" * 1_100_000, qos=1)
        wait_until(lambda: left, "the disconnection")
        assert not sent.is_published()


def test_an_anonymous_client_is_refused_by_every_protocol_version(broker: RunningBroker) -> None:
    for version in ("mqttv311", "mqttv5"):
        argv = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-V", version]
        command = broker.runtime.command([*argv, "-t", "x", "-m", "x"], account="mosquitto")
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode != 0
        assert "ot authori" in result.stderr
