"""What panels of the dashboards about devices answer on a small world of which it is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dashboards.annotations import (
    bookings,
    connection_losses,
    rejection_bursts,
    stage_changes,
)
from dashboards.catalogue import operator_dashboards, park_dashboards, tenant_dashboards
from dashboards.language import translated_boards
from dashboards.layout import Annotation
from dashboards.macros import View, expand
from storage.grafana import Memory
from tests.conftest import cloned

# One device that does well, one that does not, one that nobody has heard, and one of another tenant
# that an agreement shows.
WORLD = """
INSERT INTO parks (id, name, time_zone) VALUES ('porto', 'Porto', 'Europe/Lisbon');
INSERT INTO labs (id, park_id, name, kind) VALUES ('bench', 'porto', 'Bench', 'testbed');
INSERT INTO tenants (id, name, kind, park_id) VALUES
    ('mine', 'Mine', 'startup', 'porto'), ('friend', 'Friend', 'startup', 'porto');
INSERT INTO models (id, name) VALUES ('probe', 'Probe');
INSERT INTO model_metrics (model_id, metric, unit, minimum, maximum, expected_interval_seconds)
VALUES ('probe', 'temperature', 'Cel', 0, 30, 60), ('probe', 'level', NULL, 0, NULL, 60);
INSERT INTO devices (id, tenant_id, name, lab_id, model_id) VALUES
    ('good', 'mine', 'Good one', 'bench', 'probe'), ('bad', 'mine', '', 'bench', 'probe'),
    ('new', 'mine', 'New', NULL, NULL), ('theirs', 'friend', 'Theirs', NULL, 'probe'),
    ('rig', 'mine', 'Rig', 'bench', NULL);
UPDATE device_owners SET during = tstzrange(now() - INTERVAL '9 days', NULL);
INSERT INTO agreements
    (tenant_id, reader_tenant_id, device_ids, first_day, last_day, history_from, decision)
VALUES ('friend', 'mine', ARRAY['theirs'], current_date - 2, current_date + 9, current_date - 2,
        'accepted');
INSERT INTO device_activity (device_id, last_seen, online) VALUES
    ('good', now(), true), ('bad', now() - INTERVAL '2 hours', false), ('theirs', now(), false),
    ('rig', now(), true);
INSERT INTO series (device_id, metric, kind, unit) VALUES
    ('good', 'temperature', 'number', 'Cel'), ('bad', 'temperature', 'number', 'Cel'),
    ('theirs', 'temperature', 'number', 'Cel'), ('good', 'level', 'number', NULL),
    ('good', 'mode', 'text', NULL);
INSERT INTO readings
SELECT id, now() - minutes * INTERVAL '1 minute',
       CASE WHEN metric = 'level' THEN 7 ELSE (minutes % 2) * 4
            + CASE device_id WHEN 'good' THEN 20 WHEN 'bad' THEN 40 ELSE 30 END END
FROM series, generate_series(1, 30) minutes WHERE kind = 'number';
INSERT INTO latest (series_id, ts, value)
    SELECT DISTINCT ON (series_id) * FROM readings ORDER BY series_id, ts DESC;
INSERT INTO latest SELECT id, now(), NULL, '"eco"' FROM series WHERE kind = 'text';
INSERT INTO states SELECT id, now() - minutes * INTERVAL '1 minute',
    CASE WHEN minutes > 10 THEN '"boost"' ELSE '"eco"' END::jsonb
FROM series, generate_series(1, 20) minutes WHERE kind = 'text';
INSERT INTO flags SELECT series_id, ts, 'above-range' FROM readings WHERE value >= 40;
INSERT INTO device_statuses VALUES ('good', now() - INTERVAL '5 hours', true),
    ('good', now() - INTERVAL '20 minutes', false), ('good', now() - INTERVAL '15 minutes', true),
    ('bad', now() - INTERVAL '10 minutes', false);
INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size)
SELECT date_trunc('minute', now() - INTERVAL '5 minutes') + n * INTERVAL '1 second', 'bad', 't',
       'quota', 'why', '', 0 FROM generate_series(1, 12) n;
INSERT INTO bookings (device_id, tenant_id, during) VALUES
    ('rig', 'friend', tstzrange(now() - INTERVAL '30 minutes', now() + INTERVAL '30 minutes')),
    ('rig', 'mine', tstzrange(now() + INTERVAL '1 hour', now() + INTERVAL '2 hours')),
    ('good', 'friend', tstzrange(now() + INTERVAL '3 hours', now() + INTERVAL '4 hours'));
UPDATE devices SET stage = 'pilot' WHERE id = 'good';
"""
CHOSEN: Mapping[str, str | Sequence[str]] = {
    "park": ["*"], "tenant": ["*"], "lab": "bench", "device": "good", "metric": "temperature",
    "silent_after": "15 minutes",
    "capacity": "10",
}  # fmt: skip


@pytest.fixture(scope="module")
def world(server: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WORLD.encode())
        yield connection


@pytest.fixture(scope="module")
def mine(world: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """What Grafana asks by for the tenant."""
    yield from session(world, "tenant:mine")


@pytest.fixture(scope="module")
def porto(world: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """What Grafana asks by for the park."""
    yield from session(world, "park:porto")


def session(world: psycopg.Connection[Any], key: str) -> Iterator[psycopg.Connection[Any]]:
    role, password = Memory(world).set_password(key)
    url = make_conninfo(world.info.dsn, user=role, password=password)
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


def ask(
    connection: psycopg.Connection[Any], query: str, **chosen: str | Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of a query over the last hour, a point for each five minutes."""
    now = datetime.now(UTC)
    view = View(now - timedelta(hours=1), now + timedelta(minutes=1), timedelta(minutes=5))
    cursor = connection.execute(expand(query, view, {**CHOSEN, **chosen}).encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def query(board: str, title: str) -> str:
    panels = {**tenant_dashboards(), **operator_dashboards()}[f"technopark-{board}"]["panels"]
    [found] = [p["targets"][0]["rawSql"] for p in panels if p["title"] == title]
    return str(found)


def lines(rows: list[dict[str, Any]]) -> dict[str, set[float]]:
    """The values of each line."""
    found: dict[str, set[float]] = {}
    for row in rows:
        found.setdefault(row["metric"], set()).add(round(row["value"], 6))
    return found


def marks(connection: psycopg.Connection[Any], mark: Annotation, **chosen: Any) -> list[str]:
    return [row["text"] for row in ask(connection, mark.sql, **chosen)]


def test_a_device_is_told_by_its_state_and_by_what_it_is(mine: psycopg.Connection[Any]) -> None:
    states = {
        device: ask(mine, query("device", "State"), device=device)[0]["State"]
        for device in ("good", "bad", "new", "theirs")
    }
    assert states == {
        "good": "reporting", "bad": "silent", "new": "never", "theirs": "disconnected"
    }  # fmt: skip
    assert ask(mine, query("device", "About")) == [
        {"Stage": "pilot", "Owner": "mine", "Lab": "Bench", "Model": "probe"}
    ]
    assert ask(mine, query("device", "Values and rejections"), device="bad") == [
        {"Values": 30, "Rejections": 12}
    ]


def test_the_newest_values_stand_beside_the_range_of_the_model(
    mine: psycopg.Connection[Any],
) -> None:
    shown = [
        [row[name] for name in ("Metric", "Value", "Unit", "Range", "State")]
        for row in ask(mine, query("device", "Newest values"))
    ]
    assert shown == [
        ["level", "7", None, "≥ 0", "within"],
        ["mode", "eco", None, None, "unknown"],
        ["temperature", "24", "Cel", "0 … 30", "within"],
    ]
    [bad] = ask(mine, query("device", "Newest values"), device="bad")
    assert (bad["Range"], bad["State"]) == ("0 … 30", "above")


def test_a_limit_of_the_model_is_drawn_only_near_the_values(mine: psycopg.Connection[Any]) -> None:
    good = lines(ask(mine, query("device", "$metric")))
    # From 20 to 24: nothing that is more than 4 away is drawn.
    assert good.keys() == {"mean [Cel]", "min [Cel]", "max [Cel]"}
    assert (min(good["min [Cel]"]), max(good["max [Cel]"])) == (20, 24)
    bad = lines(ask(mine, query("device", "$metric"), device="bad"))
    assert bad["upper [Cel]"] == {30}
    assert "lower [Cel]" not in bad
    assert ask(mine, query("device", "$metric"), metric=['it\'s "none"']) == []


def test_states_and_connections_are_told_by_their_changes(mine: psycopg.Connection[Any]) -> None:
    changes = ask(mine, query("device", "States over time"))
    assert [(row["Metric"], row["Value"]) for row in changes] == [
        ("mode", "eco"),
        ("mode", "boost"),
    ]
    # At the beginning it is what it was before.
    rows = ask(mine, query("device", "Connection"))
    assert [row["Connection"] for row in rows] == ["online", "offline", "online"]


def test_what_went_wrong_with_a_device_is_counted(mine: psycopg.Connection[Any]) -> None:
    [flag] = ask(mine, query("device", "Out of range"), device="bad")
    assert (flag["Metric"], flag["What"], flag["Values"]) == ("temperature", "above-range", 30)
    assert len(ask(mine, query("device", "Rejections"), device="bad")) == 12
    assert ask(mine, query("device", "Rejections")) == []


def test_marks_tell_what_happened_to_the_chosen_devices(mine: psycopg.Connection[Any]) -> None:
    assert "good: prototype → pilot" in marks(mine, stage_changes())
    assert marks(mine, bookings(), device=["rig", "good"]) == ["rig: friend"]
    assert marks(mine, rejection_bursts(), device=["*"]) == ["bad: quota × 12"]
    assert marks(mine, rejection_bursts(), device="good") == []
    [lost] = ask(mine, connection_losses().sql)
    assert lost["timeend"] - lost["time"] == timedelta(minutes=5)
    [lost] = ask(mine, connection_losses().sql, device="bad")
    assert lost["timeend"] - lost["time"] > timedelta(minutes=9)


def test_devices_are_compared_by_their_figures_and_their_mean(
    mine: psycopg.Connection[Any],
) -> None:
    rows = ask(mine, query("compare", "Figures of each device"), device=["*"])
    assert [(row["Device"], row["Mean"], row["Highest"]) for row in rows] == [
        ("bad", 42, 44), ("theirs", 32, 34), ("good", 22, 24)
    ]  # fmt: skip
    apart = ask(
        mine, query("compare", "Difference from the mean of the chosen devices"),
        device=["bad", "good"],
    )  # fmt: skip
    assert lines(apart) == {"bad [Cel]": {10}, "good [Cel]": {-10}}
    classes = ask(mine, query("compare", "Distribution"), device=["*"])
    assert len(classes) == 20
    points = ask(mine, query("compare", "$metric of each device"), device=["*"])
    assert sum(row["Points in time"] for row in classes) == len(points)


def test_values_that_are_all_equal_are_in_one_class(mine: psycopg.Connection[Any]) -> None:
    rows = ask(mine, query("compare", "Distribution"), device=["good"], metric="level")
    assert [row["Points in time"] > 0 for row in rows] == [True, *[False] * 19]
    assert ask(mine, query("compare", "Distribution"), device=["nothing"]) == []


def test_the_home_of_a_tenant_has_all_that_it_sees(mine: psycopg.Connection[Any]) -> None:
    assert ask(mine, query("home", "Devices by state")) == [
        {"Reporting": 2, "Disconnected": 1, "Silent": 1, "Never heard": 1}
    ]
    rows = ask(mine, query("home", "Devices"))
    assert [row["Device"] for row in rows[:3]] == ["bad", "theirs", "new"]
    shares = ask(mine, query("home", "Who shares with me"))
    assert [(row["Owner"], row["Devices"]) for row in shares] == [("mine", 4), ("friend", 1)]
    worst = ask(mine, query("home", "Least complete metrics"))
    assert {row["Metric"] for row in worst} == {"temperature", "level"}


def test_the_wall_has_a_tile_for_each_device_of_the_lab(porto: psycopg.Connection[Any]) -> None:
    assert ask(porto, query("wall", "Devices")) == [
        {"Device": "bad · Mine", "State": 2}, {"Device": "Good one · Mine", "State": 0},
        {"Device": "Rig · Mine", "State": 0},
    ]  # fmt: skip


def test_the_wall_tells_who_has_a_testbed_and_who_is_next(porto: psycopg.Connection[Any]) -> None:
    rows = ask(porto, query("wall", "Testbeds now and next"))
    assert [(row["Testbed"], row["Now"], row["Next"]) for row in rows] == [
        ("Good one", None, "Friend"), ("Rig", "Friend", "Mine")
    ]  # fmt: skip


def test_the_wall_tells_what_is_wrong(porto: psycopg.Connection[Any]) -> None:
    rows = ask(porto, query("wall", "What is wrong"))
    assert {(row["Device"], row["What"], row["Of"], row["Times"]) for row in rows} == {
        ("bad", "above-range", "temperature", 30),
        ("bad", "rejected", "quota", 12),
        ("bad", "silent", None, None),
    }


def queries(board: Mapping[str, Any]) -> Iterator[str]:
    """Those of panels, of marks and of what is chosen at the top."""
    for panel in board["panels"]:
        yield from (target["rawSql"] for target in panel.get("targets", []))
    yield from (mark["target"]["rawSql"] for mark in board["annotations"].get("list", []))
    yield from (v["query"] for v in board["templating"]["list"] if v["type"] == "query")


# Those of the park in Indonesian, so that PostgreSQL reads every translated name too.
SPOKEN = {"mine": tenant_dashboards(), "porto": translated_boards(park_dashboards(), "id")}
BOARDS = [
    pytest.param(who, board, id=f"{who}-{uid}")
    for who, boards in SPOKEN.items()
    for uid, board in boards.items()
]


@pytest.mark.parametrize(("who", "board"), BOARDS)
@pytest.mark.parametrize("name", ["new", 'it\'s "none"'])
def test_a_device_without_a_model_or_values_leaves_every_query_working(
    request: pytest.FixtureRequest, who: str, board: Mapping[str, Any], name: str
) -> None:
    several = {v["name"] for v in board["templating"]["list"] if v.get("multi")}
    chosen = {n: [name] if n in several else name for n in ("device", "metric", "lab")}
    for query in queries(board):
        ask(request.getfixturevalue(who), query, **chosen)
