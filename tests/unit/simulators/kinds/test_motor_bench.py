"""Motor benches and their bearings: the physics."""

from __future__ import annotations

import numpy as np
import pytest

from simulators import KINDS, Simulation
from simulators.kinds import bearing, motor_bench
from tests.unit.simulators.kinds.times import HOUR, START


def test_a_bearing_of_type_6205_passes_as_often_as_its_catalogue_says() -> None:
    assert bearing.bpfo(1.0) == pytest.approx(3.585, abs=0.001)


def test_a_damaged_bearing_is_in_the_spectrum_at_its_frequency_and_grows() -> None:
    simulation = Simulation(KINDS["motor-bench"], 3, seed=2)
    simulation.at(START)
    for device in range(3):
        simulation.command(device, "hold", {"speed": 2400.0, "torque": 20.0})
    hours = simulation.state.doubling
    simulation.state.damaged_for[:] = np.array([-100, 3, 6]) * hours
    values = simulation.over(np.arange(START + 1000, START + 60_000, 1000))
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
    values = simulation.over(np.arange(START + 1000, START + 60_000, 1000))
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
    values = simulation.over(np.arange(START + 60_000, START + 4 * HOUR, 60_000))
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
