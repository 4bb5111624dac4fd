"""Smart meters: the physics."""

from __future__ import annotations

import numpy as np
import pytest

from simulators import KINDS, Simulation
from tests.unit.simulators.kinds.times import DAY, HOUR, START


def test_a_meter_only_counts_up_and_counts_the_integral_of_the_power() -> None:
    ts = np.arange(START, START + DAY, 30_000)
    values = Simulation(KINDS["smart-meter"], 20, seed=3).over(ts)
    counted = values["energy_total"]
    assert (np.diff(counted, axis=1) >= 0).all()
    integral = np.trapezoid(values["active_power"], dx=30, axis=1) / 3.6e6
    assert counted[:, -1] - counted[:, 0] == pytest.approx(integral, rel=1e-3, abs=2e-4)
    assert 1 < integral.mean() < 20  # kWh a day
    apparent = values["voltage"] * values["current"]
    squared = values["active_power"] ** 2 + values["reactive_power"] ** 2
    assert apparent == pytest.approx(np.sqrt(squared), rel=0.01, abs=0.5)


def test_a_meter_that_is_switched_off_counts_nothing() -> None:
    simulation = Simulation(KINDS["smart-meter"], 2, seed=3)
    simulation.at(START)
    reply = simulation.command(0, "disconnect", {})
    off = simulation.over(np.arange(START + 60_000, START + HOUR, 60_000))
    assert (off["active_power"][0] == 0).all()
    assert (off["current"][0] == 0).all()
    assert off["energy_total"][0, -1] == pytest.approx(reply["energy_total"], abs=0.01)
    assert (off["active_power"][1] > 0).all()
