"""Refrigerators: the physics."""

from __future__ import annotations

import numpy as np
import pytest

from simulators import KINDS, Simulation
from simulators.kinds import cold_chain
from tests.unit.simulators.kinds.times import DAY, HOUR, START


def test_a_refrigerator_stays_within_its_hysteresis_but_for_doors_and_defrosting() -> None:
    simulation = Simulation(KINDS["cold-chain"], 20, seed=3)
    values = simulation.over(np.arange(START, START + DAY, 30_000))
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
    values = simulation.over(np.arange(START + 60_000, START + 6 * HOUR, 60_000))
    late = values["air_temperature"][:, -120:].mean(axis=1)
    assert late[0] == pytest.approx(8, abs=0.7)
    assert late[1] == pytest.approx(5, abs=0.7)
    simulation.state.defrost_left[:] = 0
    simulation.command(0, "defrost", {})
    assert simulation.over(np.arange(START + 6 * HOUR, START + 6 * HOUR + 120_000, 30_000))[
        "defrosting"
    ][0, -1]
