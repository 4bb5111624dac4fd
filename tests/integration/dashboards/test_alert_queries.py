"""Every alert rule's query, run on the real database as Grafana's role of a tenant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dashboards.alerts import Alerts, rules
from storage.grafana import Memory
from tests.conftest import cloned

# Each alert is due for Acme's `bad`; `good` gives no reason. Other's devices are worse.
WORLD = """
INSERT INTO tenants (id, name, kind) VALUES
    ('acme', 'Acme', 'startup'), ('other', 'Other', 'startup');
INSERT INTO models (id, name) VALUES ('meter', 'Meter');
INSERT INTO model_metrics (model_id, metric, expected_interval_seconds)
    VALUES ('meter', 'power', 3600);
INSERT INTO model_metrics (model_id, metric, kind, expected_interval_seconds)
    VALUES ('meter', 'note', 'text', 3600);
INSERT INTO devices (id, tenant_id, name, model_id, created_at)
    SELECT id, tenant, id, 'meter', now() - INTERVAL '9 days' FROM (VALUES
        ('bad', 'acme'), ('good', 'acme'), ('booked', 'acme'), ('foreign', 'other')
    ) AS d (id, tenant);
INSERT INTO bookings (device_id, tenant_id, during) VALUES ('booked', 'other',
    tstzrange(date_trunc('hour', now()) - INTERVAL '99 hours',
              date_trunc('hour', now()) - INTERVAL '12 hours'));
UPDATE device_owners SET during = tstzrange(NULL, NULL);
INSERT INTO device_activity (device_id, last_seen, online)
    SELECT id, now() - CASE WHEN id IN ('good', 'booked') THEN INTERVAL '1 minute'
                       ELSE '3 hours' END, true
    FROM devices;
INSERT INTO series (device_id, metric, kind, unit) SELECT id, 'power', 'number', 'kW' FROM devices;
INSERT INTO series (device_id, metric, kind) SELECT id, 'note', 'text' FROM devices;
INSERT INTO readings SELECT s.id, now() - hours * INTERVAL '1 hour', 1
    FROM series s, generate_series(0, 26) hours
    WHERE s.kind = 'number' AND (s.device_id IN ('good', 'booked') OR hours IN (5, 6));
INSERT INTO flags SELECT id, now() - INTERVAL '1 minute', 'above-range' FROM series
    WHERE kind = 'number' AND device_id NOT IN ('good', 'booked');
INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size)
    SELECT now() - n * INTERVAL '1 second', id, 't', 'quota', 'why', '', 0
    FROM devices, generate_series(1, 9) n WHERE id NOT IN ('good', 'booked');
"""
ALL = Alerts(silent_minutes=60, rejected_percent=5, complete_percent=80)
EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "technopark-silent": [("bad", 180)],
    "technopark-range": [("bad", "power", "above-range", 1)],
    "technopark-rejections": [("bad", 100)],
    "technopark-completeness": [("bad", "power", pytest.approx(100 * 2 / 24))],
}


@pytest.fixture(scope="module")
def grafana(server: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of the role that Grafana has for Acme."""
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute(WORLD.encode())
        role, password = Memory(connection).set_password("tenant:acme")
        with psycopg.connect(make_conninfo(url, user=role, password=password)) as opened:
            yield opened


@pytest.mark.parametrize("rule", rules(ALL, "acme", "folder"), ids=lambda rule: rule["uid"])
def test_a_rule_gives_a_row_for_each_thing_that_is_wrong_and_none_for_others(
    grafana: psycopg.Connection[Any], rule: dict[str, Any]
) -> None:
    cursor = grafana.execute(rule["data"][0]["model"]["rawSql"].encode())
    rows = [
        tuple(round(cell) if rule["uid"].endswith("silent") and isinstance(cell, float) else cell
              for cell in row)
        for row in cursor.fetchall()
    ]  # fmt: skip
    assert rows == EXPECTED[rule["uid"]]
    # What Grafana alerts by: names as text, and one number, of a type that it knows as such.
    types = [column.type_display for column in cursor.description or ()]
    assert types.count("float8") == 1
    assert set(types) <= {"float8", "text", "device_name", "varchar"}
    assert all(row[-1] > 0 for row in rows)


def test_hours_of_somebody_elses_slot_are_not_expected(grafana: psycopg.Connection[Any]) -> None:
    rows = grafana.execute(
        "SELECT device, expected, percent FROM completeness ORDER BY device"
    ).fetchall()
    assert [(device, round(expected)) for device, expected, _ in rows] == [
        ("bad", 24),
        ("booked", 12),
        ("good", 24),
    ]
    assert rows[1][2] == 100


def test_what_is_switched_off_has_no_rule() -> None:
    none = Alerts(None, False, None, None)
    assert rules(none, "acme", "folder") == []


def test_a_rule_that_is_another_has_another_digest() -> None:
    def digests(minutes: int) -> str:
        return str(rules(Alerts(silent_minutes=minutes), "acme", "f")[0]["annotations"])

    assert digests(5) == digests(5) != digests(6)
