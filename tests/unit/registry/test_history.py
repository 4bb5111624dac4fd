"""Times and steps as people write them, and times as they are answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from registry.history.answer import milliseconds, texts
from registry.history.times import LATEST, parse_step, parse_time
from storage.history.columns import microseconds

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
SEVEN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("now", NOW),
        ("-90s", NOW - timedelta(seconds=90)),
        ("-250ms", NOW - timedelta(milliseconds=250)),
        ("-24h", NOW - timedelta(days=1)),
        ("-2w", NOW - timedelta(days=14)),
        ("2026-03-01T00:00:00Z", SEVEN),
        ("2026-03-01T07:00:00+07:00", SEVEN),
        ("2026-03-01T07:00:00 07:00", SEVEN),
        ("2026-02-28T20:30:00-03:30", SEVEN),
        ("9999-12-31T23:59:59Z", LATEST),
    ],
)
def test_a_time_is_read(text: str, time: datetime) -> None:
    assert parse_time(text, NOW) == time


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "-1y", "--1h", "-h", "1767225600000", "2026-13-01T00:00:00Z", "-99999999w",
     "2026-03-01", "2026-03-01T00:00:00", "0001-01-01T00:00:00+14:00", "-1h30m", "\x00"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="2026-03-01T00:00:00Z"):
        parse_time(text, NOW)


def test_a_step_is_a_length_or_a_unit_of_the_calendar() -> None:
    assert [parse_step(text) for text in ("500ms", "90s", "1d", "day", "month")] == [
        500_000, 90_000_000, 86_400_000_000, "day", "month",
    ]  # fmt: skip
    for text in ("", "0h", "-1h", "1.5h", "1", "h", "days", "99999w"):
        with pytest.raises(ValueError, match="not zero"):
            parse_step(text)


def test_times_are_written_in_the_zone_that_is_asked_for() -> None:
    ts = np.array([microseconds(NOW.replace(hour=hour)) for hour in (0, 1, 12)])
    assert texts(ts, "Europe/Berlin") == [
        "2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T14:00:00+02:00",
    ]  # fmt: skip
    assert texts(ts[:1], "America/St_Johns") == ["2026-03-28T21:30:00-02:30"]
    assert texts(ts[:1] + 1, "UTC") == ["2026-03-29T00:00:00.000001Z"]
    assert texts(ts[:0], "UTC") == []


def test_milliseconds_have_decimals_only_where_they_are_needed() -> None:
    assert milliseconds(np.array([1_000, 2_000])) == [1, 2]
    assert milliseconds(np.array([1_000, 2_001])) == [1, 2.001]
