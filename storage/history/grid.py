"""Where buckets of time begin and end.

A bucket of a fixed length is counted from Monday 2000-01-03 00:00 UTC, as TimescaleDB's
``time_bucket`` does. One of the calendar begins with the first moment of its local hour, day, week
(Monday), month, quarter or year: a day on which clocks are set has 23 or 25 hours, and one that a
zone left out, such as 2011-12-30 in Apia, has no bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from storage.history.columns import Times, microseconds, moment

Unit = Literal["hour", "day", "week", "month", "quarter", "year"]
# A length in µs, or a unit of the calendar.
Step = int | Unit

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
ORIGIN = 946_857_600 * SECOND
MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}
# No bucket of the unit is much shorter: for a number of buckets before they are made.
LENGTHS: dict[Unit, int] = {
    "hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 28 * DAY, "quarter": 90 * DAY,
    "year": 365 * DAY,
}  # fmt: skip


def count(start: int, end: int, step: Step) -> int:
    """How many buckets a time needs; of the calendar about as many."""
    if isinstance(step, int):
        return -((ORIGIN - end) // step) - (start - ORIGIN) // step
    return (end - start) // LENGTHS[step] + 2


def edges(start: int, end: int, step: Step | None, zone: str) -> Times:
    """The bounds of the buckets that cover a time.

    Args:
        start: µs since 1970.
        end: after it.
        step: of the buckets; None: one for all.
        zone: IANA name, for the calendar.

    Returns:
        (n + 1,) for n buckets: the first is not after start, the last not before end.
    """
    if step is None:
        return np.array([start, end])
    if isinstance(step, int):
        first = ORIGIN + (start - ORIGIN) // step * step
        return first + step * np.arange(count(start, end, step) + 1)
    if step == "hour":
        return np.fromiter(hours(start, end, ZoneInfo(zone)), np.int64)
    return np.unique(np.fromiter(midnights(start, end, step, ZoneInfo(zone)), np.int64))


def hours(start: int, end: int, zone: ZoneInfo) -> Iterator[int]:
    """The moments at which a clock shows a full hour, or is set."""
    local = moment(start).astimezone(zone)
    edge = start - past_hour(local)
    while edge < end:
        yield edge
        edge += HOUR - past_hour(moment(edge).astimezone(zone))
    yield edge


def past_hour(local: datetime) -> int:
    """µs since the clock showed a full hour."""
    return (local.minute * 60 + local.second) * SECOND + local.microsecond


def midnights(start: int, end: int, unit: Unit, zone: ZoneInfo) -> Iterator[int]:
    """The first moments of the units' first days, from one not after start."""
    day = first_day(moment(start).astimezone(zone).date(), unit)
    # Where clocks were set around midnight, a day may begin after the moment whose date it is.
    while (edge := midnight(day, zone)) > start:
        day = first_day(day - timedelta(days=1), unit)
    while edge < end:
        yield edge
        day = next_day(day, unit)
        edge = midnight(day, zone)
    yield edge


def midnight(day: date, zone: ZoneInfo) -> int:
    """The first moment of a day, also where no clock shows its midnight."""
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=zone))


def first_day(day: date, unit: Unit) -> date:
    """The first day of the unit that a day is in."""
    if unit in MONTHS:
        return date(day.year, (day.month - 1) // MONTHS[unit] * MONTHS[unit] + 1, 1)
    return day - timedelta(days=day.weekday() if unit == "week" else 0)


def next_day(day: date, unit: Unit) -> date:
    """The first day of the unit after the one that begins with a day."""
    if unit in MONTHS:
        months = day.month - 1 + MONTHS[unit]
        return date(day.year + months // 12, months % 12 + 1, 1)
    return day + timedelta(days=7 if unit == "week" else 1)
