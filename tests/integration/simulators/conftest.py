"""A broker that knows a few devices, and a reader with ingest's session that hears them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker import passwords
from broker.config import INGEST_SUBSCRIPTIONS, INGEST_USER, NEVER_EXPIRES, REGISTRY_USER
from simulators import Address
from tests.integration.registry.conftest import wired  # noqa: F401  # the commands need an API
from tests.parts import USERS, RunningBroker, wait_until

DEVICES = [f"device-{number}" for number in range(5)]
# The fixture's broker lets a device in with its own id as secret.
SECRETS = {device: device for device in DEVICES}


class Reader:
    """What ingest would hear: it takes over the session that the broker keeps for it."""

    def __init__(self, port: int) -> None:
        self.lock = threading.Lock()
        self.telemetry: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.attributes: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.status: dict[str, list[str]] = defaultdict(list)
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, INGEST_USER, protocol=mqtt.MQTTv5)
        self.client.username_pw_set(INGEST_USER, USERS[INGEST_USER])
        self.client.on_message = self.hear
        self.client.on_connect = self.subscribe
        self.listens = threading.Event()
        self.client.on_subscribe = lambda *_: self.listens.set()
        self.client.reconnect_delay_set(1, 1)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        properties.SessionExpiryInterval = NEVER_EXPIRES
        self.client.connect("127.0.0.1", port, clean_start=False, properties=properties)

    def subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(topic, 1) for topic in INGEST_SUBSCRIPTIONS])

    def hear(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        _, device, channel = message.topic.split("/")
        with self.lock, contextlib.suppress(ValueError):  # what is no JSON is heard by nobody
            if channel == "status":
                self.status[device].append(message.payload.decode())
            else:
                getattr(self, channel)[device].append(json.loads(message.payload))

    def times(self, device: str) -> set[int]:
        """The time stamps that a device has sent."""
        with self.lock:
            return {message["ts"] for message in self.telemetry[device]}

    def heard(self) -> int:
        """How many readings have arrived."""
        with self.lock:
            return sum(map(len, self.telemetry.values()))


def allow_only(broker: RunningBroker, *devices: str) -> None:
    """Replace the credentials of the devices, as the registry does."""
    entries = passwords.internal_entries({**USERS, **{device: device for device in devices}})
    passwords.replace(broker.folder / "passwords", passwords.render(entries))
    broker.reload()


@pytest.fixture
def address(broker: RunningBroker) -> Address:
    """Where a broker listens that knows ``DEVICES``."""
    # Told to reload before it listens, it would miss the word.
    wait_until(lambda: broker.accepts(REGISTRY_USER, USERS[REGISTRY_USER]), "the broker to listen")
    broker.add(*DEVICES)
    return Address("127.0.0.1", broker.port)


@pytest.fixture
def reader(broker: RunningBroker) -> Iterator[Reader]:
    """Everything that devices publish to ``broker``."""
    reader = Reader(broker.port)
    reader.client.loop_start()
    # A subscription brings what is retained: too late, a device would be heard to come twice.
    assert reader.listens.wait(20)
    yield reader
    reader.client.disconnect()
    reader.client.loop_stop()
