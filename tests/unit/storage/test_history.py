"""Bounds of buckets, sources, gaps and points: what needs no database."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from storage.history import grid, points
from storage.history.columns import Instants, InstantsDumper, Moments, microseconds, moment
from storage.history.gaps import filled
from storage.history.rollups import Piece, pieces
from storage.history.series import Part


def us(text: str) -> int:
    return microseconds(datetime.fromisoformat(text))


def bounds(start: str, end: str, step: grid.Step | None, zone: str) -> list[str]:
    """The bounds as clocks of the zone show them."""
    edges = grid.edges(us(start), us(end), step, zone)
    return [moment(each).astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M") for each in edges]


CASES = [
    # Berlin's 29 March has 23 hours, its 25 October 25.
    ("2026-03-28T12:00Z", "2026-03-30T12:00Z", "day", "Europe/Berlin",
     ["03-28 00:00", "03-29 00:00", "03-30 00:00", "03-31 00:00"]),
    ("2026-10-25T00:30Z", "2026-10-25T02:30Z", "hour", "Europe/Berlin",
     ["10-25 02:00", "10-25 02:00", "10-25 03:00", "10-25 04:00"]),
    # On Lord Howe clocks go back by half an hour: one hour there is half as long.
    ("2026-04-04T14:00Z", "2026-04-04T16:00Z", "hour", "Australia/Lord_Howe",
     ["04-05 01:00", "04-05 01:30", "04-05 02:00", "04-05 03:00"]),
    # In Apia there was no 30 December 2011.
    ("2011-12-29T20:00Z", "2011-12-31T20:00Z", "day", "Pacific/Apia",
     ["12-29 00:00", "12-31 00:00", "01-01 00:00", "01-02 00:00"]),
    # In Cairo clocks are set at midnight: the day begins at one.
    ("2026-04-23T12:00Z", "2026-04-24T12:00Z", "day", "Africa/Cairo",
     ["04-23 00:00", "04-24 01:00", "04-25 00:00"]),
    ("2026-03-04T00:00Z", "2026-03-10T00:00Z", "week", "Asia/Jakarta",
     ["03-02 00:00", "03-09 00:00", "03-16 00:00"]),
    ("2026-02-28T17:00Z", "2026-04-01T00:00Z", "month", "Asia/Jakarta",
     ["03-01 00:00", "04-01 00:00", "05-01 00:00"]),
    ("2025-12-31T17:00Z", "2026-05-01T00:00Z", "quarter", "Asia/Jakarta",
     ["01-01 00:00", "04-01 00:00", "07-01 00:00"]),
    ("2026-05-01T00:00Z", "2026-06-01T00:00Z", "year", "America/St_Johns",
     ["01-01 00:00", "01-01 00:00"]),
    ("2026-03-01T00:20Z", "2026-03-01T00:40Z", 15 * grid.MINUTE, "UTC",
     ["03-01 00:15", "03-01 00:30", "03-01 00:45"]),
    ("2026-03-01T00:00Z", "2026-03-09T00:00Z", 7 * grid.DAY, "UTC",
     ["02-23 00:00", "03-02 00:00", "03-09 00:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("start", "end", "step", "zone", "expected"), CASES)
def test_buckets_begin_where_the_zone_says(
    start: str, end: str, step: grid.Step, zone: str, expected: list[str]
) -> None:
    assert bounds(start, end, step, zone) == expected
    edges = grid.edges(us(start), us(end), step, zone)
    assert edges[0] <= us(start) < edges[1]
    assert edges[-2] < us(end) <= edges[-1]
    assert len(edges) - 1 <= grid.count(us(start), us(end), step)


def sources(part: tuple[str, str], step: grid.Step | None, zone: str) -> list[str]:
    """The sources of an unbroken time, in order."""
    within = Part(us(part[0]), us(part[1]))
    found = pieces(within, grid.edges(*within, step, zone))
    joined = [within.start, *(each.end for each in found)]
    assert [each.start for each in found] == joined[:-1]
    assert joined[-1] == within.end
    return [each.source.removeprefix("readings_") for each in found]


def test_the_coarsest_rollup_is_taken_whose_buckets_fit() -> None:
    days = ("2026-03-01T00:00Z", "2026-03-11T00:00Z")
    assert sources(days, "day", "UTC") == ["1d"]
    assert sources(days, None, "Asia/Jakarta") == ["1d"]
    assert sources(days, "day", "Asia/Jakarta") == ["1h"]
    assert sources(days, "hour", "Asia/Makassar") == ["1h"]
    assert sources(days, "day", "Asia/Kolkata") == ["10m"]
    assert sources(days, "day", "Asia/Kathmandu") == ["1m"]
    assert sources(days, "year", "America/St_Johns") == ["1d"]
    assert sources(days, 20 * grid.MINUTE, "UTC") == ["10m"]
    assert sources(days, 15 * grid.MINUTE, "UTC") == ["1m"]
    assert sources(days, 10 * grid.SECOND, "UTC") == ["each"]


def test_what_no_whole_bucket_covers_comes_from_finer_ones() -> None:
    ragged = ("2026-03-01T10:20:30.5Z", "2026-03-04T10:20:30.5Z")
    assert sources(ragged, "week", "UTC") == ["each", "1m", "1h", "1d", "1h", "1m", "each"]
    assert sources(ragged, "hour", "UTC") == ["each", "1m", "1h", "1m", "each"]
    assert sources(ragged, 30 * grid.MINUTE, "UTC") == ["each", "1m", "10m", "each"]
    short = ("2026-03-01T10:20:30Z", "2026-03-01T10:20:50Z")
    assert sources(short, "week", "UTC") == ["each"]


def test_a_piece_is_a_source_and_a_time() -> None:
    [piece] = pieces(Part(0, grid.MINUTE), np.array([0, grid.MINUTE]))
    assert piece == Piece("readings_1m", 0, grid.MINUTE)


NAN = np.nan


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ("null", [NAN, 1, NAN, NAN, 7, NAN]),
        ("previous", [NAN, 1, 1, 1, 7, 7]),
        ("linear", [NAN, 1, 3, 5, 7, NAN]),
    ],
)
def test_gaps_are_filled_between_values_alone(fill: str, expected: list[float]) -> None:
    values = np.array([NAN, 1, NAN, NAN, 7, NAN])
    np.testing.assert_array_equal(filled(np.arange(6), values, fill), expected)  # type: ignore[arg-type]


def test_a_series_without_a_value_stays_without() -> None:
    values = np.full(3, NAN)
    np.testing.assert_array_equal(filled(np.arange(3), values, "previous"), values)


def test_points_that_are_drawn_have_the_peaks_and_the_ends() -> None:
    ts = np.arange(100_000) * 1000
    values = np.sin(ts / 1e7)
    values[54_321], values[77_777] = 9, -9
    drawn = points.chosen(ts, values, 300)
    assert 290 < len(drawn) <= 300
    assert {0, 54_321, 77_777, 99_999} <= set(drawn.tolist())
    assert (np.diff(drawn) > 0).all()


@pytest.mark.parametrize("number", [3, 10, 1000])
def test_a_step_for_points_gives_no_more_buckets(number: int) -> None:
    start = us("2026-03-01T00:00:01Z")
    for span in (1, 60 * grid.SECOND, grid.DAY, 30 * grid.DAY, 365 * grid.DAY):
        length = points.length_for(span, number)
        assert grid.count(start, start + span, length) <= number


def test_times_go_to_postgresql_and_back() -> None:
    ts = np.array([us("1999-12-31T23:59:59.999999Z"), us("2026-03-01T00:00Z")])
    dumped = InstantsDumper(Instants).dump(Instants(ts))
    np.testing.assert_array_equal(Moments(0).load(dumped), ts)
    assert moment(int(ts[0])) == datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
