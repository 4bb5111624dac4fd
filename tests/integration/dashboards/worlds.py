"""The simulated world with other tenants beside Sunny, on either edition, and sessions in it.

``shady``, of another park, has a device of each model; its texts say `qqx`, and its numbers are so
large that they are seen in every sum and mean of which they are a part. ``odd`` has names that want
quoting, a model without units and a device without a model; ``empty`` has nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from storage.grafana import Memory
from tests import editions
from tests.conftest import cloned
from tests.integration.dashboards import simulated, world_vitals

Session = psycopg.Connection[Any]

# What is Shady's, and nobody's else.
TEXT, NUMBER, LIMIT = "qqx", 1e17, 1e13
ODD_NAME = 'O\'Hara "Zoë" 🚀 \u202eمرحبا\u202c $1 %s \\ ${park}'

OTHERS = """
INSERT INTO parks (id, name, time_zone, latitude, longitude)
    VALUES ('elsewhere', 'Elsewhere', 'Asia/Makassar', -5.1, 119.4);
INSERT INTO labs (id, park_id, name) VALUES ('annex', 'elsewhere', 'Annex');
UPDATE tenants SET park_id = 'elsewhere', name = 'qqx' WHERE id = 'shady';
INSERT INTO tenants (id, name, kind, park_id) VALUES
    ('odd', %(odd)s, 'startup', NULL), ('empty', 'Empty', 'startup', NULL);
INSERT INTO models (id, tenant_id, name) VALUES
    ('qqx-model', 'shady', 'qqx'), ('odd-model', 'odd', 'It''s "odd"');
INSERT INTO model_metrics (model_id, metric, kind, unit, minimum, maximum,
                           expected_interval_seconds) VALUES
    ('qqx-model', 'qqx', 'number', 'qqx', 0, 1, 60),
    ('odd-model', 'Motor.Temp-1', 'number', NULL, NULL, NULL, NULL),
    ('odd-model', 'SELECT', 'number', NULL, 5, 5, NULL);
INSERT INTO devices (id, tenant_id, model_id, lab_id, name)
    SELECT 'qqx-' || id, 'shady', id, 'annex', 'qqx' FROM models WHERE tenant_id IS NULL;
INSERT INTO devices (id, tenant_id, model_id, lab_id, name) VALUES
    ('qqx-own', 'shady', 'qqx-model', NULL, 'qqx'), ('qqx-plain', 'shady', NULL, NULL, 'qqx'),
    ('odd-1', 'odd', 'odd-model', NULL, %(odd)s), ('odd-2', 'odd', NULL, NULL, ''''),
    ('odd-3', 'odd', 'pv-inverter', NULL, '');
INSERT INTO series (device_id, metric, kind, unit)
    SELECT d.id, m.metric, m.kind, m.unit FROM devices d JOIN model_metrics m USING (model_id)
    WHERE d.tenant_id IN ('shady', 'odd') AND d.id <> 'odd-3';
INSERT INTO series (device_id, metric, kind) VALUES
    ('odd-2', 'a.B-c', 'number'), ('odd-2', 'Mode', 'text'), ('qqx-plain', 'qqx', 'number'),
    ('qqx-plain', 'qqx-mode', 'text');
INSERT INTO series (device_id, metric, kind)
    SELECT id, 'mode', 'text' FROM devices WHERE tenant_id = 'sunny' ON CONFLICT DO NOTHING;
"""
# Of every device what has happened to it, the same for Sunny as for the others.
EVENTS = """
UPDATE device_owners SET during = tstzrange(%(end)s::timestamptz - INTERVAL '400 days', NULL);
INSERT INTO readings
    SELECT s.id, %(end)s::timestamptz - n * INTERVAL '20 minutes' - INTERVAL '7 seconds',
           -- Of a direction a sector is counted, by a whole number.
           CASE WHEN d.tenant_id = 'shady' AND s.metric <> 'wind_direction' THEN %(number)s
                ELSE n END
    FROM series s JOIN devices d ON d.id = s.device_id, generate_series(0, 144) n
    WHERE s.kind = 'number' AND d.tenant_id IN ('shady', 'odd');
INSERT INTO states
    SELECT s.id, %(end)s::timestamptz - n * INTERVAL '17 minutes',
           to_jsonb(CASE WHEN d.tenant_id = 'shady' THEN 'qqx' WHEN n %% 3 = 0 THEN 'idle'
                    ELSE 'busy' END)
    FROM series s JOIN devices d ON d.id = s.device_id, generate_series(1, 100) n
    WHERE s.kind = 'text';
INSERT INTO latest (series_id, ts, value)
    SELECT series_id, max(ts), CASE WHEN min(value) = %(number)s THEN %(number)s ELSE 1 END
    FROM readings GROUP BY 1 ON CONFLICT DO NOTHING;
INSERT INTO latest (series_id, ts, state)
    SELECT DISTINCT ON (series_id) series_id, ts, value FROM states ORDER BY series_id, ts DESC
    ON CONFLICT DO NOTHING;
INSERT INTO flags
    SELECT s.id, %(end)s::timestamptz - n * INTERVAL '25 minutes', 'above-range'
    FROM series s, generate_series(1, 40) n
    WHERE s.metric LIKE '%%temperature' AND s.id %% 4 = n %% 4 OR s.metric = 'qqx';
INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size)
    SELECT %(end)s::timestamptz - hour * INTERVAL '5 hours' - n * INTERVAL '3 seconds'
               - length(id) * INTERVAL '80 seconds',
           id, 'devices/' || id || '/telemetry',
           CASE WHEN tenant_id = 'shady' THEN 'qqx' ELSE reason END,
           CASE WHEN tenant_id = 'shady' THEN 'qqx' ELSE detail END, '{}', 2
    FROM devices, generate_series(0, 8) hour, generate_series(1, 12) n,
         (VALUES (0, 'quota', 'the day''s quota is used up'),
                 (1, 'clock-ahead', 'the time is more than an hour ahead'),
                 (2, 'not-a-number', 'the value is NaN')) AS reasons (number, reason, detail)
    WHERE (hour + length(id)) %% 3 = number;
INSERT INTO device_statuses
    SELECT id, %(end)s::timestamptz - n / 2 * INTERVAL '5 hours' - n %% 2 * INTERVAL '35 minutes'
               - INTERVAL '11 minutes', n %% 2 = 0
    FROM devices, generate_series(0, 9) n;
INSERT INTO device_activity (device_id, last_seen, online)
    SELECT id, %(end)s::timestamptz - CASE WHEN id IN ('battery-pack-2', 'odd-2', 'qqx-own')
                                      THEN INTERVAL '3 hours' ELSE INTERVAL '1 minute' END, true
    FROM devices
    ON CONFLICT (device_id) DO UPDATE SET last_seen = excluded.last_seen;
INSERT INTO arrivals
    SELECT s.id, %(end)s::date - n, class,
           CASE WHEN d.tenant_id = 'shady' THEN 1e17::bigint ELSE 700 / (abs(class - 32) + 1) END
    FROM series s JOIN devices d ON d.id = s.device_id, generate_series(0, 2) n,
         unnest('{-1, 30, 32, 33, 56}'::int[]) class
    WHERE s.kind = 'number';
INSERT INTO bookings (device_id, tenant_id, during)
    SELECT d.id, d.tenant_id, tstzrange(%(end)s::timestamptz + n * INTERVAL '1 hour',
                                        %(end)s::timestamptz + (n + 2) * INTERVAL '1 hour')
    FROM devices d, unnest(ARRAY[-30, -6, -1, 20]) n;
INSERT INTO commands (device_id, name, params, sent_at, expires_at, outcome, replied_at, reason)
    SELECT id, CASE WHEN tenant_id = 'shady' THEN 'qqx' ELSE 'stop' END, '{}', at,
           at + INTERVAL '1 minute', outcome, at + INTERVAL '1 second',
           CASE WHEN outcome = 'refused' THEN 'it stands already' END
    FROM devices, (VALUES (1, 'done'), (8, 'refused'), (20, 'done')) sent (hours, outcome),
         LATERAL (SELECT %(end)s::timestamptz - hours * INTERVAL '35 minutes' AS at) moment;
UPDATE devices SET stage = 'pilot', tags = ARRAY[tenant_id::text] WHERE tenant_id = 'sunny';
ANALYZE;
"""


@dataclass(frozen=True)
class World:
    """A filled database.

    Attributes:
        connection: of the owner of the database, in autocommit mode.
        url: where it is.
        edition: `apache` or `community`.
        end: of the readings.
    """

    connection: Session
    url: str
    edition: str
    end: datetime

    @contextmanager
    def session(self, key: str) -> Iterator[Session]:
        """A session as the role by which Grafana reads for ``tenant:…``, ``park:…``, ``operators``.

        On the Community edition nobody can log in: the one session takes the role on meanwhile.
        """
        role, password = Memory(self.connection).set_password(key)
        if self.edition == "apache":
            login = make_conninfo(self.url, user=role, password=password)
            with psycopg.connect(login, autocommit=True) as opened:
                yield opened
            return
        rows = self.connection.execute(
            "SELECT unnest(rolconfig) FROM pg_roles WHERE rolname = %s", [role]
        ).fetchall()
        [path] = [text.split("=", 1)[1] for (text,) in rows if text.startswith("search_path=")]
        before = self.connection.execute("SHOW search_path").fetchone() or ("",)
        self.connection.execute(f"SET search_path = {path}".encode())
        self.connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        yield self.connection
        self.connection.execute("RESET ROLE")
        self.connection.execute(f"SET search_path = {before[0]}".encode())


@contextmanager
def world_of(request: pytest.FixtureRequest, edition: str) -> Iterator[World]:
    """A world on an edition, for a fixture of a module."""
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    if edition == "apache":
        server, template = map(request.getfixturevalue, ("server", "template"))
        with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as opened:
            yield made(World(opened, url, edition, end), slower=5)
        return
    url = request.getfixturevalue("community_server")
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as opened:
        editions.empty(opened)
        yield made(World(opened, url, edition, end), slower=30)
        editions.empty(opened)


def made(world: World, slower: int) -> World:
    """The world with everything in it; its devices send so many times more seldom."""
    simulated.fill(world.connection, world.end, slower)
    parameters = {"odd": ODD_NAME, "end": world.end, "number": NUMBER}
    # One by one: a script takes no parameters.
    for statement in (OTHERS + EVENTS).split(";\n"):
        if statement.strip():
            world.connection.execute(statement.encode(), parameters)
    world_vitals.tell(world.connection, world.end)
    editions.refresh(world.url)
    return world
