from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.asking import view_of
from dashboards.catalogue import panels_of

END = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "panel", "interval"),
    [
        # The least of the data source, where a panel says none.
        (timedelta(hours=1), {}, timedelta(minutes=1)),
        (timedelta(hours=1), {"interval": "5s"}, timedelta(seconds=5)),
        (timedelta(hours=1), {"interval": "1m"}, timedelta(minutes=1)),
        (timedelta(days=1), {"interval": "5s"}, timedelta(minutes=1)),
        (timedelta(days=7), {}, timedelta(minutes=5)),
        (timedelta(days=7), {"maxDataPoints": 100}, timedelta(hours=2)),
        (timedelta(days=365), {}, timedelta(hours=6)),
    ],
)
def test_a_panel_has_the_interval_that_grafana_chooses(
    length: timedelta, panel: dict[str, object], interval: timedelta
) -> None:
    grid = {"gridPos": {"w": 24}}
    assert view_of({**grid, **panel}, END - length, END).interval == interval


def test_panels_in_rows_are_looked_at_and_the_rows_are_not() -> None:
    board = {
        "panels": [
            {"id": 1, "type": "stat"},
            {"id": 2, "type": "row", "panels": [{"id": 3, "type": "stat"}]},
        ]
    }
    assert [panel["id"] for panel in panels_of(board)] == [1, 3]
