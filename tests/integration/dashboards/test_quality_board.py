"""What the dashboard on data quality answers on a world of which all is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dashboards.catalogue import tenant_dashboards
from dashboards.language import translated
from dashboards.macros import View, expand
from storage.grafana import Memory
from tests.conftest import cloned

# Each sends every minute of two days: `steady` all, `gappy` but for five hours, `gone` until
# yesterday; `silent` was heard three days ago. A metric that is a text is not counted.
WORLD = """
INSERT INTO tenants (id, name, kind) VALUES ('mine', 'Mine', 'startup');
INSERT INTO models (id, name) VALUES ('probe', 'Probe');
INSERT INTO model_metrics (model_id, metric, kind, minimum, expected_interval_seconds)
VALUES ('probe', 'level', 'number', 0, 60), ('probe', 'mode', 'text', NULL, 60);
INSERT INTO devices (id, tenant_id, name, model_id)
SELECT id, 'mine', '', 'probe' FROM unnest('{steady,gappy,gone,silent,new}'::text[]) id;
INSERT INTO devices (id, tenant_id, name) VALUES ('plain', 'mine', '');
UPDATE device_owners SET during = tstzrange(now() - INTERVAL '9 days', NULL);
INSERT INTO series (device_id, metric, kind)
SELECT id, 'level', 'number' FROM devices WHERE id <> 'new'
UNION ALL VALUES ('steady', 'mode', 'text');
INSERT INTO readings
SELECT s.id, h.hour + n * INTERVAL '1 minute', 1
FROM series s, generate_series(0, 59) n,
     generate_series(date_trunc('hour', now()) - INTERVAL '48 hours',
                     date_trunc('hour', now()) - INTERVAL '1 hour', '1 hour') h (hour)
WHERE s.kind = 'number' AND CASE s.device_id
    WHEN 'gappy' THEN h.hour NOT BETWEEN date_trunc('hour', now()) - INTERVAL '10 hours'
                                 AND date_trunc('hour', now()) - INTERVAL '6 hours'
    WHEN 'gone' THEN h.hour < date_trunc('hour', now()) - INTERVAL '24 hours'
    ELSE s.device_id <> 'silent' END;
INSERT INTO readings SELECT id, now() - INTERVAL '72 hours', 1 FROM series
    WHERE device_id = 'silent';
-- In the last minute of an hour the hour before would be a silence of an hour.
INSERT INTO readings SELECT id, now(), 1 FROM series
    WHERE device_id IN ('steady', 'gappy', 'plain') AND kind = 'number';
INSERT INTO latest (series_id, ts, value)
    SELECT DISTINCT ON (series_id) * FROM readings ORDER BY series_id, ts DESC;
INSERT INTO device_activity (device_id, last_seen, online)
    SELECT s.device_id, l.ts, true FROM latest l JOIN series s ON s.id = l.series_id;
INSERT INTO arrivals
    SELECT id, current_date - 1, class, n FROM series,
        (VALUES (33, 70), (56, 20), (30, 10), (-1, 25)) AS counted (class, n)
    WHERE device_id = 'steady' AND kind = 'number';
INSERT INTO flags SELECT series_id, ts, 'below-range' FROM readings JOIN series ON id = series_id
    WHERE device_id = 'gappy' AND ts >= date_trunc('hour', now()) - INTERVAL '1 hour'
      AND extract(minute FROM ts) >= 45;
INSERT INTO device_statuses VALUES ('steady', now() - INTERVAL '8 days', true),
    ('steady', now() - INTERVAL '9 hours', false), ('steady', now() - INTERVAL '8 hours', true);
"""
PANELS = {
    panel["title"]: panel["targets"][0]["rawSql"]
    for panel in tenant_dashboards()["technopark-quality"]["panels"]
}
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def world(server: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WORLD.encode())
        yield connection


@pytest.fixture(scope="module")
def mine(world: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """What Grafana asks by for the tenant."""
    role, password = Memory(world).set_password("tenant:mine")
    url = make_conninfo(world.info.dsn, user=role, password=password)
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


def ask(
    connection: psycopg.Connection[Any],
    title: str,
    interval: timedelta = HOUR,
    **chosen: Sequence[str],
) -> list[dict[str, Any]]:
    """The rows of a panel over the last 30 hours."""
    now = datetime.now(UTC)
    everything = {"tenant": ["*"], "device": ["*"], "metric": ["*"]}
    view = View(now - 30 * HOUR, now, interval)
    cursor = connection.execute(expand(PANELS[title], view, {**everything, **chosen}).encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_the_least_complete_metrics_come_first_and_texts_are_not_counted(
    mine: psycopg.Connection[Any],
) -> None:
    rows = ask(mine, "Least complete metrics of the last 24 hours")
    assert [(row["Device"], row["Metric"], round(row["Complete"], 1)) for row in rows] == [
        ("gone", "level", 0), ("silent", "level", 0), ("gappy", "level", 79.2),
        ("steady", "level", 100),
    ]  # fmt: skip
    title = "Completeness of the last 24 hours"
    assert round(ask(mine, title)[0]["Complete"], 1) == 44.8
    assert ask(mine, title, device=["steady"]) == [{"Complete": 100}]
    # Without a model nothing is expected.
    assert ask(mine, title, device=["plain"]) == [{"Complete": None}]


def test_the_completeness_of_an_hour_in_which_nothing_came_is_nothing(
    mine: psycopg.Connection[Any],
) -> None:
    rows = ask(mine, "Completeness of the eight least complete devices")
    shares: dict[str, list[float]] = {}
    for row in rows:
        shares.setdefault(row["metric"], []).append(row["Complete"])
    assert {name: (values.count(0), values.count(100)) for name, values in shares.items()} == {
        "gappy": (5, 24), "gone": (24, 5), "silent": (29, 0), "steady": (0, 29)
    }  # fmt: skip
    [metric, *_] = [
        row for row in ask(mine, "Completeness of their metrics", device=["gappy", "steady"])
        if row["Complete"] < 100
    ]  # fmt: skip
    assert (metric["metric"], metric["Complete"]) == ("level", 50)


def test_silences_are_told_from_when_until_when_the_longest_first(
    mine: psycopg.Connection[Any],
) -> None:
    rows = ask(mine, "Longest silences")
    assert [(row["Device"], row["Until"] is None) for row in rows[:3]] == [
        ("silent", True), ("gone", True), ("gappy", False)
    ]  # fmt: skip
    # It began before the chosen time.
    assert float(rows[0]["Silent for"]) == pytest.approx(72 * 3600, abs=60)
    assert float(rows[2]["Silent for"]) == 5 * 3600 + 60
    # An hour whose readings came is none.
    assert {row["Device"] for row in rows} == {"silent", "gone", "gappy"}
    assert ask(mine, "Longest silences", device=["gappy"], metric=["other"]) == []


def test_shares_of_what_came_late_early_twice_and_out_of_range(
    mine: psycopg.Connection[Any],
) -> None:
    [day] = ask(mine, "Late, ahead of time and twice", timedelta(days=1))
    assert (day["Late"], day["Ahead of time"], day["Twice"]) == (20, 10, 20)
    assert ask(mine, "Late") == [{"Late": 20}]
    out = ask(mine, "Out of range by metric", HOUR / 2, device=["gappy"])
    assert {row["metric"] for row in out} == {"level"}
    # A bucket of half an hour is of a whole hour.
    assert [row["Out of range"] for row in out if row["Out of range"]] == [25]
    # From an hour a point on it is a day, of the values and of the flags.
    days = ask(mine, "Out of range by metric", device=["gappy"])
    assert all(row["time"].hour == 0 for row in days)
    assert sum(row["Out of range"] > 0 for row in days) == 1
    [share] = ask(mine, "Out of range", HOUR / 2, device=["gappy"])
    assert float(share["Out of range"]) == pytest.approx(100 * 15 / (24 * 60), abs=0.5)
    assert ask(mine, "Out of range", device=["nobody"]) == [{"Out of range": None}]


def test_a_connection_is_at_first_what_it_was_before(mine: psycopg.Connection[Any]) -> None:
    rows = ask(mine, "Connection of the devices that were lost most often")
    assert [(row["Device"], row["Connection"]) for row in rows] == [
        ("steady", "online"), ("steady", "offline"), ("steady", "online")
    ]  # fmt: skip


def test_panels_in_indonesian_find_the_same(mine: psycopg.Connection[Any]) -> None:
    now = datetime.now(UTC)
    view = View(now - 30 * HOUR, now, HOUR)
    everything = {"tenant": ["*"], "device": ["*"], "metric": ["*"]}
    board = translated(tenant_dashboards()["technopark-quality"], "id")
    for panel, english in zip(board["panels"], PANELS.values(), strict=True):
        spoken = panel["targets"][0]["rawSql"]
        found, same = (
            mine.execute(expand(query, view, everything).encode()).fetchall()
            for query in (spoken, english)
        )
        assert len(found) == len(same), panel["title"]


@pytest.mark.parametrize("audience", ["tenant_sql", "park_sql", "operator_sql"])
def test_arrivals_of_some_devices_are_found_by_their_series(
    world: psycopg.Connection[Any], audience: str
) -> None:
    # The days of all series of the platform would take as long for a tenant with one device.
    with world.transaction():
        world.execute("SET LOCAL enable_seqscan = off")
        plan = world.execute(
            f"EXPLAIN SELECT sum(late) FROM {audience}.arrivals "
            "WHERE device = ANY(ARRAY['steady']) AND day > current_date - 7".encode()
        ).fetchall()
    assert re.search(r"Index Cond: \(+(arrivals\.)?series_id = ", str(plan)), plan
