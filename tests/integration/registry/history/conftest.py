"""One API and one past for all questions: a device of Sunny with readings of two days of March."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from cli.api import Api
from tests.conftest import cloned
from tests.integration.registry.conftest import (
    RunningRegistry,
    World,
    populate,
    registry_settings,
    serving,
)
from tests.parts import free_port

# Sunny's park is in Lisbon, where clocks are set on 2026-03-29 at 01:00 UTC.
READINGS = """
UPDATE devices SET tags = '{roof}', model_id = 'sunny-model' WHERE id = 'sunny-1';
INSERT INTO devices (id, tenant_id, name, tags) VALUES ('sunny-2', 'sunny', 'Two', '{roof}');
INSERT INTO series (device_id, metric, kind, unit) VALUES
    ('sunny-1', 'power', 'number', 'kW'), ('sunny-1', 'door', 'boolean', NULL),
    ('sunny-1', 'mode', 'text', NULL), ('sunny-2', 'power', 'number', 'kW'),
    ('guest-1', 'power', 'number', NULL), ('other-1', 'secret', 'number', NULL);
INSERT INTO readings
SELECT s.id, ts, (extract(epoch FROM ts - '2026-03-28Z') / 60)::integer % 7
FROM series s,
     generate_series('2026-03-28Z'::timestamptz, '2026-03-29T23:59Z', INTERVAL '1 minute') ts
WHERE s.kind = 'number';
INSERT INTO readings
SELECT id, ts, 1 FROM series, unnest('{2026-03-28T06:00Z,2026-03-28T18:00Z}'::timestamptz[]) ts
WHERE kind = 'boolean';
INSERT INTO states SELECT id, '2026-03-28Z', '"eco"' FROM series WHERE kind = 'text';
INSERT INTO latest (series_id, ts, value)
    SELECT DISTINCT ON (series_id) series_id, ts, value FROM readings ORDER BY series_id, ts DESC;
INSERT INTO latest (series_id, ts, state) SELECT series_id, ts, value FROM states;
"""


@dataclass
class Site:
    """The API, the database, and who asks."""

    registry: RunningRegistry
    connection: psycopg.Connection
    world: World

    @property
    def database_url(self) -> str:
        return self.registry.settings.database_url.get_secret_value()

    def as_(self, who: str) -> Api:
        return self.registry.as_(self.world.tokens[who])


@pytest.fixture(scope="package")
def site(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as connection,
        serving(
            registry_settings(url, tmp_path_factory.mktemp("site"), free_port()), connection
        ) as registry,
    ):
        world = populate(connection)
        connection.execute(READINGS.encode())
        yield Site(registry, connection, world)


@pytest.fixture(scope="package")
def owner(site: Site) -> Api:
    """An owner of Sunny."""
    return site.as_("owner")
