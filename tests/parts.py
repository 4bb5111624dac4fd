"""The real parts that tests and benchmarks run against, each in a folder of its own."""

from __future__ import annotations

import itertools
import os
import random
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from broker import passwords
from broker.config import INGEST_USER, BrokerConfig, internal_users
from ingest.pipeline import Pipeline
from ingest.settings import Settings
from stack import broker_service, database
from stack.runtime import Runtime

# Below those that Linux gives to outgoing connections, which could take one at any moment.
PORTS = range(10_000, 32_000, 8)


@cache
def port_groups() -> Iterator[int]:
    """The first ports of groups, each once before any comes again.

    What is started with a port takes it a while later: until then nobody else may be given it, not
    even a process of pytest that runs beside this one.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    groups = list(PORTS[worker % 4 :: 4])
    random.SystemRandom().shuffle(groups)
    return itertools.cycle(groups)


def free_port() -> int:
    """A port of loopback that nobody holds at this moment, nor the seven behind it."""
    for first in port_groups():
        if all(is_free(port) for port in range(first, first + PORTS.step)):
            return first
    raise AssertionError("every port is taken")


def is_free(port: int) -> bool:
    """Whether nobody holds a port of loopback."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(
    holds: Callable[[], object], what: str, seconds: float = 20, pause: float = 0.02
) -> None:
    """Return as soon as ``holds()`` is true; fail, naming ``what``, when it never is."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


def listens(port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running_database(programs: Runtime, folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """A running PostgreSQL with TimescaleDB: the URL of its maintenance database."""
    password, port = secrets.token_hex(8), free_port()
    database.create(programs, folder, password)
    command = database.command(programs, folder, port, settings)
    with folder.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    url = f"postgresql://technopark:{password}@127.0.0.1:{port}/postgres"
    try:
        wait_until(lambda: answers(url), "PostgreSQL to answer")
        yield url
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    """Whether a connection to ``url`` succeeds."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


USERS = internal_users("ingest-password", "registry-password")


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
        wait_until(lambda: listens(self.port), "the broker to start")

    def add(self, *devices: str) -> None:
        """Let devices in, each with its id as secret."""
        file = self.folder / "passwords"
        known = [tuple(line.split(":", 1)) for line in file.read_text().splitlines()]
        entries = [(user, hashed) for user, hashed in known if user not in devices]
        entries += [(device, passwords.hash_secret(device)) for device in devices]
        passwords.replace(file, passwords.render(entries))
        self.reload()
        for device in devices:
            wait_until(partial(self.accepts, device, device), f"{device} is let in")

    def reload(self) -> None:
        """Make the broker read its files again; it listens a moment before it can be told."""
        pid_file = self.folder / "mosquitto.pid"
        wait_until(partial(passwords.reload, pid_file), "the broker to be told")

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
        wait_until(
            lambda: NOT_CONNECTED not in (self.pipeline.problem() or ""), "ingest to connect"
        )

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

    def gauge(self, name: str) -> float:
        """The value of one of its gauges."""
        value = self.pipeline.metrics.registry.get_sample_value(f"technopark_ingest_{name}")
        assert value is not None, f"there is no gauge {name}"
        return value


NOT_CONNECTED = "ingest is not connected to the broker"


def ingest_settings(
    database_url: str, broker_port: int, journal: Path | str, **others: object
) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "broker_port": broker_port,
            "ingest_journal": journal,
            "ingest_password": USERS[INGEST_USER],
            "ingest_linger_ms": 1,
            **others,
        }
    )
