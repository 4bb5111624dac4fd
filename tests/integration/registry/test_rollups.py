"""The registry keeps the rollups beside its requests."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from registry import rollups
from storage.writer import store_readings
from tests.integration.registry.conftest import registry_settings, serving
from tests.integration.storage.test_rollup_job import at, watermark
from tests.integration.storage.test_rollups import differences, make_series
from tests.parts import free_port, wait_until


def test_hours_are_summed_up_while_the_registry_runs_and_it_says_how_far(
    database_url: str,
    connection: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rollups, "SECONDS", 0.05)
    make_series(connection, 1)
    rows = at(0, 0.5, 23.5, 30)
    store_readings(connection, rows)
    with serving(registry_settings(database_url, tmp_path, free_port()), connection) as registry:

        def behind() -> float | None:
            found: float | None = registry.app.state.metrics.get_sample_value(
                "technopark_registry_rollups_behind_seconds"
            )
            return found

        wait_until(lambda: behind() == 3600, "the watermark to come near the newest reading")
    assert watermark(connection).isoformat() == "2026-01-02T05:00:00+00:00"
    assert differences(connection, rows) == []
