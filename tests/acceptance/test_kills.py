"""kill -9 of every part while devices publish: what was acknowledged is stored, once."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
import psutil
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.acceptance.conftest import RunningPlatform
from tests.parts import wait_until

DEVICES = 10
RATE = 500
SECONDS_BETWEEN_KILLS = 3


@dataclass
class Publisher:
    """A device that sends numbered readings with its own time, and notes what was acknowledged.

    paho keeps what was not acknowledged and sends it again after a reconnect.
    """

    device: str
    secret: str
    port: int
    t0: int = field(default_factory=lambda: int(time.time() * 1000) - 600_000)
    sent: int = 0
    acknowledged: set[int] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self.device, clean_session=False
        )
        client.username_pw_set(self.device, self.secret)
        client.reconnect_delay_set(0.1, 0.5)  # type: ignore[arg-type]  # paho takes fractions
        # The packet id is the number of the message: fewer than 65,536 are sent.
        client.on_publish = lambda *event: self.acknowledged.add(event[2])
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        due = time.monotonic()
        while not self.stopping.is_set():
            self.sent += 1
            body = json.dumps({"ts": self.t0 + self.sent, "values": {"number": self.sent}})
            client.publish(f"devices/{self.device}/telemetry", body, qos=1)
            due += DEVICES / RATE
            self.stopping.wait(max(0, due - time.monotonic()))
        wait_until(lambda: len(self.acknowledged) == self.sent, "every acknowledgement", 60)
        client.disconnect()
        client.loop_stop()


@contextmanager
def publishing(platform: RunningPlatform) -> Iterator[list[Publisher]]:
    """Ten devices that publish 500 messages a second together; ends when all is acknowledged."""
    publishers = [
        Publisher(*platform.add_device(), port=platform.ports["MQTT"]) for _ in range(DEVICES)
    ]
    time.sleep(1)  # the broker has all secrets
    threads = [threading.Thread(target=publisher.run) for publisher in publishers]
    for thread in threads:
        thread.start()
    try:
        yield publishers
    finally:
        for publisher in publishers:
            publisher.stopping.set()
        for thread in threads:
            thread.join(90)
    assert not any(thread.is_alive() for thread in threads)


def missing(platform: RunningPlatform, publishers: list[Publisher]) -> int:
    """How many acknowledged readings are not in the database."""
    try:
        with platform.database() as connection:
            rows = connection.execute(
                "SELECT device, count(*), count(DISTINCT value) FROM telemetry "
                "WHERE metric = 'number' AND device = ANY(%s) GROUP BY device",
                [[publisher.device for publisher in publishers]],
            ).fetchall()
    except psycopg.OperationalError:
        return -1
    assert all(count == distinct for _, count, distinct in rows)
    stored = {device: count for device, count, _ in rows}
    return sum(p.sent - stored.get(p.device, 0) for p in publishers)


def test_killing_ingest_registry_broker_and_database_loses_nothing_that_was_acknowledged(
    platform: RunningPlatform,
) -> None:
    with publishing(platform) as publishers:
        for service in ("ingest", "registry", "broker", "postgres"):
            time.sleep(SECONDS_BETWEEN_KILLS)
            before = platform.pids()[service]
            os.kill(before, signal.SIGKILL)
            wait_until(
                lambda service=service, before=before: (  # type: ignore[misc]
                    platform.pids()[service] not in (None, before)
                ),
                f"{service} to be started again",
                30,
            )
        wait_until(platform.is_healthy, "the platform to be healthy", 60)
        time.sleep(SECONDS_BETWEEN_KILLS)
    acknowledged = sum(publisher.sent for publisher in publishers)
    assert acknowledged > RATE * SECONDS_BETWEEN_KILLS * 3
    wait_until(lambda: missing(platform, publishers) == 0, "every acknowledged reading", 60)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_keeps_running_when_up_is_gone(number: int, platform: RunningPlatform) -> None:
    processes = platform.everything_of_it()
    assert len(processes) > 5
    assert platform.process
    platform.process.send_signal(number)
    platform.process.wait(60)
    _, alive = psutil.wait_procs(processes[1:], timeout=10)
    assert alive == []
    platform.start()
    assert platform.is_healthy()
