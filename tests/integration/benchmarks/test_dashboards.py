"""The bench of dashboards asks every panel as the role by which Grafana reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
import pytest

from benchmarks import past
from benchmarks.dashboards import RANGES, audiences, connected, opened
from dashboards.catalogue import panels_of
from storage.writer import Readings

GROUPS = [replace(group, devices=1) for group in past.GROUPS[:2]]


def test_every_panel_is_asked_in_every_range_with_what_is_chosen_first(
    connection: psycopg.Connection, database_url: str
) -> None:
    series = np.concatenate([ids.ravel() for ids in past.register(connection, GROUPS)])
    ts = np.full(len(series), past.END_US - 60_000_000)
    past.store(connection, Readings(series, ts, np.ones(len(series))))
    connection.execute(past.NEWEST.encode())
    for key, boards in audiences().items():
        with connected(database_url, key) as grafana:
            for board in boards.values():
                asked = opened(grafana, board)
                targets = [t for panel in panels_of(board) for t in panel.get("targets", ())]
                assert len(asked) == len(targets) * len(RANGES)
                assert not any(each.ended for each in asked)


def board_of(title: str, sql: str) -> dict[str, Any]:
    """A dashboard of one panel."""
    panel = {
        "title": title, "type": "table", "gridPos": {"w": 24},
        "targets": [{"refId": "A", "rawSql": sql}],
    }  # fmt: skip
    return {"uid": "one", "panels": [panel], "templating": {"list": []}}


def test_a_query_that_the_database_ends_counts_as_long_as_it_took(
    connection: psycopg.Connection, database_url: str
) -> None:
    with connected(database_url, "operators") as grafana:
        grafana.execute("SET statement_timeout = '20ms'")
        asked = opened(grafana, board_of("Slow", "SELECT pg_sleep(20)"))
    assert [(each.panel, each.range, each.ended) for each in asked] == [
        ("Slow", name, True) for name in RANGES
    ]
    assert min(each.ms for each in asked) >= 20


def test_a_query_that_is_wrong_ends_the_bench(
    connection: psycopg.Connection, database_url: str
) -> None:
    with (
        connected(database_url, "operators") as grafana,
        pytest.raises(psycopg.errors.UndefinedTable),
    ):
        opened(grafana, board_of("Wrong", "SELECT value FROM nowhere"))
