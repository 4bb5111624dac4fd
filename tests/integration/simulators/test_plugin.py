"""The fixture that other projects' tests use, in a pytest of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulators import Address, SimulatedDevice
from simulators.faults import Duplicate
from tests.integration.simulators.conftest import Reader

DOCS = Path(__file__).parents[3] / "docs" / "simulators.md"


def test_the_example_of_the_documentation_passes_in_a_project_of_its_own(
    address: Address, reader: Reader, tmp_path: Path
) -> None:
    [example] = [
        block.split("```")[0]
        for block in DOCS.read_text().split("```python\n")[1:]
        if "def test_" in block
    ]
    (tmp_path / "test_example.py").write_text(example)
    environment = {
        **os.environ,
        "BROKER_PORT": str(address.port),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "simulators.pytest_plugin", "test_example.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_device_that_is_not_let_in_says_why(address: Address) -> None:
    device = SimulatedDevice("smart-meter", "device-0", "wrong", broker=address)
    device.wait_until(lambda: True)
    with pytest.raises(TimeoutError, match="refused its secret"):
        device.__enter__()


def test_without_a_broker_a_device_tells_what_it_would_publish() -> None:
    with SimulatedDevice("cold-chain", faults=[Duplicate(rate=1.0)]) as device:
        messages = list(device.messages(start=1_772_323_200_000, seconds=60, interval=10))
        assert len(messages) == 12
        assert {message.topic for message in messages} == {"devices/simulated-1/telemetry"}
        assert json.loads(messages[0].payload)["ts"] == messages[0].due == 1_772_323_200_000
        with pytest.raises(TimeoutError, match="give a broker"):
            device.publish()
