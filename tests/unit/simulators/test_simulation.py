"""Simulations: repeatable, whatever the fleet and however they are asked; and obedient."""

from __future__ import annotations

import contextlib
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from broker.topics import METRIC_NAME
from registry.models import NewModel
from simulators import KINDS, Kind, Refused, Simulation, Site, model_of

START = 1_772_323_200_000  # 1 March 2026, 7:00 in Cimahi
ALL_KINDS = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.id)
# The deepest winter and the highest summer that people live in, and the equator.
DAYS = (
    (1_782_000_000_000, Site(-54.8, -68.3, ZoneInfo("America/Argentina/Ushuaia"), 20)),
    (1_782_000_000_000, Site(65.0, 25.5, ZoneInfo("Europe/Helsinki"), 10)),
    (1_772_323_200_000, Site(1.3, 103.8, ZoneInfo("Asia/Singapore"), 15)),
)


@ALL_KINDS
def test_a_device_is_the_same_in_every_fleet_and_asked_one_by_one_or_at_once(
    kind: Kind[Any],
) -> None:
    gaps = [0, *[1000] * 5, *[60_000] * 20, 5 * 3_600_000, 777, *[900_000] * 12]
    ts = START + np.cumsum(gaps)
    history = Simulation(kind, 6, seed=3).over(ts)
    few = Simulation(kind, [4, 2], seed=3)
    for moment, when in enumerate(ts.tolist()):
        values = few.at(when)
        for metric in kind.metrics:
            assert values[metric][0] == history[metric][4, moment], metric
            assert values[metric][1] == history[metric][2, moment], metric


@ALL_KINDS
def test_portions_of_a_history_are_the_whole_of_it(kind: Kind[Any]) -> None:
    ts = np.arange(START, START + 7_200_001, 300_000)
    whole = Simulation(kind, 2, seed=1).over(ts)
    parts = list(Simulation(kind, 2, seed=1).blocks(START, START + 7_200_000, 300_000, longest=7))
    assert (np.concatenate([part for part, _ in parts]) == ts).all()
    for metric in kind.metrics:
        joined = np.concatenate([values[metric] for _, values in parts], axis=1)
        assert (joined == whole[metric]).all()


@ALL_KINDS
def test_seeds_and_devices_differ(kind: Kind[Any]) -> None:
    one = Simulation(kind, 2, seed=5).at(START)
    other = Simulation(kind, 2, seed=6).at(START)
    assert any((one[metric] != other[metric]).any() for metric in kind.metrics)
    assert any(one[metric][0] != one[metric][1] for metric in kind.metrics)


@ALL_KINDS
def test_every_value_is_within_the_range_of_its_model_wherever_the_device_stands(
    kind: Kind[Any],
) -> None:
    for start, site in DAYS:
        ts = np.arange(start, start + 86_400_000, 600_000)
        values = Simulation(kind, 10, seed=11, site=site).over(ts)
        for signal in kind.signals:
            found = values[signal.metric]
            assert np.isfinite(found).all()
            assert found.min() >= signal.minimum, (signal.metric, site)
            assert found.max() <= signal.maximum, (signal.metric, site)
            if signal.kind == "boolean":
                assert np.isin(found, (0, 1)).all()


@ALL_KINDS
def test_the_registry_takes_the_model_of_a_kind(kind: Kind[Any]) -> None:
    model = NewModel.model_validate({**model_of(kind), "tenant_id": None})
    assert len(model.metrics) == len(kind.signals) + len(kind.waveforms)
    assert all(METRIC_NAME.fullmatch(metric) for metric in kind.metrics)
    assert len(set(kind.metrics)) == len(kind.signals)


def test_messages_hold_true_and_false_where_a_signal_is_a_switch() -> None:
    message = next(Simulation(KINDS["cold-chain"], 1, seed=1).messages(START))
    assert isinstance(message["door_open"], bool)
    assert isinstance(message["air_temperature"], float)
    assert list(message) == list(KINDS["cold-chain"].metrics)


def test_no_moment_has_no_readings() -> None:
    simulation = Simulation(KINDS["smart-meter"], 3, seed=5)
    assert simulation.over(np.empty(0, np.int64))["voltage"].shape == (3, 0)
    assert list(simulation.blocks(START, START - 1, 1000)) == []


def test_a_simulation_cannot_go_back_in_time() -> None:
    simulation = Simulation(KINDS["smart-meter"], 1, seed=5)
    simulation.at(START)
    with pytest.raises(ValueError, match="back in time"):
        simulation.at(START - 1)


def test_a_moment_that_is_asked_again_is_the_same() -> None:
    for kind in KINDS.values():
        simulation = Simulation(kind, 2, seed=5)
        first, again = simulation.at(START), simulation.at(START)
        for metric in set(kind.metrics) - {"speed", "torque", "power", "current"}:
            assert first[metric] == pytest.approx(again[metric], rel=0.05, abs=0.5), metric


@ALL_KINDS
def test_a_device_tells_facts_of_itself(kind: Kind[Any]) -> None:
    simulation = Simulation(kind, 2, seed=1)
    first, second = simulation.attributes(0), simulation.attributes(1)
    assert first["kind"] == kind.id
    assert first["firmware"]
    assert first["serial"] != second["serial"]
    assert first["interval_s"] == kind.interval
    assert all(isinstance(value, str | float | int | bool) for value in first.values())


@ALL_KINDS
def test_a_device_follows_what_is_desired_of_it(kind: Kind[Any]) -> None:
    simulation = Simulation(kind, 3, seed=1)
    for setting in kind.settings:
        parameter = setting.parameter
        value = parameter.choices[-1] if parameter.choices else parameter.minimum
        assert simulation.desire(1, {parameter.name: value}) == {parameter.name: value}
        assert simulation.attributes(1)[parameter.name] == value
        assert simulation.attributes(0)[parameter.name] != value
        bad = "violet" if parameter.choices else parameter.maximum + 1
        with pytest.raises(Refused, match=parameter.name):
            simulation.desire(1, {parameter.name: bad})


def test_a_device_takes_the_good_part_of_what_is_desired_and_names_the_bad() -> None:
    simulation = Simulation(KINDS["cold-chain"], 1, seed=1)
    with pytest.raises(Refused, match="'colour'") as refused:
        simulation.desire(0, {"colour": 1, "interval_s": 5, "set_point_cel": True})
    assert refused.value.taken == {"interval_s": 5.0}
    assert "set_point_cel is a number from 2 to 8 Cel" in str(refused.value)


def test_devices_report_at_the_multiples_of_their_own_interval() -> None:
    simulation = Simulation(KINDS["cold-chain"], 3, seed=1)
    simulation.desire(1, {"interval_s": 0.5})
    assert simulation.due(START).tolist() == [True, True, True]
    assert simulation.due(START + 500).tolist() == [False, True, False]
    assert simulation.due(START + 60_000).tolist() == [True, True, True]


@ALL_KINDS
def test_every_command_is_obeyed_or_refused_with_a_reason(kind: Kind[Any]) -> None:
    simulation = Simulation(kind, 2, seed=1)
    simulation.at(START)
    for command in kind.commands:
        given = {
            p.name: p.choices[0] if p.choices else (p.minimum + p.maximum) / 2
            for p in command.parameters
        }
        with contextlib.suppress(Refused):
            assert isinstance(simulation.command(0, command.name, given), dict)
        with pytest.raises(Refused, match="'volume'"):
            simulation.command(0, command.name, {**given, "volume": 11})
    with pytest.raises(Refused, match="no command 'dance'"):
        simulation.command(0, "dance", {})


def test_a_command_without_its_parameter_is_refused() -> None:
    simulation = Simulation(KINDS["motor-bench"], 1, seed=1)
    with pytest.raises(Refused, match="'speed' is missing"):
        simulation.command(0, "hold", {})
    with pytest.raises(Refused, match="0 to 3000"):
        simulation.command(0, "hold", {"speed": 9000})


def test_a_waveform_ends_with_the_reading() -> None:
    simulation = Simulation(KINDS["motor-bench"], 3, seed=1)
    with pytest.raises(ValueError, match="call at"):
        simulation.waveform("vibration", 1)
    simulation.at(START)
    wave = simulation.waveform("vibration", 0.5)
    assert (wave.t0, wave.dt, wave.values.shape) == (START - 500, 1.0, (3, 500))
    with pytest.raises(KeyError):
        simulation.waveform("light", 1)
