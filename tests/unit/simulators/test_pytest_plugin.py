"""The fixture for tests of others."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from simulators import SimulatedDevice
from simulators.dialect import Dialect
from simulators.faults import BrokenJson, DropOut, LateBurst
from simulators.pytest_plugin import simulated_device

__all__ = ["simulated_device"]
START = 1_772_323_200_000


def test_a_simulated_device_publishes_what_a_real_one_would(
    simulated_device: Callable[..., SimulatedDevice],
) -> None:
    device = simulated_device("cold-chain", "fridge-1", seed=3)
    messages = list(device.messages(START, seconds=600))
    assert [message.due for message in messages] == [START + 60_000 * n for n in range(10)]
    assert {message.topic for message in messages} == {"devices/fridge-1/telemetry"}
    first = json.loads(messages[0].payload)
    assert first["ts"] == START
    assert set(first["values"]) == set(device.simulation.kind.metrics)
    again = simulated_device("cold-chain", "fridge-1", seed=3)
    assert list(again.messages(START, seconds=600)) == messages
    assert device.desire({"set_point_cel": 4}) == {"set_point_cel": 4.0}
    assert device.attributes()["set_point_cel"] == 4.0
    assert device.command("defrost") == {"seconds": 720.0}


def test_a_simulated_device_has_the_faults_that_it_is_given(
    simulated_device: Callable[..., SimulatedDevice],
) -> None:
    faults = [DropOut(rate=0.2), LateBurst(rate=0.5)]
    device = simulated_device("air-quality", faults=faults)
    messages = list(device.messages(START, seconds=7200, interval=10))
    assert 500 < len(messages) < 650
    assert any(message.due > json.loads(message.payload)["ts"] for message in messages)


def test_a_simulated_device_speaks_the_dialect_that_it_is_given(
    simulated_device: Callable[..., SimulatedDevice],
) -> None:
    dialect = Dialect("dt/$device", '{"at": $ts, "celsius": $air_temperature}')
    device = simulated_device("cold-chain", "fridge-1", dialect=dialect)
    [message] = device.messages(START, seconds=60)
    assert message.topic == "dt/fridge-1"
    assert json.loads(message.payload).keys() == {"at", "celsius"}
    broken = simulated_device("cold-chain", faults=[BrokenJson(rate=1.0)], dialect=dialect)
    [message] = broken.messages(START, seconds=60)
    with pytest.raises(ValueError, match=r"Expecting|decode|Unterminated"):
        json.loads(message.payload)


def test_an_unknown_kind_is_named_with_those_that_there_are(
    simulated_device: Callable[..., SimulatedDevice],
) -> None:
    with pytest.raises(ValueError, match="there is no kind 'toaster': there are pv-inverter"):
        simulated_device("toaster")


def test_the_plugin_is_found_by_its_name(pytestconfig: pytest.Config) -> None:
    manager = pytest.PytestPluginManager()
    manager.import_plugin("simulators.pytest_plugin")
    assert manager.has_plugin("simulators.pytest_plugin")
