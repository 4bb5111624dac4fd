"""Electric motorcycles: the physics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulators import KINDS, Simulation
from simulators.chance import FloatArray
from simulators.kinds import e_motorcycle
from tests.unit.simulators.kinds.times import DAY, HOUR, START


@pytest.fixture(scope="module")
def ridden() -> tuple[Simulation[Any], dict[str, FloatArray]]:
    """Motorcycles for a morning, second by second."""
    simulation = Simulation(KINDS["e-motorcycle"], 12, seed=3)
    simulation.at(START + 6 * HOUR)
    return simulation, simulation.over(np.arange(START + 6 * HOUR, START + 10 * HOUR, 1000))


def test_the_distance_of_a_motorcycle_is_the_integral_of_its_speed(
    ridden: tuple[Simulation[Any], dict[str, FloatArray]],
) -> None:
    _, values = ridden
    gone = values["odometer"][:, -1] - values["odometer"][:, 0]
    assert gone.max() > 8
    integral = np.trapezoid(values["speed"], dx=1, axis=1) / 3600
    assert gone == pytest.approx(integral, rel=0.01, abs=0.01)


def test_a_motorcycle_is_where_its_speed_has_brought_it(
    ridden: tuple[Simulation[Any], dict[str, FloatArray]],
) -> None:
    _, values = ridden
    north = np.radians(values["latitude"]) * 6_371_000
    east = np.radians(values["longitude"]) * 6_371_000 * np.cos(np.radians(-6.87))
    # Over a minute the noise of the receiver is small beside the way.
    flown = np.hypot(north[:, 60:] - north[:, :-60], east[:, 60:] - east[:, :-60])
    gone = (values["odometer"][:, 60:] - values["odometer"][:, :-60]) * 1000
    assert (flown <= gone + 25).all()
    straight = gone > 400
    assert (flown[straight] / gone[straight]).mean() > 0.8
    assert np.abs(values["latitude"] + 6.87).max() < 0.15


def test_the_charge_of_a_motorcycle_falls_by_the_energy_that_it_used(
    ridden: tuple[Simulation[Any], dict[str, FloatArray]],
) -> None:
    _, values = ridden
    used = np.asarray(np.trapezoid(values["power"], dx=1, axis=1))
    fell = (values["state_of_charge"][:, 0] - values["state_of_charge"][:, -1]) / 100
    rode = values["odometer"][:, -1] - values["odometer"][:, 0] > 5
    assert rode.sum() >= 5
    assert fell[rode] * e_motorcycle.ENERGY == pytest.approx(used[rode], rel=0.02)
    per_km = used[rode] / 3600 / (values["odometer"][:, -1] - values["odometer"][:, 0])[rode]
    assert (per_km > 20).all()
    assert (per_km < 45).all()
    power = values["voltage"] * values["current"]
    assert power == pytest.approx(values["power"], rel=0.02, abs=3)


def test_a_motorcycle_charges_at_night_and_stays_when_it_is_locked() -> None:
    simulation = Simulation(KINDS["e-motorcycle"], 8, seed=3)
    simulation.at(START)
    simulation.command(0, "lock", {})
    values = simulation.over(np.arange(START + 60_000, START + DAY, 60_000))
    assert values["odometer"][0, -1] == values["odometer"][0, 0]
    assert (values["speed"][0] == 0).all()
    assert (values["odometer"][1:, -1] > values["odometer"][1:, 0]).sum() >= 6
    assert (values["speed"][values["charging"] > 0] == 0).all()
    assert (values["state_of_charge"][:, -1] > 80).all()


def test_eco_rides_farther_with_a_charge() -> None:
    per_km = []
    for mode in ("normal", "eco"):
        simulation = Simulation(KINDS["e-motorcycle"], 8, seed=3)
        for device in range(8):
            simulation.desire(device, {"ride_mode": mode})
        simulation.at(START + 6 * HOUR)
        values = simulation.over(np.arange(START + 6 * HOUR, START + 10 * HOUR, 10_000))
        used = values["state_of_charge"][:, 0] - values["state_of_charge"][:, -1]
        gone = values["odometer"][:, -1] - values["odometer"][:, 0]
        per_km.append(used[gone > 5].sum() / gone[gone > 5].sum())
    assert per_km[1] < 0.95 * per_km[0]
