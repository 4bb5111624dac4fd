"""A broker without room holds its publishers back, and tells them no lie."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from broker import passwords
from broker.config import INGEST_SUBSCRIPTIONS, INGEST_USER
from broker.session import Session
from tests.integration.registry.conftest import RunningRegistry, World, registry_settings, serving
from tests.parts import USERS, RunningBroker, wait_until

MEMORY = 1_000_000
VERSIONS = {"roof-5": MQTTProtocolVersion.MQTTv5, "roof-3": MQTTProtocolVersion.MQTTv311}
IN_FLIGHT = 50


@pytest.fixture
def small(
    database_url: str, connection: psycopg.Connection, broker: RunningBroker
) -> Iterator[RunningRegistry]:
    """The API beside a real broker that may hold a megabyte."""
    settings = registry_settings(database_url, broker.folder, broker.port, broker_memory=MEMORY)
    with serving(settings, connection) as running:
        wait_until(lambda: running.app.state.publisher.connected, "the registry at the broker")
        yield running


class Publisher:
    """A connected device that publishes numbers as fast as they are acknowledged."""

    def __init__(self, device: str, client: mqtt.Client) -> None:
        self.device, self.client = device, client
        self.numbers: dict[int, int] = {}
        self.answers: list[tuple[int, ReasonCode]] = []
        self._next = itertools.count()
        client.reconnect_delay_set(0.1, 0.3)  # type: ignore[arg-type]  # paho takes fractions
        client.on_publish = lambda *event: self.answers.append((event[2], event[3]))

    def step(self) -> None:
        """One message more, unless enough of them wait."""
        if len(self.numbers) - len(self.answers) < IN_FLIGHT:
            number = next(self._next)
            topic, payload = f"devices/{self.device}/telemetry", f"{self.device} {number}"
            self.numbers[self.client.publish(topic, payload, qos=1).mid] = number

    @property
    def acknowledged(self) -> set[str]:
        """The payloads of what was acknowledged."""
        assert not any(reason.is_failure for _, reason in self.answers)
        return {f"{self.device} {self.numbers[mid]}" for mid, _ in self.answers}


def drain(broker: RunningBroker) -> Counter[str]:
    """Receive and acknowledge, as ingest, all that waits."""
    received: Counter[str] = Counter()
    with Session(
        "127.0.0.1", broker.port, INGEST_USER, USERS[INGEST_USER], INGEST_SUBSCRIPTIONS
    ) as session:
        assert session.present
        while messages := session.receive(1):
            received.update(message.payload.decode() for message in messages)
            session.acknowledge([m.packet_id for m in messages if m.packet_id])
    return received


def all_connected(publishers: list[Publisher]) -> bool:
    return all(publisher.client.is_connected() for publisher in publishers)


def test_publishers_are_held_back_and_all_that_was_acknowledged_is_there(
    small: RunningRegistry, broker: RunningBroker, world: World
) -> None:
    with ExitStack() as stack:
        publishers = []
        for name, version in VERSIONS.items():
            device = {"id": name, "tenant_id": "sunny", "name": name}
            secret = small.admin.post("devices", device)["secret"]
            wait_until(lambda n=name, s=secret: broker.accepts(n, s), "the device is let in")  # type: ignore[misc]
            client = stack.enter_context(broker.client(name, secret, version))
            publishers.append(Publisher(name, client))

        def publish_until_put_out() -> bool:
            for publisher in publishers:
                publisher.step()
            return not any(publisher.client.is_connected() for publisher in publishers)

        wait_until(publish_until_put_out, "the devices to be put out", pause=0.0005)
        before = [len(publisher.acknowledged) for publisher in publishers]
        assert sum(before) * 600 > MEMORY
        assert min(before) > IN_FLIGHT
        refused = small.request(
            "POST",
            "/api/v1/devices/roof-5/telemetry",
            passwords.new_secret(),
            content=b'{"temperature": 21.5}',
        )
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers
        health = small.request("GET", "/health/ready").json()
        assert health["status"] == "degraded"
        assert "devices are held back" in health["problems"][0]
        time.sleep(1)
        assert [len(publisher.acknowledged) for publisher in publishers] == before

        received = drain(broker)
        for publisher in publishers:
            assert publisher.acknowledged <= received.keys()
        wait_until(lambda: all_connected(publishers), "the devices to come back by themselves")
        wait_until(
            lambda: all(len(p.answers) == len(p.numbers) for p in publishers),
            "what was held back to be acknowledged",
        )
        received += drain(broker)
    for publisher in publishers:
        assert publisher.acknowledged <= received.keys()
        assert len(publisher.acknowledged) == len(publisher.numbers)


def test_the_platforms_own_users_come_in_while_the_broker_is_full_also_after_it_was_killed(
    small: RunningRegistry,
    broker: RunningBroker,
    world: World,
    database_url: str,
    connection: psycopg.Connection,
) -> None:
    device = {"id": "roof-1", "tenant_id": "sunny", "name": "roof-1"}
    secret = small.admin.post("devices", device)["secret"]
    wait_until(lambda: broker.accepts("roof-1", secret), "the device is let in")
    with psycopg.connect(database_url) as hindrance, broker.client("roof-1", secret) as client:
        # The database hangs, and the registry waits for it.
        hindrance.execute("LOCK TABLE device_secrets IN ACCESS EXCLUSIVE MODE")
        connection.execute("SELECT send_word('credentials', '')")
        publisher = Publisher("roof-1", client)

        def publish_until_put_out() -> bool:
            publisher.step()
            return not client.is_connected()

        wait_until(publish_until_put_out, "the device to be put out", 10, pause=0.0005)
    broker.kill()
    broker.start()
    wait_until(lambda: small.app.state.publisher.connected, "the registry at the broker")
    time.sleep(1.5)
    assert not broker.accepts("roof-1", secret)
    assert publisher.acknowledged <= drain(broker).keys()
    wait_until(lambda: broker.accepts("roof-1", secret), "the device is let in again")
