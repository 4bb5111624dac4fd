"""The broker of the containers, started with this machine's Mosquitto."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import paho.mqtt.client as mqtt
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from broker import passwords
from broker.config import INGEST_USER, INGEST_USERS
from cli.environment import BrokerSettings, broker_config, render_broker, render_serve_script
from stack import broker_service
from stack.runtime import Runtime
from tests.parts import free_port, wait_until

PASSWORD = "not a secret"


class Container:
    """What the broker's container does: its command, in its folder."""

    def __init__(self, programs: Runtime, home: Path) -> None:
        self.programs = programs
        self.folder = home / f"compose-{free_port()}"
        self.private = self.folder.with_suffix(".tmp")
        self.port = free_port()
        self.owner = programs.owner("mosquitto")

    def render(self) -> None:
        """The steps of `technopark render-broker`; here the broker sees its folder elsewhere."""
        settings = BrokerSettings(
            broker_folder=self.programs.inside(self.folder),
            broker_plugins=PurePosixPath(self.programs.plugins),
            broker_pid_file=PurePosixPath(self.programs.inside(self.private)) / "mosquitto.pid",
            mqtt_port=self.port,
            websocket_port=free_port(),
            ingest_password=PASSWORD,
            registry_password=PASSWORD,
        )
        config, program = broker_config(settings), PurePosixPath(self.programs.mosquitto)
        users = {INGEST_USER: PASSWORD}
        broker_service.write(self.folder, config, users, program, self.owner)
        passwords.replace(self.folder / "serve.sh", render_serve_script(config), self.owner)
        self.private.mkdir()
        os.chown(self.private, *self.owner)

    def start(self) -> None:
        script = self.programs.inside(self.folder / "serve.sh")
        with self.folder.with_suffix(".log").open("wb") as log:
            self.process = subprocess.Popen(
                self.programs.command(["sh", script], account="mosquitto"),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def let_in(self, **devices: str) -> None:
        """Replace the password file, as the registry does from its own container."""
        entries = passwords.internal_entries({INGEST_USER: PASSWORD, **devices})
        passwords.replace(self.folder / "passwords", passwords.render(entries), self.owner)


@contextmanager
def connected(port: int, user: str, password: str) -> Iterator[mqtt.Client]:
    """A client that connects by itself as soon as it may."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user)
    client.username_pw_set(user, password)
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def container(programs: Runtime, session_home: Path) -> Iterator[Container]:
    made = Container(programs, session_home)
    made.render()
    made.start()
    # An answer, not only an open port: from then on the broker handles signals too.
    with connected(made.port, INGEST_USER, PASSWORD) as first:
        wait_until(first.is_connected, "the broker to let ingest in")
    yield made
    made.process.terminate()
    made.process.wait(20)


def test_a_replaced_password_file_counts_within_two_seconds_without_a_signal_from_outside(
    container: Container,
) -> None:
    with connected(container.port, INGEST_USER, PASSWORD) as known:
        wait_until(known.is_connected, "the broker to let ingest in")
        container.let_in(meter="opensesame")
        with connected(container.port, "meter", "opensesame") as device:
            wait_until(device.is_connected, "the new device to be let in", seconds=4)
            container.let_in()
            wait_until(lambda: not device.is_connected(), "the device to be put out", seconds=2)
            assert known.is_connected()
    # A process id means something else in another container, which would signal a stranger.
    assert not (container.folder / "mosquitto.pid").exists()


def test_nothing_stays_behind_when_the_broker_ends(container: Container) -> None:
    children = psutil.Process(container.process.pid).children(recursive=True)
    assert children
    container.process.terminate()
    assert container.process.wait(20) == 0
    psutil.wait_procs(children, timeout=3)
    assert not any(child.is_running() for child in children)


def test_the_command_fills_the_folder_and_keeps_the_devices_that_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHNOPARK_BROKER_FOLDER", str(tmp_path / "broker"))
    monkeypatch.setenv("TECHNOPARK_INGEST_PASSWORD", PASSWORD)
    monkeypatch.setenv("TECHNOPARK_REGISTRY_PASSWORD", PASSWORD)
    render_broker()
    folder = tmp_path / "broker"
    with (folder / "passwords").open("a") as file:
        file.write(passwords.render([("meter", passwords.hash_secret("tpd_x"))]))
    render_broker()
    users = {line.partition(":")[0] for line in (folder / "passwords").read_text().splitlines()}
    assert users == {*INGEST_USERS, "_registry", "_replies", "meter"}
    assert "certfile" not in (folder / "mosquitto.conf").read_text()
    assert (folder / "serve.sh").exists()


def test_a_certificate_in_the_folder_switches_tls_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHNOPARK_BROKER_FOLDER", str(tmp_path))
    monkeypatch.setenv("TECHNOPARK_INGEST_PASSWORD", PASSWORD)
    monkeypatch.setenv("TECHNOPARK_REGISTRY_PASSWORD", PASSWORD)
    (tmp_path / "tls").mkdir()
    for name in ("server.pem", "server.key"):
        (tmp_path / "tls" / name).touch()
    render_broker()
    assert "listener 8883 127.0.0.1" in (tmp_path / "mosquitto.conf").read_text()
