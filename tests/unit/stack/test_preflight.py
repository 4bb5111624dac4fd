"""What is refused before anything starts."""

import shutil
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from stack import preflight, settings
from stack.errors import PortTakenError, StackError
from tests.parts import free_port


def test_a_taken_port_is_named_with_its_holder_and_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(
            PortTakenError,
            match=rf"port {port} is taken by \S+ \(process \d+\): .*--mqtt-port or TECHNOPARK_MQTT",
        ):
            preflight.require_port(settings.load({"mqtt_port": port}), "mqtt_port")


def test_a_port_that_was_just_closed_can_be_had() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        server.accept()[0].close()
        client.close()
    preflight.require_port(settings.load({"mqtt_port": port}), "mqtt_port")


def test_an_address_of_another_machine_is_refused() -> None:
    chosen = settings.load({"listen": "192.0.2.7", "mqtt_port": free_port()})
    with pytest.raises(StackError, match=r"has no address 192\.0\.2\.7"):
        preflight.require_port(chosen, "mqtt_port")


def test_a_full_disk_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=100 * 1024**2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StackError, match=rf"{tmp_path}/new has only 100 MB free, 500 MB"):
        preflight.require_disk(tmp_path / "new")


def test_a_clock_of_before_the_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    with pytest.raises(StackError, match="clock says 1970-01-02"):
        preflight.require_clock()
