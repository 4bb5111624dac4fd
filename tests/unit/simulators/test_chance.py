"""Random numbers that depend on what they are for alone."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.chance import FURTHEST, Chance

TIMES = 1_767_225_600 + np.arange(0, 200_000, 50.0)


def test_a_device_has_the_same_numbers_in_every_fleet() -> None:
    fleet, alone = Chance(7, "meter", range(100)), Chance(7, "meter", [42])
    assert (fleet.noise("a", TIMES, 600, 3)[42] == alone.noise("a", TIMES, 600, 3)[0]).all()
    assert fleet.pick("size", 1, 2)[42] == alone.pick("size", 1, 2)[0]
    ours = fleet.windows("door", TIMES, 900, 0.5, (10, 60)).on[42]
    assert (ours == alone.windows("door", TIMES, 900, 0.5, (10, 60)).on[0]).all()


def test_a_moment_has_the_same_numbers_whether_asked_alone_or_in_a_history() -> None:
    chance = Chance(7, "meter", range(5))
    history = chance.noise("a", TIMES, 600, 3)
    for moment in (0, 7, 8, 3000):
        alone = chance.noise("a", TIMES[moment : moment + 1], 600, 3)
        assert (alone[:, 0] == history[:, moment]).all()


@pytest.mark.parametrize("other", [("seed", 8, "meter"), ("purpose", 7, "bench")])
def test_seeds_purposes_streams_and_devices_are_unrelated(other: tuple[str, int, str]) -> None:
    counters = np.arange(20_000)
    first = Chance(7, "meter", [0, 1]).normal("a", counters)
    second = Chance(other[1], other[2], [0]).normal("a", counters)
    stream = Chance(7, "meter", [0]).normal("b", counters)
    for unrelated in (first[1], second[0], stream[0], np.roll(first[0], 1)):
        assert abs(np.corrcoef(first[0], unrelated)[0, 1]) < 0.03


def test_normal_numbers_have_mean_0_deviation_1_and_an_end() -> None:
    values = Chance(1, "x", range(300)).normal("a", np.arange(1000))
    assert values.mean() == pytest.approx(0, abs=0.01)
    assert values.std() == pytest.approx(1, abs=0.01)
    assert 3 < np.abs(values).max() <= FURTHEST


def test_uniform_numbers_are_spread_evenly() -> None:
    values = Chance(1, "x", range(300)).uniform("a", np.arange(1000))
    assert np.histogram(values, 10, (0, 1))[0] == pytest.approx(30_000, rel=0.03)


def test_noise_is_continuous_and_forgets_after_its_memory() -> None:
    noise = Chance(1, "x", range(400)).noise("a", TIMES, 1000)
    assert noise.std() == pytest.approx(1, abs=0.03)
    assert np.abs(np.diff(noise, axis=1)).max() < 0.7
    assert np.corrcoef(noise[:, 0], noise[:, 2])[0, 1] > 0.95
    assert abs(np.corrcoef(noise[:, 0], noise[:, 60])[0, 1]) < 0.15


def test_events_are_on_for_the_share_of_time_that_they_should_be() -> None:
    events = Chance(1, "x", range(200)).windows("a", TIMES, 1000, 0.4, (200, 300))
    assert events.on.mean() == pytest.approx(0.4 * 250 / 1000, rel=0.05)
    ends = events.end[events.on] - np.broadcast_to(TIMES, events.on.shape)[events.on]
    assert 0 < ends.min() < ends.max() <= 300
