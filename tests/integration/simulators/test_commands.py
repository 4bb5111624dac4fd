"""`technopark simulate` and `replay` against the API, the broker, ingest and the database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from typer.testing import CliRunner, Result

from broker.config import INGEST_USER
from cli.replay import replay
from cli.simulate import simulate
from simulators import KINDS
from tests.integration.registry.conftest import RunningRegistry
from tests.parts import USERS, RunningBroker, RunningIngest, wait_until

app = typer.Typer()
app.command()(simulate)
app.command()(replay)


class Commands:
    """The command line, pointed at a running platform."""

    def __init__(self, registry: RunningRegistry, folder: Path) -> None:
        self.registry = registry
        self.file = folder / "summary.json"
        self.environment = {
            "TECHNOPARK_API_URL": registry.url,
            "TECHNOPARK_TOKEN": registry.admin_token,
            "TECHNOPARK_BROKER_PORT": str(registry.settings.broker_port),
        }

    def run(self, *arguments: str, **environment: str) -> Result:
        """Run a command to its end."""
        settings = {**self.environment, **environment}
        return CliRunner().invoke(app, [*arguments, "--summary", str(self.file)], env=settings)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run a command beside the test."""
        program = "from tests.integration.simulators.test_commands import app; app()"
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments, "--summary", str(self.file)],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def summary(self) -> dict[str, Any]:
        """What the last command has counted."""
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def acknowledged(self) -> int:
        """Messages, while a command runs."""
        return int(self.summary()["acknowledged"]) if self.file.exists() else 0


@pytest.fixture
def commands(wired: RunningRegistry, tmp_path: Path) -> Commands:
    """Commands beside a registry and a broker."""
    return Commands(wired, tmp_path)


def stored(connection: psycopg.Connection, device: str, counts: dict[str, Any]) -> int:
    """How many readings of a device the database has of the time that was acknowledged."""
    row = connection.execute(
        "SELECT count(*) FROM telemetry WHERE device = %s "
        "AND ts BETWEEN to_timestamp(%s / 1000.0) AND to_timestamp(%s / 1000.0)",
        [device, counts["first_ts"], counts["last_ts"]],
    ).fetchone()
    return int(row[0]) if row else 0


def require_all_stored(connection: psycopg.Connection, summary: dict[str, Any]) -> None:
    """Fail unless the database holds every acknowledged value once."""
    assert not summary["running"]
    for device, counts in summary["devices"].items():
        wait_until(
            lambda d=device, c=counts: stored(connection, d, c) >= c["values"],  # type: ignore[misc]
            f"the values of {device}",
        )
        assert stored(connection, device, counts) == counts["values"] > 0


def test_simulated_devices_are_registered_and_every_acknowledged_value_is_stored_once(
    commands: Commands, ingest: RunningIngest, connection: psycopg.Connection
) -> None:
    for _ in range(2):  # the second time all is there already
        result = commands.run("simulate", "--devices", "8", "--interval", "0.1", "--for", "1")
        assert result.exit_code == 0, result.output
        assert commands.summary()["acknowledged"] >= 8 * 7
        require_all_stored(connection, commands.summary())
        wait_until(
            lambda: not any(d["online"] for d in commands.registry.admin.items("devices")),
            "the devices to be offline",
        )
    devices = list(commands.registry.admin.items("devices", tenant_id="demo"))
    assert [device["id"] for device in devices] == sorted(f"demo-{kind}-01" for kind in KINDS)
    assert devices[0]["model_id"] == "air-quality"
    assert devices[0]["attributes"]["simulated"] is True
    assert devices[0]["attributes"]["kind"] == "air-quality"
    units = {
        metric["metric"]: metric["unit"]
        for model in commands.registry.admin.items("models")
        for metric in model["metrics"]
        if model["id"] == "pv-inverter"
    }
    assert units == {signal.metric: signal.unit for signal in KINDS["pv-inverter"].signals}


def test_the_typical_year_arrives_at_the_present_and_is_stored_once_however_often_it_is_played(
    commands: Commands, ingest: RunningIngest, connection: psycopg.Connection
) -> None:
    for _ in range(2):
        result = commands.run("replay", "--speed", "72000", "--for", "1", "--take-over")
        assert result.exit_code == 0, result.output
        require_all_stored(connection, commands.summary())
    counts = commands.summary()["devices"]["demo-weather-station-01"]
    assert 19 <= counts["acknowledged"] <= 20
    age = time.time() - counts["last_ts"] / 1000
    assert 0 <= age < 2 * 3600


def test_an_own_file_is_played_as_a_simulated_device_that_exists(
    commands: Commands, ingest: RunningIngest, connection: psycopg.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "log.csv"
    file.write_text("When;Speed;Note\n01.02.2024 10:00;100;x\n01.02.2024 10:01;;\n")
    arguments = [
        "replay", str(file), "--map", "speed=Speed", "--time", "When",
        "--time-format", "%d.%m.%Y %H:%M", "--zone", "+01:00", "--device", "bench-1",
    ]  # fmt: skip
    unknown = commands.run(*arguments)
    assert unknown.exit_code == 1
    assert "no device bench-1" in unknown.output
    api = commands.registry.admin
    api.post("tenants", {"id": "acme", "name": "Acme", "kind": "startup"})
    api.post("devices", {"id": "bench-1", "tenant_id": "acme", "name": "Bench"})
    real = commands.run(*arguments)
    assert real.exit_code == 1
    assert "lock the real device out" in real.output
    api.patch("devices/bench-1", {"tags": ["simulated"]})
    played = commands.run(*arguments)
    assert played.exit_code == 0, played.output
    assert "1 cells hold no number" in played.output
    require_all_stored(connection, commands.summary())
    found = connection.execute("SELECT ts, metric, value FROM telemetry").fetchall()
    assert found == [(datetime(2024, 2, 1, 9, tzinfo=UTC), "speed", 100.0)]


def test_devices_of_a_running_simulation_are_taken_only_when_told_so(
    commands: Commands, ingest: RunningIngest
) -> None:
    one = ["simulate", "pv-inverter", "--devices", "1", "--interval", "0.2"]
    running = commands.start(*one)
    wait_until(lambda: commands.acknowledged() > 2, "the first simulation")
    device = commands.registry.admin
    wait_until(lambda: device.get("devices/demo-pv-inverter-01")["online"], "the device online")
    refused = commands.run(*one, "--for", "1")
    assert refused.exit_code == 1
    assert "another simulation is running" in refused.output
    taken = commands.run(*one, "--for", "2", "--take-over")
    assert taken.exit_code == 0, taken.output
    _, words = running.communicate(timeout=20)
    assert running.returncode == 1
    assert "demo-pv-inverter-01 was stopped" in words


def test_a_scenario_with_a_past_is_registered_sent_and_accounted_for(
    commands: Commands, ingest: RunningIngest, connection: psycopg.Connection, tmp_path: Path
) -> None:
    book = tmp_path / "ledger"
    arguments = [
        "simulate", "cimahi-lab", "--devices", "6", "--interval", "600", "--backfill", "1d",
        "--for", "0",
    ]  # fmt: skip
    result = commands.run(*arguments, "--ledger", str(book))
    assert result.exit_code == 0, result.output
    assert "the ledger is sealed" in result.output
    require_all_stored(connection, commands.summary())
    counts = commands.summary()["devices"]["surya-atap-pv-inverter-01"]
    assert counts["acknowledged"] == 1
    assert counts["values"] >= 140 * len(KINDS["pv-inverter"].signals)
    api = commands.registry.admin
    assert api.get("devices/surya-atap-pv-inverter-01")["lab_id"] == "cimahi-energy"
    assert api.get("tenants/surya-atap")["park_id"] == "cimahi"
    assert api.get("tenants/warga-cimahi")["park_id"] is None
    again = commands.run(*arguments, "--ledger", str(book), "--take-over")
    assert again.exit_code == 1
    assert "is there already" in again.output


def test_a_mistake_in_a_scenario_and_a_missing_credential_are_told_before_anything_is_sent(
    commands: Commands, tmp_path: Path
) -> None:
    file, keys = tmp_path / "mine.yaml", tmp_path / "keys"
    file.write_text("name: mine\ndescription: x\ntenants: []\nfleets: []\nflets: []\n")
    result = commands.run("simulate", str(file))
    assert result.exit_code == 1
    assert (
        "mine.yaml, line 5: flets: there is no field flets: did you mean fleets?" in result.output
    )
    keys.write_text('{"id": "a-1", "secret": "x"}\n')
    result = commands.run("simulate", "classroom", "--credentials", str(keys))
    assert result.exit_code == 1
    assert "30 devices need as many credentials, and there are 1" in result.output


def test_another_platforms_topic_and_payload_are_used(
    commands: Commands, broker: RunningBroker, tmp_path: Path
) -> None:
    api = commands.registry.admin
    api.post("tenants", {"id": "acme", "name": "Acme", "kind": "startup"})
    secret = api.post("devices", {"id": "acme-1", "tenant_id": "acme", "name": "A"})["secret"]
    keys = tmp_path / "keys"
    login = {"id": "Sensor 1", "secret": secret, "username": "acme-1", "client_id": "acme-1"}
    keys.write_text(json.dumps(login))
    heard: list[tuple[str, bytes]] = []
    with broker.client(INGEST_USER, USERS[INGEST_USER]) as platform:
        platform.on_message = lambda _c, _u, m: heard.append((m.topic, bytes(m.payload)))
        platform.subscribe("devices/acme-1/telemetry", qos=1)
        result = commands.run(
            "simulate", "air-quality", "--credentials", str(keys), "--interval", "0.2", "--for",
            "1.5", "--topic", "devices/acme-1/telemetry",
            "--payload", '{"n": "$device", "co2": $co2}',
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        wait_until(lambda: len(heard) >= 4, "the messages")
    body = json.loads(heard[0][1])
    assert body["n"] == "Sensor 1"
    assert body["co2"] > 300


def test_ctrl_c_ends_with_a_summary(commands: Commands) -> None:
    running = commands.start("simulate", "--devices", "4", "--interval", "0.2")
    wait_until(lambda: commands.acknowledged() > 10, "some messages")
    running.send_signal(signal.SIGINT)
    words, _ = running.communicate(timeout=20)
    assert running.returncode == 0
    assert "4 devices published" in words
    summary = commands.summary()
    assert not summary["running"]
    assert summary["unacknowledged"] == 0


def test_wrong_credentials_are_named_and_nothing_acknowledged_is_a_failure(
    commands: Commands, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    file.write_text('{"id": "nobody-1", "secret": "tpd_wrong"}\n')
    result = commands.run("simulate", "--credentials", str(file), "--for", "8")
    assert result.exit_code == 1
    assert "nobody-1 was stopped" in result.output
    assert "tpd_wrong" not in result.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no credentials"),
        ('{"id": "dev-1"}', "line 1"),
        ('\n["tpd_hidden"]', "line 2"),
        ('{"id": "A!", "secret": "tpd_hidden"}', "3 to 63 characters"),
    ],
)
def test_a_broken_credentials_file_is_told_by_its_line_without_its_secrets(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "credentials"
    file.write_text(text)
    result = CliRunner().invoke(app, ["simulate", "--credentials", str(file)])
    assert result.exit_code == 1
    assert words in result.output
    assert "tpd_hidden" not in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate", "toaster"], "pv-inverter"),
        (["simulate", "--interval", "0"], "interval"),
        (["simulate", "--prefix", "A b"], "small letters"),
        (["replay", "x.csv"], "--device is needed"),
        (["simulate", "clasroom"], "no scenario, kind or file"),
        (["simulate", "--rate", "5", "--interval", "1"], "exclude each other"),
        (["simulate", "--topic", "a/$device"], "credentials"),
        (["simulate", "--for", "tomorrow"], "no duration"),
        (["simulate", "--payload", "$", "--for", "1"], "without a name"),
        (["replay", "x.csv", "--device", "dev-1", "--map", "=a"], "METRIC=COLUMN"),
        (["replay", "x.csv", "--device", "dev-1", "--map", "a=b", "--zone", "CET"], "+05:30"),
        (["replay", "--year", "2024", "--shift", "now"], "exclude each other"),
        (["replay", "--map", "a=b", "--device", "dev-1"], "FILE is needed"),
    ],
)
def test_a_wrong_option_is_a_usage_error(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_without_the_platform_the_error_says_how_to_start_it() -> None:
    result = CliRunner().invoke(
        app, ["simulate", "--api-url", "http://127.0.0.1:9", "--token", "tpa_x"]
    )
    assert result.exit_code == 1
    assert "technopark up" in result.output


def test_who_may_not_offer_models_to_everybody_gets_the_tenants_own(
    commands: Commands, connection: psycopg.Connection
) -> None:
    api = commands.registry.admin
    api.post("tenants", {"id": "acme", "name": "Acme", "kind": "startup"})
    user = api.post("users", {"email": "a@example.org", "name": "A"})
    role = {"role": "tenant-owner", "tenant_id": "acme"}
    api.post(f"users/{user['id']}/memberships", role)
    token = api.post("tokens", {"name": "test", "user_id": user["id"]})["token"]
    result = commands.run(
        "simulate", "battery-pack", "--devices", "1", "--tenant", "acme", "--for", "2",
        "--interval", "0.2", TECHNOPARK_TOKEN=token,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert api.get("devices/acme-battery-pack-01")["model_id"] == "acme-battery-pack"
