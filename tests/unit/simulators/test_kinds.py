"""The physics of the device kinds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from simulators.battery_pack import BATTERY_PACK, open_circuit_voltage
from simulators.motor_bench import MOTOR_BENCH, copper_losses, vibration
from simulators.pv_inverter import PV_INVERTER, RATED_AC, ac_power
from simulators.signals import FloatArray

from broker.topics import METRIC_NAME
from simulators import KINDS, Kind, Simulation, Site
from simulators.site import sun_elevation

START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
HOUR = 3600.0
ALL_KINDS = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.id)


def year(kind: Kind[Any], site: Site | None = None, step: float = HOUR) -> FloatArray:
    """Readings of a whole year, shape (times, devices, metrics)."""
    simulation = Simulation(kind, devices=5, seed=11, site=site)
    return np.stack([simulation.at(START + i * step) for i in range(int(365 * 24 * HOUR / step))])


def column(kind: Kind[Any], values: FloatArray, metric: str) -> FloatArray:
    return values[..., kind.metrics.index(metric)]


@ALL_KINDS
@pytest.mark.parametrize("latitude", [-54.8, 13.0, 65.0])
def test_over_a_year_every_value_is_within_the_range_of_its_model(
    kind: Kind[Any], latitude: float
) -> None:
    values = year(kind, Site(latitude, 10.0, ZoneInfo("UTC")))
    for signal in kind.signals:
        found = column(kind, values, signal.metric)
        assert np.isfinite(found).all()
        assert found.min() >= signal.minimum, signal.metric
        assert found.max() <= signal.maximum, signal.metric


@ALL_KINDS
def test_every_metric_moves_and_has_a_name_of_the_contract(kind: Kind[Any]) -> None:
    values = year(kind, step=6 * HOUR + 700)
    assert (values.std(axis=0) > 0).all()
    assert all(METRIC_NAME.fullmatch(metric) for metric in kind.metrics)
    assert len(set(kind.metrics)) == len(kind.signals)


@ALL_KINDS
def test_the_same_seed_and_times_give_the_same_values(kind: Kind[Any]) -> None:
    times = START + 5 * HOUR + np.cumsum(np.array([0.5, 1.0, 30.0, 4000.0, 1.0]))
    one, same, other = (Simulation(kind, 3, seed) for seed in (5, 5, 6))
    for time in times:
        values = one.at(float(time))
        assert (values == same.at(float(time))).all()
        assert (values != other.at(float(time))).any()


@ALL_KINDS
def test_devices_of_a_kind_differ(kind: Kind[Any]) -> None:
    first, second = Simulation(kind, 2, seed=5).at(START + 9 * HOUR)
    assert (first != second).any()


def test_a_simulation_cannot_go_back_in_time() -> None:
    simulation = Simulation(PV_INVERTER, 1, seed=5)
    simulation.at(START)
    with pytest.raises(ValueError, match="back in time"):
        simulation.at(START - 1)


def test_without_sun_there_is_no_power() -> None:
    site = Site()
    simulation = Simulation(PV_INVERTER, 5, seed=11, site=site)
    for step in range(7 * 24 * 6):
        time = START + step * 600
        values = simulation.at(time)
        if sun_elevation(site, time) <= 0:
            assert (column(PV_INVERTER, values, "irradiance") == 0).all()
            assert (column(PV_INVERTER, values, "dc_power") == 0).all()
            assert (column(PV_INVERTER, values, "ac_power") == 0).all()
        elif sun_elevation(site, time) > 20:
            assert (column(PV_INVERTER, values, "ac_power") > 0).all()


def test_the_energy_of_a_day_is_the_integral_of_its_power_and_begins_anew_at_midnight() -> None:
    site = Site()
    midnight = site.midnight(START + 12 * HOUR)
    simulation = Simulation(PV_INVERTER, 3, seed=11, site=site)
    readings = np.stack([simulation.at(midnight + i * 60) for i in range(24 * 60)])
    energy = column(PV_INVERTER, readings, "energy_today")
    power = column(PV_INVERTER, readings, "ac_power")
    assert energy[-1] == pytest.approx(np.trapezoid(power, dx=60, axis=0) / 3.6e6, rel=1e-3)
    assert (np.diff(energy, axis=0) >= 0).all()
    assert (column(PV_INVERTER, simulation.at(midnight + 24 * HOUR), "energy_today") == 0).all()


def test_an_inverter_that_is_started_at_noon_already_has_the_energy_of_the_morning() -> None:
    noon = Site().midnight(START) + 12 * HOUR
    values = Simulation(PV_INVERTER, 3, seed=11).at(noon)
    assert (column(PV_INVERTER, values, "energy_today") > 1).all()


def test_an_inverter_delivers_less_than_it_gets_and_never_more_than_its_rating() -> None:
    dc = np.linspace(0, 15_000, 200)
    ac = ac_power(dc)
    assert (ac <= np.minimum(dc, RATED_AC)).all()
    assert ac[0] == 0
    assert ac[-1] == RATED_AC


def test_charge_falls_while_a_battery_is_discharged_and_voltage_with_it() -> None:
    simulation = Simulation(BATTERY_PACK, 20, seed=11)
    values = np.stack([simulation.at(START + i * 60) for i in range(6 * 60)])
    charge = column(BATTERY_PACK, values, "state_of_charge")
    current = column(BATTERY_PACK, values, "current")
    moved = np.diff(charge, axis=0)
    assert (moved[current[:-1] < -1] <= 0).all()
    assert (moved[current[:-1] > 1] >= 0).all()
    voltage = column(BATTERY_PACK, values, "voltage")
    drawn = current < 0
    assert (voltage[drawn] < open_circuit_voltage(charge[drawn] / 100)).all()
    assert (voltage[~drawn] > open_circuit_voltage(charge[~drawn] / 100)).all()


def test_a_battery_goes_through_whole_cycles() -> None:
    charge = column(BATTERY_PACK, year(BATTERY_PACK, step=900.0)[: 7 * 96], "state_of_charge")
    turns = np.count_nonzero(np.diff(np.sign(np.diff(charge, axis=0)), axis=0), axis=0)
    assert (turns > 20).all()
    assert (charge.min(axis=0) < 21).all()
    assert (charge.max(axis=0) > 89).all()


def test_a_full_cell_has_more_voltage_than_an_empty_one() -> None:
    assert (np.diff(open_circuit_voltage(np.linspace(0.05, 1, 50))) > 0).all()


def test_a_standing_motor_has_no_torque_and_shakes_least() -> None:
    simulation = Simulation(MOTOR_BENCH, 5, seed=11)
    values = np.stack([simulation.at(START + i) for i in range(1200)])
    speed = column(MOTOR_BENCH, values, "speed")
    standing = speed < 1
    assert standing.any()
    assert (speed > 2900).any()
    assert column(MOTOR_BENCH, values, "torque")[standing].max() < 0.1
    shaking = column(MOTOR_BENCH, values, "vibration_rms")
    assert shaking[standing].max() < 0.1 < shaking[~standing].max()


def test_vibration_is_highest_at_the_critical_speed() -> None:
    speed = np.linspace(1, 3000, 3000)
    shaking = vibration(speed, np.full(3000, 2200.0), np.full(3000, 5.0))
    assert speed[shaking.argmax()] == pytest.approx(2200, rel=0.05)


def test_a_hot_winding_loses_more() -> None:
    cold, hot = copper_losses(np.full(2, 10.0), np.array([20.0, 120.0]))
    assert hot / cold == pytest.approx(1.393)
