"""Battery packs: the physics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulators import KINDS, Simulation
from simulators.chance import FloatArray
from simulators.kinds import battery_pack
from tests.unit.simulators.kinds.times import DAY, HOUR, START


def battery_hours(command: str, hours: float) -> tuple[Simulation[Any], dict[str, FloatArray]]:
    simulation = Simulation(KINDS["battery-pack"], 3, seed=2)
    simulation.at(START)
    simulation.state.charge[:] = 0.6
    simulation.state.polarisation[:] = 0
    for device in range(3):
        simulation.command(device, command, {"current_a": 10.0})
    ts = np.arange(START + 1000, START + round(hours * HOUR) + 1, 1000)
    # Unrounded, because small differences are compared.
    return simulation, simulation.state.advance(ts / 1000, 1.0)


@pytest.mark.parametrize("command", ["start_charge", "start_discharge"])
def test_the_energy_of_a_battery_is_in_its_charge_and_in_its_warmth(command: str) -> None:
    simulation, values = battery_hours(command, 0.5)
    state, current, voltage = simulation.state, values["current"], values["voltage"]
    charge = values["state_of_charge"] / 100
    capacity = state.capacity[:, None]
    moved = np.cumsum(current, axis=1) / 3600 / capacity
    assert charge - 0.6 == pytest.approx(moved, abs=1e-9)
    # In at the terminals = into the open-circuit voltage, into heat, and into the RC element.
    terminals = (voltage * current).sum(axis=1)
    before = np.concatenate([np.full((3, 1), 0.6), charge[:, :-1]], axis=1)
    stored = (battery_pack.open_circuit_voltage((charge + before) / 2) * current).sum(axis=1)
    resistance = values["internal_resistance"] / 1000
    across = resistance * battery_pack.POLARISATION
    polarisation = voltage - battery_pack.open_circuit_voltage(charge) - current * resistance
    heat = (current**2 * resistance + polarisation**2 / across).sum(axis=1)
    element = battery_pack.POLARISATION_MEMORY / across[:, -1] * polarisation[:, -1] ** 2 / 2
    assert terminals == pytest.approx(stored + heat + element, rel=1e-4)
    assert (heat > 0.003 * np.abs(terminals)).all()


def test_the_heat_of_a_battery_warms_it_or_leaves_it() -> None:
    simulation, values = battery_hours("start_discharge", 0.5)
    temperature = values["temperature"]
    capacity = battery_pack.THERMAL_MEMORY / battery_pack.THERMAL_RESISTANCE  # J/K
    resistance = values["internal_resistance"] / 1000
    polarisation = (
        values["voltage"]
        - battery_pack.open_circuit_voltage(values["state_of_charge"] / 100)
        - values["current"] * resistance
    )
    heat = values["current"] ** 2 * resistance
    heat = heat + polarisation**2 / (resistance * battery_pack.POLARISATION)
    times = np.arange(START + 1000, START + HOUR // 2 + 1, 1000) / 1000
    room = simulation.state.world.weather(times).room_temperature
    leaves = (temperature - room) / battery_pack.THERMAL_RESISTANCE
    warmed = capacity * np.diff(temperature, axis=1)
    assert warmed.sum(axis=1) == pytest.approx((heat - leaves)[:, 1:].sum(axis=1), rel=0.01)


def test_a_charge_is_at_constant_current_and_then_at_constant_voltage() -> None:
    simulation = Simulation(KINDS["battery-pack"], 1, seed=2)
    simulation.at(START)
    simulation.state.charge[:] = 0.5
    simulation.command(0, "start_charge", {"current_a": 8.0})
    values = simulation.over(np.arange(START + 10_000, START + 3 * HOUR, 10_000))
    current, voltage = values["current"][0], values["voltage"][0]
    highest = battery_pack.CELLS * battery_pack.HIGHEST_CELL
    charging = current > 0
    held = charging & (current < 7.99)
    assert (current[: np.argmax(held)] == 8.0).all()
    assert 0.1 < held.sum() / charging.sum() < 0.7
    assert voltage[held][2:] == pytest.approx(highest, abs=0.02)
    assert current[charging][-1] <= battery_pack.CUT_OFF * 1.1
    assert values["state_of_charge"].max() > 95


def test_a_battery_ages_with_use_and_faster_where_it_is_warm() -> None:
    fade = battery_pack.fade_speed(np.array([15.0, 25.0, 45.0]))
    assert fade[0] < fade[1] < fade[2]
    # 20 % in one to three thousand full cycles at 25 °C.
    cycles = 20 ** (1 / battery_pack.FADE_POWER) / fade[1] / (2 * battery_pack.CAPACITY)
    assert 1000 < cycles < 10_000
    simulation = Simulation(KINDS["battery-pack"], 2, seed=2)
    values = simulation.over(np.arange(START, START + 5 * DAY, 600_000))
    assert (np.diff(values["state_of_health"], axis=1) <= 0).all()
    assert (values["state_of_health"][:, -1] < values["state_of_health"][:, 0]).all()
