"""An installation with data of Sunny, and one that is empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.conftest import cloned
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    populate,
    registry_settings,
    serving,
)
from tests.parts import free_port


@dataclass
class Site:
    """An installation: its API, its database and its people."""

    registry: RunningRegistry
    connection: psycopg.Connection
    world: World

    def scalar(self, query: str, *parameters: object) -> object:
        """The one value that a query gives."""
        row = self.connection.execute(query.encode(), parameters).fetchone()
        assert row
        return row[0]


@contextmanager
def installation(server: str, template: str, folder: Path) -> Iterator[Site]:
    """A fresh installation with the people of the world, and no broker."""
    folder.mkdir()
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
        serving(registry_settings(url, folder, free_port()), connection) as registry,
    ):
        yield Site(registry, connection, populate(connection))


@pytest.fixture(scope="module")
def site(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One installation for all tests of a module; Sunny's device has sent data."""
    with installation(server, template, tmp_path_factory.mktemp("exchange") / "site") as running:
        fill(running.connection)
        yield running


@pytest.fixture(scope="module")
def fresh(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Another installation, in which Sunny has nothing."""
    with installation(server, template, tmp_path_factory.mktemp("exchange") / "fresh") as running:
        running.connection.execute(
            "DELETE FROM devices WHERE tenant_id = 'sunny'; "
            "DELETE FROM models WHERE tenant_id = 'sunny'"
        )
        yield running


def fill(connection: psycopg.Connection) -> None:
    """What Sunny has: two devices with three days of readings, states, flags and rejections."""
    connection.execute(
        """
        INSERT INTO model_metrics (model_id, metric, unit, minimum, maximum)
            VALUES ('sunny-model', 'power', 'kW', 0, 50);
        UPDATE devices SET model_id = 'sunny-model', lab_id = 'porto-lab', latitude = 41.15,
            longitude = -8.61, tags = '{roof,süd}', metadata = '{"serial": {"no": 7}}',
            attributes = '{"firmware": "1.2"}', stage = 'pilot' WHERE id = 'sunny-1';
        INSERT INTO devices (id, tenant_id, name) VALUES ('sunny-2', 'sunny', 'سقف ☀️');
        INSERT INTO series (device_id, metric, kind, unit) VALUES
            ('sunny-2', 'power', 'number', 'kW'), ('sunny-1', 'temp', 'number', NULL),
            ('sunny-1', 'power', 'number', 'kW'), ('sunny-1', 'mode', 'text', NULL),
            ('other-1', 'power', 'number', 'kW');
        INSERT INTO readings SELECT s.id, '2026-03-01T22:00Z'::timestamptz + n * INTERVAL '1 min',
            s.id * 10 + n / 8.0
            FROM series s, generate_series(0, 299) n WHERE s.kind = 'number' ORDER BY n;
        INSERT INTO flags SELECT id, '2026-03-02T00:00Z', 'above-range' FROM series
            WHERE device_id = 'sunny-1' AND metric = 'power';
        INSERT INTO states SELECT id, '2026-03-01T22:00Z'::timestamptz + n * INTERVAL '1 hour',
            to_jsonb('eco ' || n) FROM series, generate_series(0, 4) n WHERE kind = 'text';
        INSERT INTO latest (series_id, ts, value)
            SELECT DISTINCT ON (series_id) series_id, ts, value
            FROM readings ORDER BY series_id, ts DESC;
        INSERT INTO latest (series_id, ts, state)
            SELECT DISTINCT ON (series_id) series_id, ts, value
            FROM states ORDER BY series_id, ts DESC;
        INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size, replayed_at)
            VALUES ('2026-03-01T23:00Z', 'sunny-1', 'devices/sunny-1/telemetry', 'quota', 'why',
                    '\\x00ff7b', 3, NULL),
                   ('2026-03-02T01:00Z', 'sunny-1', 'devices/sunny-1/telemetry', 'too-large', 'why',
                    'abc', 99999, '2026-03-02T02:00Z');
        """
    )
