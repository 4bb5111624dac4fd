"""A tenant's session, in a database with what it may and what it may not read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.integration.registry.conftest import World

Tenant = psycopg.Connection
# In every text, and as the number of every reading, that Sunny must not see.
TEXT, NUMBER = "qqx", 987654.25

# Giver lets Sunny read the metric `ok` of a device since 2 March; everything else of Giver, and all
# of Foreign, is not for Sunny.
DATA = """
INSERT INTO tenants (id, name, kind) VALUES
    ('giver', 'qqx Giver', 'startup'), ('qqx-foreign', 'qqx', 'startup');
INSERT INTO sql_access (tenant_id) SELECT id FROM tenants;
INSERT INTO users (email, name) VALUES ('qqx@example.org', 'qqx');
INSERT INTO memberships (user_id, role, tenant_id)
    SELECT id, 'tenant-owner', 'qqx-foreign' FROM users WHERE name = 'qqx';
INSERT INTO models (id, tenant_id, name) VALUES
    ('given-model', 'giver', 'Given'), ('qqx-model', 'qqx-foreign', 'qqx');
INSERT INTO model_metrics (model_id, metric) VALUES
    ('given-model', 'ok'), ('given-model', 'qqx'), ('qqx-model', 'qqx');
INSERT INTO devices (id, tenant_id, name, model_id, tags, metadata) VALUES
    ('given-1', 'giver', 'Given', 'given-model', '{qqx}', '{"serial": "qqx"}'),
    ('qqx-1', 'qqx-foreign', 'qqx', 'qqx-model', '{qqx}', '{"serial": "qqx"}'),
    ('qqx-2', 'giver', 'qqx', NULL, '{}', '{}');
INSERT INTO device_secrets (device_id, hash) VALUES ('qqx-1', 'qqx');
INSERT INTO series (device_id, metric, kind) VALUES
    ('sunny-1', 'power', 'number'), ('sunny-1', 'mode', 'text'), ('given-1', 'ok', 'number'),
    ('given-1', 'qqx', 'number'), ('qqx-1', 'ok', 'number'), ('qqx-1', 'mode', 'text'),
    ('qqx-2', 'ok', 'number');
INSERT INTO readings
    SELECT id, ts, CASE WHEN device_id IN ('sunny-1', 'given-1') AND metric <> 'qqx'
                             AND (device_id = 'sunny-1' OR ts >= '2026-03-02') THEN 1
                        ELSE 987654.25 END
    FROM series, unnest('{2026-03-01 12:00+00, 2026-03-02 12:00+00}'::timestamptz[]) ts
    WHERE kind = 'number';
INSERT INTO states SELECT id, '2026-03-02 12:00+00',
        to_jsonb(CASE device_id WHEN 'sunny-1' THEN 'eco' ELSE 'qqx' END)
    FROM series WHERE kind = 'text';
INSERT INTO flags SELECT series_id, ts, 'above-range' FROM readings;
INSERT INTO latest (series_id, ts, value) SELECT series_id, ts, value FROM readings
    WHERE ts >= '2026-03-02';
INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size)
    SELECT '2026-03-02 12:00+00', id, 't', 'quota',
           CASE id WHEN 'sunny-1' THEN 'own' ELSE 'qqx' END, '{}', 2 FROM devices;
INSERT INTO device_statuses SELECT id, '2026-03-02 12:00+00', true FROM devices;
INSERT INTO arrivals SELECT id, '2026-03-03', class, 9
    FROM series, unnest('{-1, 31, 56}'::int[]) class;
INSERT INTO bookings (device_id, tenant_id, during)
    SELECT id, 'giver', '[2026-03-05, 2026-03-06)' FROM devices WHERE id <> 'given-1';
INSERT INTO commands (device_id, name, params, expires_at, outcome, replied_at, reply)
    SELECT id, name, jsonb_build_object('note', name), '2099-12-31', 'done', now(), to_jsonb(name)
    FROM (SELECT id, CASE id WHEN 'sunny-1' THEN 'own' ELSE 'qqx' END FROM devices) d (id, name);
INSERT INTO agreements (tenant_id, reader_tenant_id, device_ids, metrics, decision, message,
                        first_day, last_day, history_from)
    SELECT *, '2026-03-02', '2099-12-31', '2026-03-02' FROM (VALUES
        ('giver', 'sunny', '{given-1}'::text[], '{ok}'::text[], 'accepted', ''),
        ('giver', 'sunny', '{given-1}', '{ok}', 'accepted', ''),
        ('giver', 'sunny', '{qqx-2}', NULL, 'offered', 'qqx'),
        ('qqx-foreign', 'other', NULL, NULL, 'accepted', 'qqx')) v;
"""


@pytest.fixture
def data(connection: psycopg.Connection, world: World) -> None:
    """Two tenants more, with what Sunny may and what it may not read."""
    connection.execute(DATA)
    connection.execute("ANALYZE")


def role_of(connection: psycopg.Connection, tenant: str = "sunny") -> str:
    row = connection.execute(
        "SELECT role FROM sql_access WHERE tenant_id = %s", [tenant]
    ).fetchone()
    assert row
    return str(row[0])


@contextmanager
def logged_in(connection: psycopg.Connection, database_url: str) -> Iterator[Tenant]:
    role = role_of(connection)
    connection.execute(f"ALTER ROLE {role} LOGIN PASSWORD 'known'".encode())
    url = make_conninfo(database_url, user=role, password="known")
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def sunny(connection: psycopg.Connection, database_url: str, data: None) -> Iterator[Tenant]:
    """A session of Sunny's role."""
    with logged_in(connection, database_url) as opened:
        yield opened
