"""``python -m tests.faults.publishers``: devices in a process of their own, by MQTT and HTTP.

The first line of the standard input is an ``Order`` in JSON. When the input ends nothing new is
sent; what waits for its acknowledgement is waited for, and what never got one is printed as JSON.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from tests.faults.ledger import Ledger
from tests.faults.messages import Message, message

PATIENCE_SECONDS = 60.0
# A device that cannot get rid of its messages makes no more of them.
MOST_WAITING = 500
# 422: nothing of the message can be stored, and that is what is written down.
ANSWERS = (HTTPStatus.ACCEPTED, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True)
class Order:
    """What the publishers are told.

    Attributes:
        ledger: the file.
        t0: time of the messages with number 0, epoch milliseconds.
        port: where MQTT is reached, by way of the proxy.
        api_url: where HTTP is reached.
        mqtt: device id to secret.
        http: device id to secret.
        rate: messages a second of each device.
    """

    ledger: str
    t0: int
    port: int
    api_url: str
    mqtt: dict[str, str]
    http: dict[str, str]
    rate: float

    def text(self) -> str:
        return json.dumps(asdict(self)) + "\n"


@dataclass
class Ending:
    """How the devices are told to end.

    Attributes:
        soon: nothing new is sent.
        now: nothing is waited for either.
    """

    soon: threading.Event = field(default_factory=threading.Event)
    now: threading.Event = field(default_factory=threading.Event)


@dataclass
class Device:
    """A device that sends numbered messages and notes which were acknowledged.

    Attributes:
        waiting: numbers of messages without acknowledgement.
    """

    name: str
    secret: str
    order: Order
    ledger: Ledger
    ending: Ending
    number: int = 0
    waiting: set[int] = field(default_factory=set)

    def next(self) -> Message:
        """The next message; it waits for its acknowledgement from now on."""
        self.number += 1
        self.waiting.add(self.number)
        return message(self.name, self.number, self.order.t0)

    def acknowledged(self, number: int, at: float) -> None:
        self.ledger.note(self.name, number, message(self.name, number, self.order.t0).digest, at)
        self.waiting.remove(number)

    def paced(self, act: Callable[[], None]) -> None:
        """Do something at the ordered rate, until the end."""
        due = time.monotonic()
        while not self.ending.soon.is_set():
            act()
            # What could not be done in time is not made up for: no bursts after an outage.
            due = max(due + 1 / self.order.rate, time.monotonic() - 1)
            self.ending.soon.wait(due - time.monotonic())


@dataclass
class MqttDevice(Device):
    """paho keeps what was not acknowledged and sends it again after a reconnect.

    Its thread only hands the acknowledgements over, so that no lock of ours meets one of paho's.
    """

    version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5
    numbers: dict[int, int] = field(default_factory=dict)
    answers: queue.SimpleQueue[tuple[int, float]] = field(default_factory=queue.SimpleQueue)

    def run(self) -> None:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.name,
            clean_session=None if self.version == MQTTProtocolVersion.MQTTv5 else False,
            protocol=self.version,
        )
        client.username_pw_set(self.name, self.secret)
        client.reconnect_delay_set(0.1, 0.5)  # type: ignore[arg-type]  # paho takes fractions
        client.on_publish = lambda *event: self.answered(event[2], event[3])
        client.connect("127.0.0.1", self.order.port)
        client.loop_start()
        self.paced(lambda: self.step(client))
        while self.waiting and not self.ending.now.wait(0.05):
            self.note()
        client.disconnect()
        client.loop_stop()

    def answered(self, packet_id: int, reason: ReasonCode) -> None:
        """A refusal is no acknowledgement."""
        if not reason.is_failure:
            self.answers.put((packet_id, time.time()))

    def step(self, client: mqtt.Client) -> None:
        if len(self.waiting) < MOST_WAITING:
            sent = client.publish(f"devices/{self.name}/telemetry", self.next().payload, qos=1)
            self.numbers[sent.mid] = self.number
        self.note()

    def note(self) -> None:
        """Write down what was acknowledged meanwhile."""
        while not self.answers.empty():
            packet_id, at = self.answers.get()
            self.acknowledged(self.numbers.pop(packet_id), at)


@dataclass
class HttpDevice(Device):
    """Posts a message until it is answered."""

    def run(self) -> None:
        url = f"{self.order.api_url}/api/v1/devices/{self.name}/telemetry"
        headers = {"Authorization": f"Bearer {self.secret}"}
        with httpx.Client(headers=headers, timeout=15) as client:
            self.paced(lambda: self.step(client, url))

    def step(self, client: httpx.Client, url: str) -> None:
        payload = self.next().payload
        while not self.taken(client, url, payload):
            if self.ending.now.wait(0.2):
                return
        self.acknowledged(self.number, time.time())

    def taken(self, client: httpx.Client, url: str, payload: bytes) -> bool:
        try:
            return client.post(url, content=payload).status_code in ANSWERS
        except httpx.TransportError:
            return False


def devices(order: Order, ledger: Ledger, ending: Ending) -> list[MqttDevice | HttpDevice]:
    """All devices of an order; those with MQTT speak both versions of it in turns."""
    versions = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)
    by_mqtt = [
        MqttDevice(name, secret, order, ledger, ending, version=versions[index % 2])
        for index, (name, secret) in enumerate(order.mqtt.items())
    ]
    by_http = [
        HttpDevice(name, secret, order, ledger, ending) for name, secret in order.http.items()
    ]
    return [*by_mqtt, *by_http]


def main() -> None:
    order = Order(**json.loads(sys.stdin.readline()))
    ledger, ending = Ledger(Path(order.ledger)), Ending()
    everyone = devices(order, ledger, ending)
    threads = [threading.Thread(target=device.run) for device in everyone]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ending.soon.set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    ending.now.set()
    for thread in threads:
        thread.join()
    ledger.close()
    json.dump({device.name: sorted(device.waiting) for device in everyone}, sys.stdout)


if __name__ == "__main__":
    main()
