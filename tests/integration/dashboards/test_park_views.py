"""A park's people see in Grafana what they see in the API, and nothing of others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dashboards.catalogue import park_dashboards
from dashboards.macros import expand
from storage import arrivals
from storage.grafana import Memory
from tests.conftest import cloned
from tests.integration.dashboards.test_queries import ALL, last_hour

# Readings of `qqx`, and the number 987654, are not for the people of Porto.
WORLD = """
INSERT INTO parks (id, name, time_zone) VALUES
    ('porto', 'Porto', 'Europe/Lisbon'), ('qqx-park', 'qqx', 'Asia/Kolkata');
INSERT INTO labs (id, park_id, name) VALUES
    ('porto-lab', 'porto', 'Lab'), ('qqx-lab', 'qqx-park', 'qqx');
INSERT INTO tenants (id, name, kind, park_id) VALUES
    ('home', 'Home', 'startup', 'porto'), ('guest', 'Guest', 'startup', NULL),
    ('qqx-tenant', 'qqx', 'startup', 'qqx-park');
INSERT INTO devices (id, tenant_id, name, lab_id) VALUES
    ('home-1', 'home', 'One', NULL), ('guest-1', 'guest', 'Guest', 'porto-lab'),
    ('qqx-1', 'qqx-tenant', 'qqx', 'qqx-lab'), ('qqx-2', 'guest', 'qqx', NULL);
UPDATE device_owners SET during = tstzrange(now() - INTERVAL '30 minutes', NULL)
    WHERE device_id = 'guest-1';
INSERT INTO device_activity (device_id, last_seen, online) SELECT id, now(), true FROM devices;
INSERT INTO series (device_id, metric, kind, unit)
    SELECT id, 'temperature', 'number', 'Cel' FROM devices;
INSERT INTO readings
    SELECT s.id, now() - minutes * INTERVAL '1 minute',
           CASE WHEN device_id = 'home-1' OR device_id = 'guest-1' AND minutes < 30 THEN 1
                ELSE 987654 END
    FROM series s, unnest(ARRAY[1, 45]) minutes;
INSERT INTO latest (series_id, ts, value)
    SELECT series_id, ts, value FROM readings WHERE ts > now() - INTERVAL '9 minutes';
INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size)
    SELECT now() - INTERVAL '1 minute', id, 't', 'quota', name, '', 0 FROM devices;
INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size)
    VALUES (now() - INTERVAL '45 minutes', 'guest-1', 't', 'quota', 'qqx', '', 0);
INSERT INTO models (id, name) VALUES ('thermometer', 'Thermometer');
INSERT INTO models (id, tenant_id, name) VALUES ('qqx-model', 'qqx-tenant', 'qqx');
INSERT INTO model_metrics (model_id, metric, expected_interval_seconds)
    VALUES ('thermometer', 'temperature', 3600), ('qqx-model', 'temperature', 1);
UPDATE device_owners SET during = tstzrange(now() - INTERVAL '9 days', NULL)
    WHERE device_id <> 'guest-1';
UPDATE devices SET model_id = CASE id WHEN 'qqx-1' THEN 'qqx-model' ELSE 'thermometer' END;
INSERT INTO series (device_id, metric, kind) SELECT id, 'mode', 'text' FROM devices;
INSERT INTO states SELECT s.id, now() - minutes * INTERVAL '1 minute',
    to_jsonb(CASE WHEN device_id LIKE 'home%' OR device_id = 'guest-1' AND minutes < 30 THEN 'eco'
             ELSE 'qqx' END)
    FROM series s, unnest(ARRAY[1, 45]) minutes WHERE s.kind = 'text';
INSERT INTO flags SELECT series_id, ts, 'above-range' FROM readings;
INSERT INTO device_statuses SELECT id, now() - INTERVAL '5 minutes', true FROM devices;
INSERT INTO arrivals SELECT s.id, current_date - 3, class, 5
    FROM series s, unnest('{-1, 31, 33, 56}'::int[]) class WHERE s.kind = 'number';
INSERT INTO bookings (device_id, tenant_id, during)
    SELECT id, CASE id WHEN 'guest-1' THEN 'home' ELSE 'qqx-tenant' END,
           tstzrange(now() + INTERVAL '1 hour', now() + INTERVAL '2 hours')
    FROM devices WHERE id <> 'home-1';
INSERT INTO commands (device_id, name, params, sent_at, expires_at)
    SELECT id, CASE WHEN id LIKE 'qqx%' THEN 'qqx' ELSE 'start' END, '{}',
           now() - INTERVAL '1 minute', now() + INTERVAL '1 hour' FROM devices;
"""


@pytest.fixture(scope="module")
def porto(server: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of the role that Grafana has for Porto."""
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute(WORLD.encode())
        role, password = Memory(connection).set_password("park:porto")
        login = make_conninfo(url, user=role, password=password)
        with psycopg.connect(login, autocommit=True) as opened:
            yield opened


def test_every_view_shows_what_is_the_parks_and_nothing_else(
    porto: psycopg.Connection[Any],
) -> None:
    views = porto.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    ).fetchall()
    assert len(views) == 20
    for (view,) in views:
        rows = porto.execute(f"SELECT * FROM {view}".encode()).fetchall()
        assert rows, view
        assert "qqx" not in str(rows), view
        assert "987654" not in str(rows), view


def test_devices_of_home_tenants_and_in_labs_are_seen(porto: psycopg.Connection[Any]) -> None:
    rows = porto.execute("SELECT device, count(*) FROM telemetry GROUP BY 1 ORDER BY 1").fetchall()
    # Of the guest's, what came before it was the guest's is not for the park.
    assert rows == [("guest-1", 1), ("home-1", 2)]


def test_nothing_beside_the_views_is_readable(porto: psycopg.Connection[Any]) -> None:
    readable = porto.execute(
        """
        SELECT c.oid::regclass FROM pg_class c
        WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S')
          AND has_table_privilege(c.oid, 'SELECT')
          AND has_schema_privilege(c.relnamespace, 'USAGE')
          AND c.relnamespace <> current_schema()::regnamespace
          AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0)
        """
    ).fetchall()
    assert readable == []


# Where one is chosen; the guest's device is the park's to see for a part of the time alone.
ONE = {"device": "guest-1", "lab": "porto-lab", "metric": "temperature"}


def panels() -> list[Any]:
    """Every query of every dashboard that parks have, and what is chosen there."""
    return [
        pytest.param(target["rawSql"], chosen(board), id=f"{uid}: {panel['title']}")
        for uid, board in park_dashboards().items()
        for panel in board["panels"]
        for target in panel.get("targets", [])
    ]


def chosen(board: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """All, where several may be chosen."""
    variables = [v for v in board["templating"]["list"] if v["type"] == "query"]
    return {v["name"]: ["*"] if v["multi"] else ONE[v["name"]] for v in variables}


@pytest.mark.parametrize(("query", "variables"), panels())
def test_the_operators_dashboards_run_on_a_parks_views(
    porto: psycopg.Connection[Any], query: str, variables: dict[str, str | list[str]]
) -> None:
    expanded = expand(query, last_hour(), {**ALL, **variables})
    rows = porto.execute(expanded.encode()).fetchall()
    assert "qqx" not in json.dumps(rows, default=str)
    assert "987654" not in json.dumps(rows, default=str)


def test_days_of_arrivals_tell_what_came_late_too_early_and_twice(
    porto: psycopg.Connection[Any],
) -> None:
    rows = porto.execute(
        "SELECT readings, late, ahead, duplicates FROM arrivals WHERE device = 'home-1'"
    ).fetchall()
    # The classes of the world: twice, just before its time, a little late, late.
    assert rows == [(15, 5, 5, 5)]
    assert (arrivals.NO_TIME, arrivals.FIRST_LATE) == (32, 56)
