"""Whether something grows is told from the medians of the second and the last third."""

from math import nan

import pytest

from benchmarks.watch import Samples, Trend, trend


def test_the_medians_of_the_thirds_leave_single_peaks_out() -> None:
    assert trend([1, 90, 2, 5, 5, 99, 6, 7, 50]) == Trend(2, 5, 7)


def test_what_is_missing_while_a_process_is_away_counts_for_nothing() -> None:
    assert trend([nan, 1, 1, 2, nan, 2, 3, 3, nan]) == Trend(1, 2, 3)


def test_a_run_without_samples_in_a_third_has_no_trend() -> None:
    with pytest.raises(ValueError, match="let it last longer"):
        trend([1, 1, nan, nan, 1, 1])


@pytest.mark.parametrize(
    ("first", "last", "slack", "flat"),
    [
        (100, 110, 0, True),
        (100, 111, 0, False),
        (100, 125, 16, True),
        (100, 127, 16, False),
        (100, 20, 0, True),
        (0, 1, 1, True),
        (0, 2, 1, False),
    ],
)
def test_a_tenth_and_the_slack_above_the_second_third_is_flat(
    first: float, last: float, slack: float, flat: bool
) -> None:
    assert Trend(0, first, last).is_flat(slack) is flat


def test_the_warm_up_may_be_higher_or_lower() -> None:
    assert Trend(1000, 100, 100).is_flat(0)
    assert Trend(1, 100, 100).is_flat(0)


def test_the_most_of_a_phase_is_of_its_own_samples() -> None:
    samples = Samples([1, 2, 3, 4], {"mb": [9, 5, nan, 7]})
    assert samples.most("mb", 2, 4) == 5
    assert samples.most("mb", 2, 5) == 7
