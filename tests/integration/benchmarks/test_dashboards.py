"""The bench of dashboards asks every panel as the role by which Grafana reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import psycopg
import pytest

from benchmarks import past
from benchmarks.dashboards import RANGES, audiences, choices, connected, opened, panels_of
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


def test_what_is_chosen_at_the_top_comes_from_the_variables_own_queries(
    connection: psycopg.Connection, database_url: str
) -> None:
    variables = [
        {"name": "device", "type": "query", "query": "SELECT 'a' AS __text, 'b' AS __value",
         "includeAll": True, "allValue": "'*'", "multi": True},
        {"name": "metric", "type": "query",
         "query": "SELECT x || '-of-' || $device FROM unnest('{m,n}'::text[]) x"},
        {"name": "either", "type": "query", "query": "VALUES ('x'), ('y')", "multi": True,
         "includeAll": True},
        {"name": "after", "type": "custom", "query": "1 hour,1 day"},
    ]  # fmt: skip
    board = {"templating": {"list": variables}}
    with connected(database_url, "operators") as grafana:
        assert choices(grafana, board) == {
            "device": ["*"], "metric": "m-of-*", "either": ["x", "y"], "after": "1 hour",
        }  # fmt: skip


def test_a_query_that_the_database_ends_counts_as_long_as_it_took(
    connection: psycopg.Connection, database_url: str
) -> None:
    target = {"rawSql": "SELECT pg_sleep(20)"}
    with connected(database_url, "operators") as grafana:
        grafana.execute("SET statement_timeout = '20ms'")
        asked = opened(grafana, {"panels": [{"title": "Slow", "targets": [target]}]})
    assert [(each.panel, each.range, each.ended) for each in asked] == [
        ("Slow", name, True) for name in RANGES
    ]
    assert min(each.ms for each in asked) >= 20


def test_a_query_that_is_wrong_ends_the_bench(
    connection: psycopg.Connection, database_url: str
) -> None:
    board = {"panels": [{"title": "Wrong", "targets": [{"rawSql": "SELECT value FROM nowhere"}]}]}
    with (
        connected(database_url, "operators") as grafana,
        pytest.raises(psycopg.errors.UndefinedTable),
    ):
        opened(grafana, board)
