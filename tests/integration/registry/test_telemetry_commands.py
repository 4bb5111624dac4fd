"""Commands about what devices send: `technopark tail`, and the line that sends a first value."""

import json
import shlex
import threading
from pathlib import Path

import psycopg
import pytest

from cli import tail
from registry.history import live
from tests.integration.registry.command_line import Command, command, run
from tests.integration.registry.conftest import RunningRegistry, World
from tests.parts import RunningBroker, RunningIngest, wait_until

__all__ = ["run"]  # a fixture


def test_tail_prints_values_as_they_come(
    wired: RunningRegistry,
    ingest: RunningIngest,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)
    run = command(wired, monkeypatch, tmp_path)
    secret = wired.admin.post("devices/sunny-1/secrets")["secret"]

    def send(value: bytes) -> None:
        path = "/api/v1/devices/sunny-1/telemetry"
        wired.request("POST", path, secret, content=b'{"power": %b}' % value)

    send(b"1")
    wait_until(lambda: wired.admin.get("devices/sunny-1/latest")["items"], "the first value")
    later = threading.Timer(0.5, send, [b"2"])
    later.start()
    lines = run("tail sunny-1 --for 1.5 --json").output.splitlines()
    later.join()
    assert [json.loads(line)["value"] for line in lines] == [1, 2]
    assert "power = 2" in run("tail sunny-1 --for 0").output


def test_tail_prints_each_rejection_once(
    run: Command, world: World, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "POLL_SECONDS", 0.05)
    connection.execute(
        "INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size) "
        "SELECT now(), 'sunny-1', n::text, 'bad-time', n::text, '', 0 FROM generate_series(1, 3) n"
    )
    lines = run("tail sunny-1 --rejected --for 0.4").output.splitlines()
    assert [line.split("  ")[1] for line in lines] == [f"bad-time: {n}" for n in (1, 2, 3)]


def test_tail_shows_a_value_outside_its_range(
    run: Command, world: World, connection: psycopg.Connection
) -> None:
    connection.execute(
        "INSERT INTO series (device_id, metric, kind, unit) VALUES "
        "('sunny-1', 'low', 'number', 'kW'), ('sunny-1', 'usual', 'number', NULL)"
    )
    connection.execute("INSERT INTO readings SELECT id, now(), -3 FROM series")
    connection.execute("INSERT INTO latest SELECT series_id, ts, value FROM readings")
    connection.execute(
        "INSERT INTO flags SELECT l.series_id, l.ts, 'below-range' FROM latest l "
        "JOIN series s ON s.id = l.series_id WHERE s.metric = 'low'"
    )
    low, usual = run("tail sunny-1 --for 0").output.splitlines()
    assert low.endswith("low = -3 kW  ⚠ below range")
    assert usual.endswith("usual = -3")


def test_the_line_that_is_shown_for_a_new_device_works(
    wired: RunningRegistry,
    broker: RunningBroker,
    ingest: RunningIngest,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What `mosquitto_pub` does with the line's options, done by another client."""
    monkeypatch.setenv("TECHNOPARK_MQTT_PORT", str(broker.port))
    output = command(wired, monkeypatch, tmp_path)("device add Roof --tenant sunny").output
    words = shlex.split(output[output.index("mosquitto_pub") :].replace("\\\n", " "))
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["-p"] == str(broker.port)
    wait_until(lambda: broker.accepts(options["-u"], options["-P"]), "the device is let in", 2)
    with broker.client(options["-u"], options["-P"]) as client:
        client.publish(options["-t"], options["-m"], 1).wait_for_publish(5)
        latest = "devices/sunny-roof/latest"
        wait_until(lambda: wired.admin.get(latest)["items"], "the reading", 2)
    assert wired.admin.get(latest)["items"][0]["value"] == 21.5
