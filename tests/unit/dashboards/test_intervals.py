"""The expected spans are those of the tests of Grafana's own function."""

from datetime import timedelta

import pytest

from dashboards.intervals import interval_of, shown

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
MILLISECOND = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        (9, 1), (14, 10), (34, 20), (74, 50), (149, 100), (349, 200), (749, 500),
        (1499, SECOND), (3499, 2 * SECOND), (7499, 5 * SECOND), (12_499, 10 * SECOND),
        (17_499, 15 * SECOND), (24_999, 20 * SECOND), (44_999, 30 * SECOND), (89_999, MINUTE),
        (209_999, 2 * MINUTE), (449_999, 5 * MINUTE), (749_999, 10 * MINUTE),
        (1_049_999, 15 * MINUTE), (1_499_999, 20 * MINUTE), (2_699_999, 30 * MINUTE),
        (5_399_999, HOUR), (8_999_999, 2 * HOUR), (16_199_999, 3 * HOUR), (32_399_999, 6 * HOUR),
        (86_399_999, 12 * HOUR), (604_799_999, DAY), (1_814_399_999, 7 * DAY),
        (3_628_799_999, 30 * DAY), (3_628_800_000, 365 * DAY),
        # At a limit the next one begins.
        (10, 10), (1500, 2 * SECOND), (5_400_000, 2 * HOUR),
    ],
)  # fmt: skip
def test_a_span_is_rounded_to_a_nice_one(exact: int, rounded: int) -> None:
    assert interval_of(exact * MILLISECOND, 1) == rounded * MILLISECOND


@pytest.mark.parametrize(
    ("span", "points", "minimum", "interval"),
    [
        (timedelta(hours=1), 500, "5s", "5s"),
        (timedelta(hours=1), 500, "1m", "1m"),
        (timedelta(hours=24), 500, "5s", "2m"),
        (timedelta(days=30), 500, "5s", "1h"),
        (timedelta(days=365), 500, "5s", "12h"),
        (timedelta(days=365), 100, "5s", "1d"),
        (timedelta(minutes=5), 1000, "5s", "5s"),
    ],
)
def test_an_interval_comes_of_range_and_width_and_is_not_below_its_minimum(
    span: timedelta, points: int, minimum: str, interval: str
) -> None:
    least = {"5s": timedelta(seconds=5), "1m": timedelta(minutes=1)}[minimum]
    assert shown(interval_of(span, points, least)) == interval


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(1, "1ms"), (200, "200ms"), (90_000, "1m"), (7 * DAY, "7d"), (365 * DAY, "1y")],
)
def test_an_interval_is_written_in_its_largest_unit(milliseconds: int, text: str) -> None:
    assert shown(milliseconds * MILLISECOND) == text
