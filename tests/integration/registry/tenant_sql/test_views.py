"""What a tenant's role reads, and how it gets in and out."""

from __future__ import annotations

import asyncio
import json

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from typer.testing import CliRunner

from cli.api import ApiError
from cli.main import app
from storage import tenant_sql
from storage.rows import Connection
from tests.integration.registry.conftest import RunningRegistry, World
from tests.integration.registry.tenant_sql.conftest import Tenant, role_of


def test_the_views_show_the_own_and_the_shared_once_and_no_more_after_the_end(
    sunny: Tenant, connection: psycopg.Connection
) -> None:
    def rows(query: str) -> list[tuple[object, ...]]:
        return sunny.execute(query.encode()).fetchall()

    counted = "SELECT device, metric, count(*) FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2"
    assert rows(counted) == [("given-1", "ok", 1), ("sunny-1", "power", 2)]
    assert rows("SELECT device, metadata FROM devices ORDER BY 1") == [
        ("given-1", None),
        ("sunny-1", {}),
    ]
    assert rows("SELECT device, detail FROM rejections") == [("sunny-1", "own")]
    assert rows("SELECT device, name, params, status, reply, reason FROM commands") == [
        ("sunny-1", "own", {"note": "own"}, "done", "own", None)
    ]
    assert rows("SELECT model, metric FROM metrics") == [("given-model", "ok")]
    bucketed = "SELECT time_bucket('1 day', ts), last(value, ts) FROM telemetry GROUP BY 1"
    assert len(rows(bucketed)) == 2
    connection.execute(
        "UPDATE agreements SET decision = 'revoked' WHERE reader_tenant_id = 'sunny'"
    )
    assert rows(counted) == [("sunny-1", "power", 2)]
    assert rows("SELECT device FROM devices") == [("sunny-1",)]


def test_a_query_reads_the_chunks_of_its_days_by_the_index_of_its_series(
    connection: psycopg.Connection, data: None
) -> None:
    connection.execute(
        "INSERT INTO readings SELECT s.id, '2026-04-01'::timestamptz + n * interval '1 hour', n "
        "FROM series s, generate_series(0, 24 * 20) n"
    )
    # The tables of a test are so small that the planner would read them whole.
    connection.execute("SET enable_seqscan = off")
    view = f"{role_of(connection)}.telemetry"
    plan = "\n".join(
        row[0]
        for row in connection.execute(
            f"EXPLAIN SELECT * FROM {view} WHERE device = 'sunny-1' AND metric = 'power' "
            "AND ts >= '2026-04-10' AND ts < '2026-04-11'".encode()
        )
    )
    assert plan.count("_chunk_readings_key") == 1, plan
    assert "series_device_id_metric_key" in plan, plan


def test_a_role_and_its_schema_are_made_and_dropped_with_the_tenant(
    sunny: Tenant, connection: psycopg.Connection
) -> None:
    role = role_of(connection)
    connection.execute("UPDATE tenants SET name = 'Renamed' WHERE id = 'sunny'")
    assert role_of(connection) == role
    connection.execute("DELETE FROM devices WHERE tenant_id = 'sunny'")
    connection.execute("DELETE FROM models WHERE tenant_id = 'sunny'")
    connection.execute("DELETE FROM tenants WHERE id = 'sunny'")
    for catalog in ("pg_roles WHERE rolname", "pg_namespace WHERE nspname"):
        found = connection.execute(f"SELECT FROM {catalog} = %s".encode(), [role])
        assert found.fetchall() == []
    with pytest.raises(psycopg.OperationalError):
        sunny.execute("SELECT 1")


def test_a_tenant_that_the_api_adds_has_a_role_that_cannot_log_in_yet(
    registry: RunningRegistry, connection: psycopg.Connection
) -> None:
    registry.admin.post("tenants", {"id": "new", "name": "New", "kind": "startup"})
    found = connection.execute(
        "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [role_of(connection, "new")]
    )
    assert found.fetchall() == [(False,)]


def test_a_tenant_has_five_connections(sunny: Tenant, database_url: str) -> None:
    dsn = make_conninfo(sunny.info.dsn, password="known")
    others = [psycopg.connect(dsn) for _ in range(4)]
    with pytest.raises(psycopg.OperationalError, match="too many connections"):
        psycopg.connect(dsn)
    for other in others:
        other.close()


def test_what_runs_too_long_is_ended_whatever_the_tenant_has_set(
    sunny: Tenant, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look() -> None:
        async with await Connection.connect(database_url, row_factory=dict_row) as connection:
            await tenant_sql.end_long_queries(connection)

    sunny.execute("SET statement_timeout = 0")
    sunny.execute("BEGIN")
    asyncio.run(look())
    sunny.execute("SELECT 1")
    monkeypatch.setattr(tenant_sql, "LONGEST_SECONDS", 0)
    asyncio.run(look())
    with pytest.raises(psycopg.OperationalError):
        sunny.execute("SELECT 1")


def test_only_an_owner_is_given_the_password(registry: RunningRegistry, world: World) -> None:
    for name, status in {"member": 403, "manager": 403, "mentor": 403, "stranger": 404}.items():
        for ask in (registry.as_(world.tokens[name]).post, registry.as_(world.tokens[name]).delete):
            with pytest.raises(ApiError) as refused:
                ask("tenants/sunny/sql-password")
            assert refused.value.status == status, name


def test_a_password_is_shown_once_replaced_by_the_next_and_taken_away_by_a_lock(
    registry: RunningRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHNOPARK_API_URL", registry.url)
    monkeypatch.setenv("TECHNOPARK_TOKEN", world.tokens["owner"])

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["tenant", "sql-access", "sunny", *words])
        assert result.exit_code == 0, result.output
        return result.output

    first = run().split("'")[1]
    with psycopg.connect(first) as opened:
        assert opened.execute("SELECT device FROM devices").fetchall() == [("sunny-1",)]
        second = psycopg.conninfo.make_conninfo(
            **{key: value for key, value in json.loads(run("--json")).items() if key != "database"},
            dbname=opened.info.dbname,
        )
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(first)
    with psycopg.connect(second) as opened:
        assert run("--lock") == "locked\n"
        with pytest.raises(psycopg.OperationalError):
            opened.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(second)
