"""A real broker, and the ingest service between it and a real database."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from broker import passwords
from broker.config import INGEST_USER, REGISTRY_USER, BrokerConfig
from ingest.pipeline import Pipeline
from ingest.settings import Settings
from stack import broker_service
from stack.runtime import Runtime
from tests.conftest import free_port, wait_until

USERS = {INGEST_USER: "ingest-password", REGISTRY_USER: "registry-password"}


@dataclass
class RunningBroker:
    """A real Mosquitto with the platform's configuration, and a folder of its own."""

    runtime: Runtime
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = BrokerConfig(
            folder=PurePosixPath(self.runtime.inside(self.folder)),
            plugins=PurePosixPath(self.runtime.plugins),
            mqtt_port=self.port,
            websocket_port=None,
        )
        self.folder.mkdir(exist_ok=True)
        broker_service.prepare(self.runtime, self.folder, config, USERS)
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                broker_service.command(self.runtime, self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until((self.folder / "mosquitto.pid").exists, "the broker to start")

    def add(self, *devices: str) -> None:
        """Let devices in, each with its id as secret."""
        file = self.folder / "passwords"
        known = [tuple(line.split(":", 1)) for line in file.read_text().splitlines()]
        entries = [(user, hashed) for user, hashed in known if user not in devices]
        entries += [(device, passwords.hash_secret(device)) for device in devices]
        passwords.replace(file, passwords.render(entries))
        assert passwords.reload(self.folder / "mosquitto.pid")
        for device in devices:
            wait_until(partial(self.accepts, device, device), f"{device} is let in")

    def accepts(self, user: str, password: str) -> bool:
        """Whether the broker lets a device in."""
        try:
            with self.client(user, password):
                return True
        except ConnectionError:
            return False

    @contextmanager
    def client(
        self,
        user: str,
        password: str | None = None,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
    ) -> Iterator[mqtt.Client]:
        """A connected paho client."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user, protocol=version)
        client.username_pw_set(user, password or user)
        answers: list[int] = []
        client.on_connect = lambda *event: answers.append(event[3].value)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            wait_until(lambda: answers, "an answer of the broker")
            if answers[0] != 0:
                raise ConnectionError(answers[0])
            yield client
        finally:
            client.disconnect()
            client.loop_stop()

    def kill(self) -> None:
        """End it the hard way."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture
def broker(
    programs: Runtime, session_home: Path, request: pytest.FixtureRequest
) -> Iterator[RunningBroker]:
    """A broker of this test's own."""
    running = RunningBroker(programs, session_home / f"broker-{free_port()}")
    running.start()
    yield running
    running.stop()


@dataclass
class RunningIngest:
    """The ingest service in a thread."""

    settings: Settings
    pipeline: Pipeline = field(init=False)
    thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self.pipeline = Pipeline(self.settings)
        self.thread = threading.Thread(target=self.pipeline.run)
        self.thread.start()
        wait_until(lambda: self.pipeline.problem() != NOT_CONNECTED, "ingest to connect")

    def stop(self) -> None:
        self.pipeline.stopping.set()
        self.thread.join(30)
        assert not self.thread.is_alive()

    def count(self, name: str, **labels: str) -> float:
        """The value of one of its counters."""
        value = self.pipeline.metrics.registry.get_sample_value(
            f"technopark_ingest_{name}_total", labels
        )
        return value or 0


NOT_CONNECTED = "ingest is not connected to the broker"


def ingest_settings(database_url: str, broker_port: int, **others: object) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "broker_port": broker_port,
            "ingest_password": USERS[INGEST_USER],
            "ingest_linger_ms": 1,
            **others,
        }
    )


@pytest.fixture
def ingest(database_url: str, broker: RunningBroker) -> Iterator[RunningIngest]:
    """Ingest between this test's broker and this test's database."""
    running = RunningIngest(ingest_settings(database_url, broker.port))
    running.start()
    yield running
    running.stop()


def register(connection: psycopg.Connection, *devices: str) -> None:
    """Put devices of one tenant into the registry's tables."""
    connection.execute(
        "INSERT INTO tenants (id, name, kind) VALUES ('acme', 'Acme', 'startup') "
        "ON CONFLICT DO NOTHING"
    )
    for device in devices:
        connection.execute(
            "INSERT INTO devices (id, tenant_id, name) VALUES (%s, 'acme', %s)", [device, device]
        )
