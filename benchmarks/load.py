"""Loads, and a publisher that is no bottleneck: packets made beforehand, sent in large pieces."""

from __future__ import annotations

import json
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import cbor2
import mqtt5
import numpy as np

# Messages that the publisher sends before the first is acknowledged, and in one write.
WINDOW = 2000
PIECE = 100
METRICS = ("temperature", "humidity", "voltage", "current", "power")
CHANNELS = tuple(f"channel_{n}" for n in range(8))
SAMPLES = 1000
# RFC 8746: little-endian IEEE 754 binary32.
FLOAT32_LE = 85

Messages = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Load:
    """What is published.

    Attributes:
        name: for people.
        warm_up: published before the clock starts.
        messages: topic and payload of what is timed.
        rows: readings in one message.
        last: series id and ms since 1970 of the last reading of all.
        window: messages in flight.
    """

    name: str
    warm_up: Messages
    messages: Messages
    rows: int
    last: tuple[int, int]
    window: int = WINDOW


def payload(n: int, t0_ms: int) -> bytes:
    """A message of five values with its own time, about 144 bytes."""
    values = (20 + n % 100 / 10, 50 + n % 37, 229.5 + n % 11 / 10, n % 160 / 10, n % 3700)
    return json.dumps({"ts": t0_ms + n, "values": dict(zip(METRICS, values, strict=True))}).encode()


def messages(count: int, devices: int) -> Messages:
    """Topic and payload of ``count`` messages, a millisecond each, in turns of the devices.

    The first is of device 0 in a whole second, so a thousand devices can be told from their times.
    """
    t0 = (int(time.time()) - count // 1000 - 1) * 1000
    return [(f"devices/bench-{n % devices:05}/telemetry", payload(n, t0)) for n in range(count)]


def fleet(count: int, devices: int, warm_up: int) -> Load:
    """Many devices that each send five values now and then."""
    batch = messages(warm_up + count, devices)
    number = (warm_up + count - 1) % devices
    ts = json.loads(batch[-1][1])["ts"]
    last = number * len(METRICS) + len(METRICS), ts
    return Load("fleet", batch[:warm_up], batch[warm_up:], len(METRICS), last)


def testbed(count: int, encoding: str, first_series: int, warm_up: int) -> Load:
    """One rig of eight channels at 1 kHz, a message a second.

    Args:
        count: messages that are timed.
        encoding: ``json``, or ``cbor`` with typed arrays.
        first_series: id of the first channel's series.
        warm_up: messages before them.
    """
    t0 = int(time.time() * 1000) - (warm_up + count) * 1000
    wave = np.random.default_rng(1).normal(0, 1, (len(CHANNELS), SAMPLES)).round(4)
    encode = as_cbor if encoding == "cbor" else as_json
    batch = [
        ("devices/testbed/telemetry", encode(t0 + n * 1000, wave)) for n in range(warm_up + count)
    ]
    last = first_series + len(CHANNELS) - 1, t0 + (warm_up + count) * 1000 - 1
    rows = len(CHANNELS) * SAMPLES
    return Load(f"testbed, {encoding}", batch[:warm_up], batch[warm_up:], rows, last, 32)


def as_json(t0_ms: int, wave: np.typing.NDArray[np.float64]) -> bytes:
    """The contract's columnar shape in JSON, about 60 KB."""
    values = {name: row.tolist() for name, row in zip(CHANNELS, wave, strict=True)}
    return json.dumps({"t0": t0_ms, "dt": 1.0, "values": values}).encode()


def as_cbor(t0_ms: int, wave: np.typing.NDArray[np.float64]) -> bytes:
    """The same in CBOR with typed arrays of float32, 32 KB."""
    values = {
        name: cbor2.CBORTag(FLOAT32_LE, row.astype("<f4").tobytes())
        for name, row in zip(CHANNELS, wave, strict=True)
    }
    return cbor2.dumps({"t0": t0_ms, "dt": 1.0, "values": values})


def publish(
    port: int, password: str, batch: Messages, qos: int, window: int, starter: Connection
) -> None:
    """Make everything ready, say so, wait for the start, publish and wait for acknowledgements."""
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
        starter.send("ready")
        starter.recv()
        send(connection, packets, qos, window)
        connection.sendall(mqtt5.DisconnectPacket().write())


def send(connection: socket.socket, packets: list[bytes], qos: int, window: int) -> None:
    """Send all packets, never more than a window before their acknowledgements."""
    acknowledgements = Acknowledgements(connection)
    piece, sent = min(PIECE, window), 0
    while sent < len(packets):
        if qos == 0 or sent - acknowledgements.count < window:
            connection.sendall(b"".join(packets[sent : sent + piece]))
            sent += piece
        else:
            acknowledgements.read()
    while qos and acknowledgements.count < len(packets):
        acknowledgements.read()


@dataclass
class Acknowledgements:
    """The PUBACKs that have come on a connection."""

    connection: socket.socket
    count: int = 0
    rest: bytes = b""

    def read(self) -> list[mqtt5.PubAckPacket]:
        """Wait for the next bytes; return, and count, the packets that they complete."""
        data = self.connection.recv(1 << 16)
        if not data:
            raise ConnectionError("the broker closed the publisher's connection")
        view = memoryview(self.rest + data)
        found = []
        while True:
            try:
                packet, size = mqtt5.read(view)
            except IndexError:
                break
            if isinstance(packet, mqtt5.PubAckPacket):
                found.append(packet)
            view = view[size:]
        self.rest = bytes(view)
        self.count += len(found)
        return found


@contextmanager
def publishing(
    port: int, password: str, batch: Messages, qos: int, window: int = WINDOW
) -> Iterator[BaseProcess]:
    """``publish`` in a process of its own, which starts at the moment when the context is open."""
    ours, theirs = multiprocessing.Pipe()
    work = partial(publish, port, password, batch, qos, window, theirs)
    process = multiprocessing.get_context("spawn").Process(target=work, daemon=True)
    process.start()
    try:
        if not ours.poll(60):
            raise ConnectionError("the publisher did not get ready")
        ours.recv()
        ours.send("go")
        yield process
    finally:
        process.join(120)
        process.kill()
