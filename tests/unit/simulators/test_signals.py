"""Noise and lags."""

from __future__ import annotations

import numpy as np
import pytest
from simulators.signals import Drift, approach


def test_drift_has_unit_variance_and_remembers_as_long_as_it_says() -> None:
    drift = Drift(20_000, np.random.default_rng(1), memory=100)
    before = drift.advance(1)
    after = drift.advance(100)
    assert after.std() == pytest.approx(1, abs=0.03)
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(np.exp(-1), abs=0.03)


def test_many_small_steps_of_drift_are_as_one_large() -> None:
    drift = Drift(20_000, np.random.default_rng(1), memory=100)
    before = drift.advance(0)
    for _ in range(100):
        after = drift.advance(1)
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(np.exp(-1), abs=0.03)


def test_drift_stays_within_three_deviations() -> None:
    values = Drift(50_000, np.random.default_rng(1), memory=100).advance(1)
    assert np.abs(values).max() == 3


def test_a_lag_is_the_same_in_one_step_as_in_many() -> None:
    value = np.zeros(1)
    for _ in range(10):
        value = approach(value, 10.0, 1.0, memory=5)
    assert value == pytest.approx(approach(np.zeros(1), 10.0, 10.0, memory=5))
    assert approach(value, 10.0, 1e9, memory=5) == pytest.approx(10)
