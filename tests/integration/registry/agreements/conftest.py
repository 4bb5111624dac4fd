"""A tenant that lets read, one that may, and what there is to read."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from cli.api import Api, ApiError
from tests.integration.registry.conftest import RunningRegistry, World

OFFER: dict[str, Any] = {
    "tenant_id": "sunny",
    "reader_tenant_id": "other",
    "device_ids": ["sunny-1"],
    "last_day": "2099-12-31",
    "history_from": "2020-01-01",
}


@pytest.fixture
def telemetry(connection: psycopg.Connection, world: World) -> None:
    """Two metrics of Sunny's device, with a reading on each of two days, and a state."""
    connection.execute(
        """
        UPDATE devices SET model_id = 'sunny-model', tags = '{roof}',
            metadata = '{"serial": 5}', attributes = '{"ip": "10.0.0.5"}' WHERE id = 'sunny-1';
        INSERT INTO devices (id, tenant_id, name) VALUES ('sunny-2', 'sunny', 'Two');
        INSERT INTO model_metrics (model_id, metric, unit) VALUES
            ('sunny-model', 'power', 'kW'), ('sunny-model', 'torque', 'N.m');
        INSERT INTO series (device_id, metric, kind) VALUES
            ('sunny-1', 'power', 'number'), ('sunny-1', 'torque', 'number'),
            ('sunny-1', 'mode', 'text'), ('sunny-2', 'power', 'number');
        INSERT INTO readings SELECT id, day, id FROM series,
            unnest('{2026-03-01 12:00+00, 2026-03-02 12:00+00}'::timestamptz[]) day
            WHERE kind = 'number';
        INSERT INTO states
            SELECT id, '2026-03-02 12:00+00', '"eco"' FROM series WHERE kind = 'text';
        INSERT INTO latest (series_id, ts, value, state)
            SELECT id, '2026-03-02 12:00+00', CASE kind WHEN 'number' THEN id END,
                   CASE kind WHEN 'text' THEN '"eco"'::jsonb END FROM series;
        """
    )


@pytest.fixture
def owner(registry: RunningRegistry, world: World) -> Api:
    """An owner of Sunny, who lets read."""
    return registry.as_(world.tokens["owner"])


@pytest.fixture
def reader(registry: RunningRegistry, world: World) -> Api:
    """An owner of Other, who may read."""
    return registry.as_(world.tokens["stranger"])


def agreed(owner: Api, reader: Api, **terms: object) -> int:
    """The number of an agreement that was offered and accepted."""
    number: int = owner.post("agreements", {**OFFER, **terms})["id"]
    reader.post(f"agreements/{number}/accept")
    return number


def refused(call: Any, *arguments: object) -> int:
    with pytest.raises(ApiError) as error:
        call(*arguments)
    return error.value.status
