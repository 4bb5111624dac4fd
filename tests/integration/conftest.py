"""A real broker, and the ingest service between it and a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from stack.runtime import Runtime
from tests.parts import RunningBroker, RunningIngest, free_port, ingest_settings


@pytest.fixture
def broker(
    programs: Runtime, session_home: Path, request: pytest.FixtureRequest
) -> Iterator[RunningBroker]:
    """A broker of this test's own."""
    running = RunningBroker(programs, session_home / f"broker-{free_port()}")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def ingest(database_url: str, broker: RunningBroker, tmp_path: Path) -> Iterator[RunningIngest]:
    """Ingest between this test's broker and this test's database."""
    running = RunningIngest(ingest_settings(database_url, broker.port, tmp_path / "journal"))
    running.start()
    yield running
    running.stop()


def register(connection: psycopg.Connection, *devices: str) -> None:
    """Put devices of one tenant into the registry's tables."""
    connection.execute(
        "INSERT INTO tenants (id, name, kind) VALUES ('acme', 'Acme', 'startup') "
        "ON CONFLICT DO NOTHING"
    )
    for device in devices:
        connection.execute(
            "INSERT INTO devices (id, tenant_id, name) VALUES (%s, 'acme', %s)", [device, device]
        )
