"""Photovoltaic plants: the physics."""

from __future__ import annotations

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # its types are a package of their own
import pytest
from pvlib import inverter, solarposition

from simulators import KINDS, Simulation, Site
from simulators.kinds.pv_inverter import EFFICIENCY, RATED_AC, ac_power, dc_for
from tests.unit.simulators.kinds.times import DAY, HOUR, START


def test_without_sun_there_is_no_power() -> None:
    site = Site(48.1, 11.6)
    ts = np.arange(START, START + 3 * DAY, 600_000)
    values = Simulation(KINDS["pv-inverter"], 5, seed=11, site=site).over(ts)
    when = pd.DatetimeIndex(pd.to_datetime(ts, unit="ms", utc=True))
    sun = solarposition.get_solarposition(when, site.latitude, site.longitude)["elevation"]
    night = sun.to_numpy() < -0.1
    assert 100 < night.sum() < 300
    for metric in ("irradiance", "dc_voltage", "dc_current", "dc_power", "ac_power", "producing"):
        assert (values[metric][:, night] == 0).all()
    assert (values["ac_power"].max(axis=1) > 1000).all()


def test_an_inverter_clips_at_its_rating_and_at_its_limit() -> None:
    simulation = Simulation(KINDS["pv-inverter"], 2, seed=11)
    simulation.state.capacity[:] = 18_000
    simulation.desire(1, {"power_limit_w": 4000})
    values = simulation.over(np.arange(START + 8 * HOUR, START + 16 * HOUR, 60_000))
    assert (values["ac_power"].max(axis=1) == [RATED_AC, 4000]).all()
    assert (values["ac_power"] == [[RATED_AC], [4000]]).mean() > 0.1
    # What it does not take, the modules do not give.
    assert values["dc_power"].max() < RATED_AC / 0.9
    efficiency = values["ac_power"] / np.maximum(values["dc_power"], 1)
    assert efficiency.max() < 1


def test_an_inverter_is_that_of_pvwatts() -> None:
    dc = np.linspace(100, 10_300, 50)
    expected = inverter.pvwatts(dc, RATED_AC / EFFICIENCY, EFFICIENCY)
    assert ac_power(dc) == pytest.approx(np.maximum(expected, 0))
    assert dc_for(ac_power(dc[:-3])) == pytest.approx(dc[:-3])


def test_a_plant_counts_its_energy_from_midnight_and_for_life() -> None:
    ts = np.arange(START, START + 2 * DAY, 60_000)
    values = Simulation(KINDS["pv-inverter"], 2, seed=1).over(ts)
    integral = np.trapezoid(values["ac_power"], dx=60, axis=1) / 3.6e6
    gained = values["energy_total"][:, -1] - values["energy_total"][:, 0]
    assert gained == pytest.approx(integral, rel=1e-3)
    assert (values["energy_today"][:, [0, DAY // 60_000]] == 0).all()
    assert (np.diff(values["energy_total"], axis=1) >= 0).all()


def test_hot_modules_and_a_stopped_inverter_deliver_less() -> None:
    simulation = Simulation(KINDS["pv-inverter"], 1, seed=1)
    before = simulation.at(START + 10 * HOUR)["ac_power"]
    assert before > 0
    simulation.command(0, "stop", {})
    assert simulation.at(START + 10 * HOUR + 10_000)["ac_power"] == 0
    simulation.command(0, "start", {})
    assert simulation.at(START + 10 * HOUR + 20_000)["ac_power"] > 0
