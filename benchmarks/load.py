"""A publisher that is no bottleneck: packets are made beforehand and sent in large pieces."""

from __future__ import annotations

import json
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

import mqtt5

WINDOW = 2000
PIECE = 100


def payload(n: int, t0_ms: int) -> bytes:
    """A message of five values with its own time, about 144 bytes."""
    values = {
        "temperature": 20 + n % 100 / 10,
        "humidity": 50 + n % 37,
        "voltage": 229.5 + n % 11 / 10,
        "current": n % 160 / 10,
        "power": n % 3700,
    }
    return json.dumps({"ts": t0_ms + n, "values": values}).encode()


def messages(count: int, devices: int) -> list[tuple[str, bytes]]:
    """Topic and payload of ``count`` messages, taking turns among ``devices``."""
    t0 = int(time.time() * 1000) - count
    return [(f"devices/bench-{n % devices:05}/telemetry", payload(n, t0)) for n in range(count)]


def publish(port: int, password: str, batch: list[tuple[str, bytes]], qos: int) -> None:
    """Publish as ``_registry`` and wait for every acknowledgement."""
    level = mqtt5.QoS.AT_LEAST_ONCE if qos else mqtt5.QoS.AT_MOST_ONCE
    packets = [
        mqtt5.PublishPacket(
            topic, body, qos=level, packet_id=n % 65_535 + 1 if qos else None
        ).write()
        for n, (topic, body) in enumerate(batch)
    ]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            mqtt5.ConnectPacket(
                "_registry", username="_registry", password=password.encode(), clean_start=True
            ).write()
        )
        connection.recv(1024)
        acknowledgements = Acknowledgements(connection)
        sent = 0
        while sent < len(packets):
            if qos == 0 or sent - acknowledgements.count < WINDOW:
                connection.sendall(b"".join(packets[sent : sent + PIECE]))
                sent += PIECE
            else:
                acknowledgements.read()
        while qos and acknowledgements.count < len(packets):
            acknowledgements.read()
        connection.sendall(mqtt5.DisconnectPacket().write())


@dataclass
class Acknowledgements:
    """The PUBACKs that have come on a connection."""

    connection: socket.socket
    count: int = 0
    rest: bytes = b""

    def read(self) -> None:
        """Wait for the next bytes and count the packets that they complete."""
        data = self.connection.recv(1 << 16)
        if not data:
            raise ConnectionError("the broker closed the publisher's connection")
        view = memoryview(self.rest + data)
        while True:
            try:
                packet, size = mqtt5.read(view)
            except IndexError:
                break
            self.count += isinstance(packet, mqtt5.PubAckPacket)
            view = view[size:]
        self.rest = bytes(view)


@contextmanager
def publishing(
    port: int, password: str, batch: list[tuple[str, bytes]], qos: int
) -> Iterator[BaseProcess]:
    """``publish`` in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(
        target=publish, args=(port, password, batch, qos), daemon=True
    )
    process.start()
    try:
        yield process
    finally:
        process.join(120)
        process.kill()
