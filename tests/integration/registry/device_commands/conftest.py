"""A registry, its broker and devices of paho, for the tests of commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cli.api import Api
from stack.runtime import Runtime
from tests.conftest import cloned
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    populate,
    registry_settings,
    serving,
)
from tests.parts import RunningBroker, free_port, wait_until

PATH = "devices/sunny-1/commands"


@dataclass
class Site:
    """A registry, its broker and its world, for all tests of a file."""

    broker: RunningBroker
    registry: RunningRegistry
    connection: psycopg.Connection
    world: World
    secrets: dict[str, str] = field(default_factory=dict)

    def as_(self, name: str) -> Api:
        return self.registry.as_(self.world.tokens[name])

    def secret(self, device: str) -> str:
        """The secret of a device, which the broker knows."""
        if device not in self.secrets:
            made = self.registry.admin.post(f"devices/{device}/secrets")["secret"]
            wait_until(lambda: self.broker.accepts(device, made), f"{device} is let in")
            self.secrets[device] = made
        return self.secrets[device]

    def send(self, name: str = "stop", ttl: int = 60, **params: Any) -> Any:
        """A command of Sunny's owner to its device."""
        body = {"name": name, "params": params, "ttl_seconds": ttl}
        return self.as_("owner").post(PATH, body)

    def command(self, sent: Any) -> Any:
        return self.as_("owner").get(f"{PATH}/{sent['id']}")

    def outcome(self, sent: Any, status: str) -> Any:
        """The command, once it has a status."""
        wait_until(lambda: self.command(sent)["status"] == status, f"the command is {status}")
        return self.command(sent)


@pytest.fixture(scope="module")
def site(
    server: str,
    template: str,
    programs: Runtime,
    tmp_path_factory: pytest.TempPathFactory,
    session_home: Any,
) -> Iterator[Site]:
    broker = RunningBroker(programs, session_home / f"broker-{free_port()}")
    broker.start()
    try:
        with (
            cloned(server, template) as url,
            psycopg.connect(url, autocommit=True) as connection,
            serving(registry_settings(url, broker.folder, broker.port), connection) as registry,
        ):
            wait_until(lambda: registry.app.state.publisher.connected, "the registry at the broker")
            yield Site(broker, registry, connection, populate(connection))
    finally:
        broker.stop()


@dataclass
class PahoDevice:
    """A device whose maker uses paho.

    Attributes:
        heard: the commands that came, in their order.
    """

    client: Client
    name: str
    heard: list[MQTTMessage] = field(default_factory=list)

    def answer(self, command: str, payload: str | bytes) -> None:
        topic = f"devices/{self.name}/commands/{command}/reply"
        self.client.publish(topic, payload, qos=1).wait_for_publish(10)

    def wait_for(self, sent: Any) -> None:
        wait_until(lambda: any(sent["id"] in m.topic for m in self.heard), "the command")


@contextmanager
def device(
    site: Site,
    name: str = "sunny-1",
    *,
    session: bool = False,
    version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
) -> Iterator[PahoDevice]:
    """A connected device that listens to its commands; with a session, if it wants, that stays."""
    found, ready = PahoDevice(connecting(site, name, session, version), name), []
    found.client.on_message = lambda _c, _u, message: found.heard.append(message)
    found.client.on_subscribe = lambda *event: ready.append(event)
    found.client.loop_start()
    try:
        wait_until(found.client.is_connected, "the connection")
        found.client.subscribe(f"devices/{name}/commands/+", qos=1)
        wait_until(lambda: ready, "the subscription")
        yield found
    finally:
        found.client.disconnect()
        found.client.loop_stop()


def connecting(site: Site, name: str, session: bool, version: MQTTProtocolVersion) -> Client:
    """A client that is about to connect; with version 3.1.1 the session never ends by itself."""
    address = ("127.0.0.1", site.broker.port)
    if version is MQTTProtocolVersion.MQTTv311:
        client = Client(
            CallbackAPIVersion.VERSION2, name, clean_session=not session, protocol=version
        )
        client.username_pw_set(name, site.secret(name))
        client.connect(*address)
        return client
    client = Client(CallbackAPIVersion.VERSION2, name, protocol=version)
    client.username_pw_set(name, site.secret(name))
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own
    properties.SessionExpiryInterval = 3600 if session else 0
    client.connect(*address, clean_start=not session, properties=properties)
    return client
