"""Where a peer reads and writes, and what rows a message makes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker.config import SHARED_TELEMETRY

TABLE = "peer_readings"
# As ingest: its session is in the broker already, and a second subscription would bring all twice.
TOPIC = SHARED_TELEMETRY
USER = "_ingest"
# Messages in one COPY, for all peers; and how long the first of them waits at most, in seconds.
BATCH = 5000
LINGER = 0.1

Row = tuple[int, datetime, float]


@dataclass(frozen=True)
class Target:
    """One run of a peer.

    Attributes:
        port: of the broker.
        password: of the user whose session is read.
        url: of the database.
        warm_up: messages that come before the clock starts.
        count: messages that come after it.
        ticks: in a second, of the messages' times.
    """

    port: int
    password: str
    url: str
    warm_up: int
    count: int
    ticks: int = 1000


def rows(topic: str, payload: bytes | bytearray, ticks: int) -> list[Row]:
    """The narrow rows of a message; the series id comes from the device's number."""
    message = json.loads(payload)
    ts = datetime.fromtimestamp(message["ts"] / ticks, UTC)
    first = int(topic[14:19]) * 5 + 1
    return [(first + n, ts, value) for n, value in enumerate(message["values"].values())]


def subscriber(target: Target, on_message: Callable[[mqtt.MQTTMessage], None]) -> mqtt.Client:
    """A connected paho client on the durable session; the caller runs its loop."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=USER, protocol=MQTTProtocolVersion.MQTTv5
    )
    client.username_pw_set(USER, target.password)
    client.on_message = lambda _client, _data, message: on_message(message)
    client.on_connect = lambda *_: subscribe(client)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own gap
    properties.SessionExpiryInterval = 4294967295
    client.connect("127.0.0.1", target.port, clean_start=False, properties=properties)
    return client


def subscribe(client: mqtt.Client) -> None:
    """Subscribe to all telemetry."""
    client.subscribe(TOPIC, 1)
