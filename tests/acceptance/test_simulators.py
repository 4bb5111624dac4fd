"""Simulated devices with every fault, through the whole platform, held against their ledger."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml

from cli.ledger import Stored
from simulators import FAULTS, Address, SimulatedDevice
from simulators.account import Account, account
from simulators.ledger import Contents, read
from tests.acceptance.conftest import RunningPlatform
from tests.parts import wait_until

SPEED, SECONDS, INTERVAL, DEVICES = 600, 6, 120, 4
RATES = {"broken-json": 0.2, "drop-out": 0.2, "duplicate": 0.2, "spike": 0.2}


@pytest.fixture(scope="module")
def ledger(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What devices with one fault each have sent in a simulated hour."""
    folder = tmp_path_factory.mktemp("ledger")
    scenario = folder / "faults.yaml"
    scenario.write_text(yaml.safe_dump(plan()))
    done = platform.technopark(
        "simulate", str(scenario), "--speed", str(SPEED), "--for", str(SECONDS),
        "--ledger", str(folder / "ledger"), "--summary", str(folder / "summary"),
        "--port", str(platform.ports["MQTT"]), "--seed", "3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "seal").write_text(done.stdout.split("sealed: ")[1].strip())
    return folder / "ledger"


def plan() -> dict[str, object]:
    """A fleet for each fault, and one without."""
    fleets = [
        {
            "kind": "classroom-kit", "count": DEVICES, "tenant": "acme", "prefix": f"kit-{name}",
            "interval": INTERVAL, "faults": {name: RATES.get(name, 0.5)} if name in FAULTS else {},
        }
        for name in ("healthy", *FAULTS)
    ]  # fmt: skip
    tenants = [{"id": "acme", "name": "Acme"}]
    return {"name": "faults", "description": "Faults", "tenants": tenants, "fleets": fleets}


@pytest.fixture(scope="module")
def account_of(platform: RunningPlatform, ledger: Path) -> Callable[[str], Account]:
    """What became of the messages of the devices with a fault."""
    contents = read(ledger)

    @cache
    def found(fault: str) -> Account:
        chosen = {i: sent for i, sent in contents.devices.items() if i.startswith(f"kit-{fault}")}
        with platform.api() as api:
            return account(Contents(chosen), Stored(api))

    return found


def test_the_check_finds_no_difference(platform: RunningPlatform, ledger: Path) -> None:
    seal = ledger.with_name("seal").read_text()
    done = platform.technopark("ledger", "check", str(ledger), "--seal", seal)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 unexplained differences" in done.stdout
    assert "unknown-format" in done.stdout
    other = platform.technopark("ledger", "check", str(ledger), "--seal", "0" * 16)
    assert other.returncode == 1
    assert "its end was cut off" in other.stderr


def test_a_healthy_fleet_is_stored_as_it_was_sent(account_of: Callable[[str], Account]) -> None:
    found = account_of("healthy")
    assert found.messages == found.acknowledged == found.stored
    assert found.messages > DEVICES
    assert (found.rejected, found.repeated, found.late, found.differences) == (0, 0, 0, [])


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_becomes_what_it_ought_to(
    platform: RunningPlatform, account_of: Callable[[str], Account], fault: str
) -> None:
    expected, healthy, found = FAULTS[fault].expects, account_of("healthy"), account_of(fault)
    assert not found.differences
    match expected.effect:
        case "rejection":
            assert found.reasons[str(expected.reason)] > 0
        case "duplicate":
            assert found.repeated > 0
        case "missing":
            assert found.messages < healthy.messages
        case "flag":
            assert flags(platform, fault) > 0 or fault == "unit-mix-up"
        case "late" | "stored":
            assert found.stored == found.acknowledged == found.messages
    if expected.effect != "rejection":
        assert not found.rejected


def flags(platform: RunningPlatform, fault: str) -> int:
    """How many readings of the first device with a fault are outside of its model's range."""
    with platform.api() as api:
        device = f"devices/kit-{fault}-01"
        metrics = [one["metric"] for one in api.items(f"{device}/latest")]
        readings = [r for m in metrics for r in api.items(f"{device}/readings", metric=m)]
    return sum(reading["flag"] is not None for reading in readings)


def test_devices_that_were_offline_came_back(ledger: Path) -> None:
    summary = json.loads(ledger.with_name("summary").read_text())
    assert summary["connections"] > len(summary["devices"])
    assert summary["rejections"] > 0


def test_a_battery_is_commanded_from_the_command_line(platform: RunningPlatform) -> None:
    device, secret = platform.add_device("pack-1")
    address = Address("127.0.0.1", platform.ports["MQTT"])
    with SimulatedDevice("battery-pack", device, secret, broker=address) as pack:
        charge = ("start_charge", "--param", "current_a=2")
        charging = platform.technopark("device", "command", device, *charge)
        assert charging.returncode == 0, charging.stderr
        assert f"{device} answers {{" in charging.stdout
        too_much = ("start_charge", "--param", "current_a=900")
        refused = platform.technopark("device", "command", device, *too_much)
        assert refused.returncode == 1
        assert f"{device} refuses: current_a" in refused.stderr
        assert [command["name"] for command in pack.commands] == ["start_charge"] * 2
    listed = json.loads(platform.technopark("device", "commands", device, "--json").stdout)
    assert [(row["status"], row["params"]["current_a"]) for row in listed] == [
        ("refused", 900),
        ("done", 2),
    ]


def test_a_tampered_line_is_found_out(
    platform: RunningPlatform, ledger: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    shutil.copy(ledger, changed)
    lines = changed.read_text().splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if '"telemetry"' in line)
    lines[number] = lines[number].replace('\\"values\\"', '\\"valves\\"')
    changed.write_text("".join(lines))
    done = platform.technopark("ledger", "check", str(changed))
    assert done.returncode == 1
    assert f"line {number + 1}: the chain breaks here" in done.stderr


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_what_was_recorded_can_be_replayed_as_another_device(
    platform: RunningPlatform, ledger: Path, tmp_path: Path, suffix: str
) -> None:
    file, device = tmp_path / f"kit{suffix}", f"copy-{suffix[1:]}"
    recorded = platform.technopark("record", "kit-healthy-01", "-o", str(file))
    assert recorded.returncode == 0, recorded.stderr
    _, secret = platform.add_device(device)
    credentials = tmp_path / "credentials"
    credentials.write_text(json.dumps({"id": device, "secret": secret}))
    played = platform.technopark(
        "replay", str(file), "--device", device, "--credentials", str(credentials),
        "--speed", "100000", "--port", str(platform.ports["MQTT"]),
    )  # fmt: skip
    assert played.returncode == 0, played.stderr
    with platform.api() as api:
        count = len(list(api.items("devices/kit-healthy-01/readings", metric="light")))
        stored = f"devices/{device}/readings"
        wait_until(lambda: len(list(api.items(stored, metric="light"))) == count, "the readings")
    again = tmp_path / f"again{suffix}"
    assert platform.technopark("record", device, "-o", str(again)).returncode == 0
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        assert pq.read_table(again).equals(pq.read_table(file))
    else:
        assert again.read_bytes() == file.read_bytes()


def test_devices_connect_with_tls_and_only_to_a_broker_that_they_trust(
    platform: RunningPlatform, tmp_path: Path
) -> None:
    device, secret = platform.add_device("tls-device")
    credentials = tmp_path / "credentials"
    credentials.write_text(json.dumps({"id": device, "secret": secret}))
    arguments = [
        "simulate", "smart-meter", "--credentials", str(credentials), "--interval", "0.2",
        "--port", str(platform.ports["MQTTS"]), "--for", "1", "--tls",
    ]  # fmt: skip
    trusted = platform.technopark(*arguments, "--ca-file", str(platform.home / "ca.pem"))
    assert trusted.returncode == 0, trusted.stderr
    doubted = platform.technopark(*arguments)
    assert doubted.returncode == 1
    assert "its certificate is not trusted" in doubted.stderr
    no_file = platform.technopark(*arguments, "--ca-file", str(credentials))
    assert no_file.returncode == 1
    assert "cannot be trusted" in no_file.stderr
