"""The physics of the device kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # its types are a package of their own
import pytest
from pvlib import inverter, solarposition

from simulators import KINDS, Simulation, Site
from simulators.chance import FloatArray
from simulators.kinds import battery_pack, bearing, cold_chain, e_motorcycle, motor_bench
from simulators.kinds.pv_inverter import EFFICIENCY, RATED_AC, ac_power, dc_for

START = 1_772_298_000_000  # 1 March 2026, midnight in Cimahi
HOUR, DAY = 3_600_000, 86_400_000


def moments(start: int, stop: int, step: int) -> np.ndarray:
    return np.arange(start, stop, step)


def test_without_sun_there_is_no_power() -> None:
    site = Site(48.1, 11.6)
    ts = moments(START, START + 3 * DAY, 600_000)
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
    values = simulation.over(moments(START + 8 * HOUR, START + 16 * HOUR, 60_000))
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
    ts = moments(START, START + 2 * DAY, 60_000)
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


def battery_hours(command: str, hours: float) -> tuple[Simulation[Any], dict[str, FloatArray]]:
    simulation = Simulation(KINDS["battery-pack"], 3, seed=2)
    simulation.at(START)
    simulation.state.charge[:] = 0.6
    simulation.state.polarisation[:] = 0
    for device in range(3):
        simulation.command(device, command, {"current_a": 10.0})
    ts = moments(START + 1000, START + round(hours * HOUR) + 1, 1000)
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
    times = moments(START + 1000, START + HOUR // 2 + 1, 1000) / 1000
    room = simulation.state.world.weather(times).room_temperature
    leaves = (temperature - room) / battery_pack.THERMAL_RESISTANCE
    warmed = capacity * np.diff(temperature, axis=1)
    assert warmed.sum(axis=1) == pytest.approx((heat - leaves)[:, 1:].sum(axis=1), rel=0.01)


def test_a_charge_is_at_constant_current_and_then_at_constant_voltage() -> None:
    simulation = Simulation(KINDS["battery-pack"], 1, seed=2)
    simulation.at(START)
    simulation.state.charge[:] = 0.5
    simulation.command(0, "start_charge", {"current_a": 8.0})
    values = simulation.over(moments(START + 10_000, START + 3 * HOUR, 10_000))
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
    values = simulation.over(moments(START, START + 5 * DAY, 600_000))
    assert (np.diff(values["state_of_health"], axis=1) <= 0).all()
    assert (values["state_of_health"][:, -1] < values["state_of_health"][:, 0]).all()


def test_a_bearing_of_type_6205_passes_as_often_as_its_catalogue_says() -> None:
    assert bearing.bpfo(1.0) == pytest.approx(3.585, abs=0.001)


def test_a_damaged_bearing_is_in_the_spectrum_at_its_frequency_and_grows() -> None:
    simulation = Simulation(KINDS["motor-bench"], 3, seed=2)
    simulation.at(START)
    for device in range(3):
        simulation.command(device, "hold", {"speed": 2400.0, "torque": 20.0})
    hours = simulation.state.doubling
    simulation.state.damaged_for[:] = np.array([-100, 3, 6]) * hours
    values = simulation.over(moments(START + 1000, START + 60_000, 1000))
    assert (values["speed"][:, -1] == 2400).all()
    wave = simulation.waveform("vibration", 8).values
    spectrum = np.abs(np.fft.rfft(wave)) / wave.shape[1] * 2
    frequencies = np.fft.rfftfreq(wave.shape[1], 0.001)
    floor = np.median(spectrum, axis=1)
    line = np.argmin(np.abs(frequencies - bearing.bpfo(40.0)))
    seen = spectrum[:, line - 1 : line + 2].max(axis=1) / floor
    assert seen[0] < 5
    assert seen[1] > 20
    assert seen[2] > 5 * seen[1] * 0.8
    # The turning itself is there too, and its strength is what the velocity says.
    turning = spectrum[0, np.argmin(np.abs(frequencies - 40))]
    velocity = motor_bench.vibration(
        np.array([2400.0]), simulation.state.critical_speed[:1], simulation.state.unbalance[:1]
    )
    assert turning == pytest.approx(np.sqrt(2) * velocity[0] * 1e-3 * 2 * np.pi * 40, rel=0.05)


def test_the_vibration_of_a_bench_is_that_of_its_waveform() -> None:
    simulation = Simulation(KINDS["motor-bench"], 3, seed=4)
    simulation.at(START)
    for device in range(3):
        simulation.command(device, "hold", {"speed": 1800.0 + 500 * device})
    simulation.state.damaged_for[:] = np.array([-1, 2, 7]) * simulation.state.doubling
    values = simulation.over(moments(START + 1000, START + 60_000, 1000))
    wave = simulation.waveform("vibration", 10).values
    assert wave.std(axis=1) == pytest.approx(values["vibration_rms"][:, -1], rel=0.12)


def test_waveforms_of_two_seconds_fit_together() -> None:
    simulation = Simulation(KINDS["motor-bench"], 2, seed=4)
    simulation.at(START)
    simulation.at(START + 1000)
    first = simulation.waveform("vibration", 1).values
    simulation.at(START + 2000)
    both = simulation.waveform("vibration", 1).values
    joined = np.concatenate([first, both], axis=1)
    steps = np.abs(np.diff(joined, axis=1))
    assert (steps[:, 999] < 2 * np.percentile(steps, 99, axis=1) + 0.5).all()


def test_a_winding_settles_where_its_losses_and_its_cooling_meet() -> None:
    simulation = Simulation(KINDS["motor-bench"], 2, seed=2)
    simulation.at(START)
    for device in range(2):
        simulation.command(device, "hold", {"speed": 3000.0, "torque": 30.0})
    values = simulation.over(moments(START + 60_000, START + 4 * HOUR, 60_000))
    winding = values["winding_temperature"][:, -1]
    heat = motor_bench.losses(values["current"], values["winding_temperature"], values["speed"])
    times = np.array([START / 1000 + 4 * 3600])
    room = simulation.state.world.weather(times).room_temperature
    settled = room + motor_bench.THERMAL_RESISTANCE * heat[:, -30:].mean(axis=1)
    assert winding == pytest.approx(settled, abs=1.0)
    mechanical, electrical = values["mechanical_power"], values["electrical_power"]
    assert (electrical > mechanical).all()
    assert mechanical[:, -30:].mean() == pytest.approx(30.8 * 3000 * 2 * np.pi / 60, rel=0.03)


def test_a_motor_that_gets_too_warm_trips_and_may_not_start_again_at_once() -> None:
    simulation = Simulation(KINDS["motor-bench"], 1, seed=2)
    simulation.at(START)
    simulation.state.winding_temperature[:] = motor_bench.TRIP_TEMPERATURE + 1
    simulation.at(START + 1000)
    simulation.at(START + 60_000)
    assert simulation.at(START + 120_000)["running"] == 0
    with pytest.raises(ValueError, match="too warm"):
        simulation.command(0, "start", {})


def test_air_is_worse_in_rush_hours_and_rain_washes_it() -> None:
    site, ts = Site(), moments(START, START + 14 * DAY, 600_000)
    values = Simulation(KINDS["air-quality"], 10, seed=3, site=site).over(ts)
    hour = site.hour(ts / 1000)
    fine = values["pm2_5"]
    rush, noon = fine[:, np.abs(hour - 19) < 1], fine[:, np.abs(hour - 13) < 1]
    assert rush.mean() > 2 * noon.mean()
    evening = (hour > 17) & (hour < 21)
    wet = evening & (values["rain_rate"][0] > 1)
    assert fine[:, wet].mean() < fine[:, evening & ~wet].mean()
    assert (values["pm10"] > fine).all()
    # Warm air is dry air.
    assert np.corrcoef(values["temperature"].ravel(), values["humidity"].ravel())[0, 1] < -0.6
    assert values["rain_today"].max() < np.sum(values["rain_rate"][0]) / 6 * 1.5


def test_a_meter_only_counts_up_and_counts_the_integral_of_the_power() -> None:
    ts = moments(START, START + DAY, 30_000)
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
    off = simulation.over(moments(START + 60_000, START + HOUR, 60_000))
    assert (off["active_power"][0] == 0).all()
    assert (off["current"][0] == 0).all()
    assert off["energy_total"][0, -1] == pytest.approx(reply["energy_total"], abs=0.01)
    assert (off["active_power"][1] > 0).all()


def test_a_refrigerator_stays_within_its_hysteresis_but_for_doors_and_defrosting() -> None:
    simulation = Simulation(KINDS["cold-chain"], 20, seed=3)
    values = simulation.over(moments(START, START + DAY, 30_000))
    air = values["air_temperature"]
    disturbed = (values["door_open"] + values["defrosting"]) > 0
    # Until half an hour after a disturbance.
    recent = np.zeros_like(disturbed)
    for back in range(60):
        recent[:, back:] |= disturbed[:, : disturbed.shape[1] - back]
    quiet = ~recent
    quiet[:, :60] = False
    assert quiet.mean() > 0.3
    assert air[quiet].min() > 4 - 0.4
    assert air[quiet].max() < 6 + 0.4
    assert (values["compressor"].mean(axis=1) > 0.05).all()
    assert (values["compressor"].mean(axis=1) < 0.7).all()
    assert values["product_temperature"].std() < air.std()
    shortest = cold_chain.SHORTEST_REST / 30
    for row in values["compressor"]:
        rests = np.diff(np.flatnonzero(np.diff(row) != 0))[(1 if row[0] else 0) :: 2]
        assert row.min() == 0
        assert min(rests.max(), 999) >= shortest


def test_a_refrigerator_follows_its_set_point_and_defrosts_when_told() -> None:
    simulation = Simulation(KINDS["cold-chain"], 2, seed=3)
    simulation.at(START)
    simulation.desire(0, {"set_point_cel": 8})
    values = simulation.over(moments(START + 60_000, START + 6 * HOUR, 60_000))
    late = values["air_temperature"][:, -120:].mean(axis=1)
    assert late[0] == pytest.approx(8, abs=0.7)
    assert late[1] == pytest.approx(5, abs=0.7)
    simulation.state.defrost_left[:] = 0
    simulation.command(0, "defrost", {})
    assert simulation.over(moments(START + 6 * HOUR, START + 6 * HOUR + 120_000, 30_000))[
        "defrosting"
    ][0, -1]


@pytest.fixture(scope="module")
def ridden() -> tuple[Simulation[Any], dict[str, FloatArray]]:
    """Motorcycles for a morning, second by second."""
    simulation = Simulation(KINDS["e-motorcycle"], 12, seed=3)
    simulation.at(START + 6 * HOUR)
    return simulation, simulation.over(moments(START + 6 * HOUR, START + 10 * HOUR, 1000))


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
    values = simulation.over(moments(START + 60_000, START + DAY, 60_000))
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
        values = simulation.over(moments(START + 6 * HOUR, START + 10 * HOUR, 10_000))
        used = values["state_of_charge"][:, 0] - values["state_of_charge"][:, -1]
        gone = values["odometer"][:, -1] - values["odometer"][:, 0]
        per_km.append(used[gone > 5].sum() / gone[gone > 5].sum())
    assert per_km[1] < 0.95 * per_km[0]


def test_a_class_uses_its_boards_on_school_days_alone() -> None:
    simulation = Simulation(KINDS["classroom-kit"], 10, seed=3)
    values = simulation.over(moments(START, START + 2 * DAY, 5000))  # Sunday and Monday
    day = DAY // 5000
    assert (values["button"][:, :day] == 0).all()
    assert values["button"][:, day:].any(axis=1).all()
    lessons = slice(day + 9 * 720, day + 9 * 720 + 300)
    night = slice(day + 1 * 720, day + 3 * 720)
    assert values["light"][:, lessons].min() > 50
    assert values["light"][:, night].max() < 1
    assert values["distance"][:, lessons].min() < 70 < values["distance"][:, night].min()
