"""`session`: what receiving and acknowledging costs ingest, library beside library."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection

import paho.mqtt.client as mqtt
import psutil
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.load import messages, publishing
from benchmarks.results import Table
from broker.config import INGEST_USER, SHARED_TELEMETRY
from broker.session import Session
from tests.parts import USERS, RunningBroker

COUNT = 60_000
# As ingest: its session is in the broker already, and a second subscription would bring all twice.
TOPIC = SHARED_TELEMETRY


class BufferedPaho(mqtt.Client):
    """paho with one read of the socket for many packets instead of four for each."""

    _held = b""

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self._held:
            self._held = super()._sock_recv(1 << 18)
        piece, self._held = self._held[:bufsize], self._held[bufsize:]
        return piece

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read on as long as something is held: select does not see it any more."""
        answer = super().loop_read(max_packets)
        while self._held and answer == MQTTErrorCode.MQTT_ERR_SUCCESS:
            answer = super().loop_read(max_packets)
        return answer


def receive_with_paho(kind: type[mqtt.Client], port: int, ready: Connection) -> None:
    """Receive COUNT messages with a paho client."""
    client = kind(
        CallbackAPIVersion.VERSION2, client_id=INGEST_USER, protocol=MQTTProtocolVersion.MQTTv5
    )
    client.username_pw_set(INGEST_USER, USERS[INGEST_USER])
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == COUNT:
            client.disconnect()

    client.on_message = count

    def subscribe(*_: object) -> None:
        client.subscribe(TOPIC, 1)

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: ready.send("ready")
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own gap
    properties.ReceiveMaximum = 20_000
    client.connect("127.0.0.1", port, clean_start=True, properties=properties)
    client.loop_forever()


def receive_with_session(port: int, ready: Connection) -> None:
    """Receive COUNT messages with the platform's session."""
    with Session(
        "127.0.0.1", port, INGEST_USER, USERS[INGEST_USER], [TOPIC], receive_maximum=20_000
    ) as session:
        ready.send("ready")
        seen = 0
        while seen < COUNT:
            packets = session.receive(1.0)
            seen += len(packets)
            session.acknowledge([p.packet_id for p in packets if p.packet_id is not None])


RECEIVERS: dict[str, Callable[[int, Connection], None]] = {
    "paho-mqtt": lambda port, ready: receive_with_paho(mqtt.Client, port, ready),
    "paho-mqtt, buffered reads": lambda port, ready: receive_with_paho(BufferedPaho, port, ready),
    "mqtt5 codec on a socket": receive_with_session,
}


def cpu_of(receiver: Callable[[int, Connection], None], port: int, qos: int) -> float:
    """CPU seconds that a receiver spends on COUNT messages, its start not counted."""
    ours, theirs = multiprocessing.Pipe()

    def work() -> None:
        receiver(port, theirs)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        theirs.send(usage.ru_utime + usage.ru_stime)

    process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
    process.start()
    assert ours.recv() == "ready"
    started = cpu_so_far(process.pid or 0)
    with publishing(port, USERS["_registry"], messages(COUNT, 1000), qos):
        assert ours.poll(120), "the receiver did not get every message"
        seconds: float = ours.recv() - started
    process.join(10)
    return seconds


def cpu_so_far(pid: int) -> float:
    """User and system seconds of a process, from the kernel."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def run(broker: RunningBroker) -> Table:
    """Every receiver at both levels of service, three rounds, the best of each."""
    table = Table(
        "session",
        f"{COUNT:,} messages of 144 bytes",
        ["receiver", "QoS 0 msg/CPU-s", "QoS 1 msg/CPU-s", "QoS 1 vs paho"],
    )
    best = {
        (name, qos): COUNT / min(cpu_of(receiver, broker.port, qos) for _ in range(3))
        for name, receiver in RECEIVERS.items()
        for qos in (0, 1)
    }
    for name in RECEIVERS:
        ratio = best[name, 1] / best["paho-mqtt", 1]
        table.add(name, f"{best[name, 0]:,.0f}", f"{best[name, 1]:,.0f}", f"{ratio:.1f}")
    table.figures["vs_paho"] = best["mqtt5 codec on a socket", 1] / best["paho-mqtt", 1]
    return table
