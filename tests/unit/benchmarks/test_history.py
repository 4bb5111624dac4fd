"""The past is large enough and within the ranges of its models; results are drawn and judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import past
from benchmarks.plot import draw_history
from benchmarks.results import Table


def test_the_past_is_as_large_as_is_said() -> None:
    assert sum(group.series for group in past.GROUPS) >= 10_000
    readings = sum(group.series * group.days * group.each_day for group in past.GROUPS)
    assert readings >= 50_000_000


@pytest.mark.parametrize("number", range(1, len(past.GROUPS)))
def test_a_day_is_the_same_each_time_and_within_the_ranges_of_the_model(number: int) -> None:
    group = past.GROUPS[number]
    series = np.arange(group.series, dtype=np.int32).reshape(group.devices, -1)
    rows, again = (past.part(number, series, day=3) for _ in range(2))
    assert len(rows) == group.series * group.each_day
    assert np.array_equal(rows.value, again.value)
    assert rows.ts.min() >= past.END_US - 3 * past.DAY_US
    assert rows.ts.max() < past.END_US - 2 * past.DAY_US
    values = rows.value.reshape(group.devices, len(group.signals), -1)
    for index, signal in enumerate(group.signals):
        assert values[:, index].min() >= signal.minimum
        assert values[:, index].max() <= signal.maximum


@pytest.fixture
def table() -> Table:
    answers = [
        {"name": "a day", "ours": 20.0, "plain": 200.0, "figure": "day_ms", "limit": 150},
        {"name": "where they are", "ours": 3.0, "plain": 1.5, "figure": None, "limit": None},
    ]
    machine = {"processor": "one", "cores": 2}
    versions = {"postgresql": "18.6", "timescaledb": "2.31.0"}
    about = {"answers": answers, "machine": machine, "versions": versions}
    return Table("history", "", [], figures={"readings": 1000}, about=about)


def test_the_questions_and_their_limits_are_drawn_the_same_each_time(
    table: Table, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        draw_history(table, tmp_path / name)
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    table.about["answers"][0]["limit"] = None
    draw_history(table, tmp_path / "without")
    assert (tmp_path / "one.svg").read_bytes() != (tmp_path / "without.svg").read_bytes()


def test_a_figure_below_what_it_has_to_be_is_said() -> None:
    table = Table("history", "", [], figures={"export_per_s": 400_000})
    table.floors = {"export_per_s": 500_000}
    assert table.broken() == ["history: export_per_s is 400000, it has to be at least 500000"]
    table.figures["export_per_s"] = 500_000
    assert table.broken() == []
