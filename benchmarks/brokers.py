"""The broker as the platform runs it, once for each promise about acknowledged messages."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

from broker.config import INGEST_SUBSCRIPTIONS, INGEST_USER, BrokerConfig, Durability
from broker.session import Session
from stack import broker_service
from stack.runtime import Runtime
from tests.parts import USERS, free_port, listens, wait_until

# name → what an acknowledged message survives; None: nothing, the queue is in memory.
KINDS: dict[str, Durability | None] = {
    "kill": Durability.KILL,
    "power": Durability.POWER,
    "memory": None,
}
PERSISTENCE = ("persist_sqlite", "plugin_opt_db_file", "plugin_opt_flush", "plugin_opt_sync")


@dataclass(frozen=True)
class Broker:
    """A running broker.

    Attributes:
        port: of its plain MQTT listener.
        process: Mosquitto itself.
    """

    port: int
    process: psutil.Process


@contextmanager
def running(programs: Runtime, home: Path) -> Iterator[dict[str, Broker]]:
    """One broker of each kind, each with ingest's session."""
    with ExitStack() as parts:
        yield {
            name: parts.enter_context(running_broker(programs, home / f"broker-{name}", durability))
            for name, durability in KINDS.items()
        }


@contextmanager
def running_broker(
    programs: Runtime, folder: Path, durability: Durability | None
) -> Iterator[Broker]:
    """One broker in a folder of its own."""
    config = BrokerConfig(
        folder=PurePosixPath(programs.inside(folder)),
        plugins=PurePosixPath(programs.plugins),
        mqtt_port=free_port(),
        websocket_port=None,
        durability=durability or Durability.KILL,
    )
    folder.mkdir()
    broker_service.prepare(programs, folder, config, USERS)
    command = broker_service.command(programs, folder)
    if durability is None:
        forget_persistence(folder / "mosquitto.conf")
        file = programs.inside(folder / "mosquitto.conf")
        command = programs.command([programs.mosquitto, "-c", file], account="mosquitto")
    with (folder / "broker.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: listens(config.mqtt_port), "the broker to start")
        drain(config.mqtt_port)
        yield Broker(config.mqtt_port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(10)


def forget_persistence(file: Path) -> None:
    """Take the durable queue out of a configuration; all else stays."""
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(x for x in lines if not any(word in x for word in PERSISTENCE)))


def connect(port: int) -> Session:
    """Ingest's session."""
    return Session("127.0.0.1", port, INGEST_USER, USERS[INGEST_USER], INGEST_SUBSCRIPTIONS)


def drain(port: int) -> None:
    """Make ingest's session where there is none, and throw away what a run before left in it."""
    with connect(port) as session:
        while packets := session.receive(0.2):
            session.acknowledge([p.packet_id for p in packets if p.packet_id is not None])
