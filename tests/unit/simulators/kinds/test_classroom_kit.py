"""Classroom kits: the physics."""

from __future__ import annotations

import numpy as np

from simulators import KINDS, Simulation
from tests.unit.simulators.kinds.times import DAY, START


def test_a_class_uses_its_boards_on_school_days_alone() -> None:
    simulation = Simulation(KINDS["classroom-kit"], 10, seed=3)
    values = simulation.over(np.arange(START, START + 2 * DAY, 5000))  # Sunday and Monday
    day = DAY // 5000
    assert (values["button"][:, :day] == 0).all()
    assert values["button"][:, day:].any(axis=1).all()
    lessons = slice(day + 9 * 720, day + 9 * 720 + 300)
    night = slice(day + 1 * 720, day + 3 * 720)
    assert values["light"][:, lessons].min() > 50
    assert values["light"][:, night].max() < 1
    assert values["distance"][:, lessons].min() < 70 < values["distance"][:, night].min()
