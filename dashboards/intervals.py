"""Which span of time Grafana gives to one point of a panel.

Source: Grafana, packages/grafana-data/src/datetime/rangeutil.ts, and the documentation of
"Min interval" and "Max data points" in a panel's query options.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta

MILLISECOND = timedelta(milliseconds=1)
# The least that the PostgreSQL data source has where a panel says nothing.
DEFAULT_MINIMUM = timedelta(minutes=1)

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
# Below which span, in ms, which one is taken.
STEPS = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500),
    (1_500, SECOND), (3_500, 2 * SECOND), (7_500, 5 * SECOND), (12_500, 10 * SECOND),
    (17_500, 15 * SECOND), (25_000, 20 * SECOND), (45_000, 30 * SECOND),
    (90_000, MINUTE), (210_000, 2 * MINUTE), (450_000, 5 * MINUTE), (750_000, 10 * MINUTE),
    (1_050_000, 15 * MINUTE), (1_500_000, 20 * MINUTE), (2_700_000, 30 * MINUTE),
    (5_400_000, HOUR), (9_000_000, 2 * HOUR), (16_200_000, 3 * HOUR), (32_400_000, 6 * HOUR),
    (DAY, 12 * HOUR), (7 * DAY, DAY), (21 * DAY, 7 * DAY), (42 * DAY, 30 * DAY),
)  # fmt: skip
LONGEST = 365 * DAY
UNITS = (("y", 365 * DAY), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1))


def interval_of(span: timedelta, points: int, minimum: timedelta = MILLISECOND) -> timedelta:
    """The span of one point.

    Args:
        span: of the whole panel.
        points: how many it may have at most, which is its width unless it says less.
        minimum: the least span.
    """
    exact = span / points / MILLISECOND
    place = bisect_right([limit for limit, _ in STEPS], exact)
    chosen = STEPS[place][1] if place < len(STEPS) else LONGEST
    return max(chosen * MILLISECOND, minimum)


def shown(interval: timedelta) -> str:
    """An interval as ``$__interval`` has it: whole units of the largest that it reaches.

    A minimum of 90 seconds is ``1m``: so is Grafana's.
    """
    milliseconds = interval // MILLISECOND
    unit, length = next((each for each in UNITS if each[1] <= milliseconds), UNITS[-1])
    return f"{milliseconds // length}{unit}"
