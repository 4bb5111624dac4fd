"""What the dashboard on ingest and broker answers of vitals that are known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dashboards.catalogue import operator_dashboards, panels_of, park_dashboards, tenant_dashboards
from dashboards.language import LANGUAGES, Language, translated
from dashboards.macros import View, expand
from storage import vitals
from storage.grafana import Memory
from tests.conftest import cloned

UID = "technopark-health"
PANELS = {
    panel["title"]: panel["targets"][0]["rawSql"] for panel in panels_of(operator_dashboards()[UID])
}
SECONDS = 15
# Two workers, each with 10 messages a second; the second began anew after half of the hour.
TOLD = 240


@pytest.fixture(scope="module")
def operators(server: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    """What Grafana asks by for the operators, of the last hour."""
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as owner:
        names = ["messages_received", "commit_seconds_sum", "commit_seconds_count", "lag_seconds",
                 "journal_bytes", "journal_quota_bytes", "broker_connected", "database_up",
                 "process_open_fds", "rejections.quota", "rejections.clock-ahead"]  # fmt: skip
        for worker in (1, 2):
            owner.execute(
                "INSERT INTO vital_sets (source, names) VALUES (%s, %s)",
                [f"ingest-{worker}", names],
            )
        owner.execute(
            """
            INSERT INTO vitals
            SELECT now() - (%(told)s - n) * INTERVAL '1 second' * %(seconds)s, s.id,
                   ARRAY[150 * since, 0.5 * since, 10 * since, CASE source WHEN 'ingest-2' THEN 7
                         ELSE 0 END, 25 * s.id, 100, 1, (source = 'ingest-1')::int, 9, since, 0]
            FROM vital_sets s, generate_series(1, %(told)s) n,
                 LATERAL (SELECT CASE WHEN source = 'ingest-2' AND n > %(told)s / 2
                                      THEN n - %(told)s / 2 ELSE n END) AS began (since)
            """,
            {"told": TOLD, "seconds": SECONDS},
        )
        role, password = Memory(owner).set_password("operators")
        with psycopg.connect(make_conninfo(url, user=role, password=password)) as opened:
            opened.autocommit = True
            yield opened


def ask(operators: psycopg.Connection[Any], title: str, minutes: int = 5) -> list[dict[str, Any]]:
    """The rows of a panel over the last two hours, of which one is told."""
    now = datetime.now(UTC)
    view = View(now - timedelta(hours=2), now, timedelta(minutes=minutes))
    cursor = operators.execute(expand(PANELS[title], view, {}).encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_rates_are_those_of_all_workers_and_a_restart_is_no_fall_below_zero(
    operators: psycopg.Connection[Any],
) -> None:
    rates = [row["Received"] for row in ask(operators, "Messages")]
    assert len(rates) >= 10
    usual = [rate for rate in rates if rate == pytest.approx(20, rel=0.05)]
    # What the second worker counted before it ended, after the point before, nobody knows.
    assert len(rates) - len(usual) <= 1
    assert min(rates) >= 10


def test_a_mean_is_of_what_grew_and_a_point_is_the_same_at_any_resolution(
    operators: psycopg.Connection[Any],
) -> None:
    for minutes in (1, 5, 20):
        rows = ask(operators, "Time of a batch", minutes)
        assert {round(row["Transaction"], 6) for row in rows} == {0.05}
        assert len(rows) <= 60 / minutes + 1


def test_a_reason_is_drawn_where_something_was_rejected(
    operators: psycopg.Connection[Any],
) -> None:
    assert {row["metric"] for row in ask(operators, "Rejected by ingest")} == {"quota"}


def test_the_worst_worker_decides(operators: psycopg.Connection[Any]) -> None:
    assert ask(operators, "Lag of ingest") == [{"Lag": 7}]
    assert ask(operators, "Journal") == [{"Journal": 50}]
    assert ask(operators, "Ingest reaches") == [{"Broker": 1, "Database": 0}]
    lags = {row["metric"]: row["Lag"] for row in ask(operators, "Lag")}
    assert lags == {"ingest-1": 0, "ingest-2": 7}


def test_a_part_that_tells_nothing_is_away(operators: psycopg.Connection[Any]) -> None:
    assert ask(operators, "Parts") == [{"Ingest": 1, "Broker": 0, "Registry": 0}]
    assert ask(operators, "Mail server") == [{"Mail server": None}]
    assert ask(operators, "Oldest transaction") == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_panel_answers_where_little_is_told(
    operators: psycopg.Connection[Any], language: Language
) -> None:
    now = datetime.now(UTC)
    view = View(now - timedelta(hours=2), now, timedelta(hours=1))
    for panel in panels_of(translated(operator_dashboards()[UID], language)):
        operators.execute(expand(panel["targets"][0]["rawSql"], view, {}).encode())


def test_vitals_are_looked_for_as_long_as_they_are_kept() -> None:
    assert f"INTERVAL '{vitals.DAYS} days'" in PANELS["Lag"]


def test_the_platforms_health_is_the_operators_alone() -> None:
    assert UID not in park_dashboards()
    assert UID not in tenant_dashboards()
