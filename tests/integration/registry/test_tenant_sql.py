"""What a tenant's role reads with SQL: its own and what agreements show, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from typer.testing import CliRunner

from cli.api import ApiError
from cli.main import app
from storage import tenant_sql
from storage.rows import Connection
from tests.integration.registry.conftest import RunningRegistry, World

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


def answer(tenant: Tenant, query: sql.Composed, *parameters: object) -> str | None:
    """All that a query tells, its error too; None where it is refused."""
    try:
        with tenant.transaction():
            return repr(tenant.execute(query, parameters).fetchall())
    except errors.InsufficientPrivilege:
        return None
    except psycopg.Error as error:
        return str(error)


def leaks(text: str | None) -> bool:
    return text is not None and (TEXT in text or str(NUMBER) in text)


def test_nothing_foreign_is_in_any_relation_or_function_of_the_database(
    sunny: Tenant, connection: psycopg.Connection
) -> None:
    told = relations(sunny, connection)
    own = [text for name, text in told.items() if name.startswith(role_of(connection))]
    assert len(own) == 8
    assert all(own)
    told |= functions(sunny, connection)
    assert [name for name, text in told.items() if leaks(text)] == []
    print(f"{len(told)} objects, 0 leaks")  # noqa: T201 - the figure is asked for
    assert len(told) > 1500


def relations(sunny: Tenant, connection: psycopg.Connection) -> dict[str, str | None]:
    """What every table, view, sequence and catalog of every schema tells."""
    # Indexes have no rows of their own to ask for.
    rows = connection.execute(
        "SELECT relnamespace::regnamespace::text, relname FROM pg_class "
        "WHERE relkind NOT IN ('i', 'I')"
    )
    return {
        f"{schema}.{name}": answer(
            sunny, sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, name))
        )
        for schema, name in rows
    }


# What the parameters of functions are tried with; those of another type are NULL.
SAMPLES: dict[str, list[object]] = {
    "text": ["readings", "technopark"],
    "name": ["readings"],
    "regclass": ["readings", "devices", "sql_access"],
    "regrole": ["technopark"],
    "boolean": [True],
    "integer": [0, 1, 2],
    "text[]": [["giver", "other"]],
}
TO_CALL = """
SELECT p.oid::regprocedure::text, pronamespace::regnamespace::text, proname,
       ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) t)
FROM pg_proc p
LEFT JOIN pg_depend e ON e.objid = p.oid AND e.deptype = 'e'
WHERE prokind = 'f' AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND proname NOT IN ('pg_sleep', 'pg_sleep_for')
  AND (pronargs <= 1 OR (pronamespace = 'public'::regnamespace AND e.objid IS NULL))
"""


def functions(sunny: Tenant, connection: psycopg.Connection) -> dict[str, str | None]:
    """What functions tell: those with a parameter at the most, and all of the platform's own."""
    oids = connection.execute(
        "SELECT oid FROM pg_class WHERE relname IN ('devices', 'readings', 'telemetry') "
        "UNION ALL SELECT oid FROM pg_roles "
        "UNION ALL SELECT oid FROM pg_proc WHERE proname = 'sight'"
    )
    samples = {**SAMPLES, "oid": [oid for (oid,) in oids]}
    told: dict[str, str | None] = {}
    for signature, schema, name, types in connection.execute(TO_CALL).fetchall():
        choices = [samples.get(type_, [None]) for type_ in types]
        query = sql.SQL("SELECT * FROM {}({})").format(
            sql.Identifier(schema, name),
            sql.SQL(", ").join(sql.SQL(f"%s::{type_}") for type_ in types),
        )
        answers = [
            answer(sunny, query, *(choice[number % len(choice)] for choice in choices))
            for number in range(max(map(len, choices), default=1))
        ]
        told[signature] = None if answers == [None] * len(answers) else " ".join(map(str, answers))
    return told


def test_no_function_of_the_database_runs_in_the_name_of_its_owner(
    connection: psycopg.Connection,
) -> None:
    assert connection.execute("SELECT oid::regproc FROM pg_proc WHERE prosecdef").fetchall() == []


def test_a_function_that_tells_what_it_sees_is_shown_nothing_foreign(
    sunny: Tenant, connection: psycopg.Connection
) -> None:
    """Cheap as it is, the planner would run it first, if the views were no barriers."""
    connection.execute(
        """
        CREATE FUNCTION peek(seen text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
            AS $$ BEGIN RAISE NOTICE '%', seen; RETURN true; END $$;
        GRANT EXECUTE ON FUNCTION peek(text) TO PUBLIC;
        CREATE VIEW unguarded AS SELECT device, value FROM tenant_sql.telemetry
            WHERE reader = 'sunny';
        GRANT SELECT ON unguarded TO PUBLIC;
        """
    )
    heard: list[str] = []
    sunny.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    columns = connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s",
        [role_of(connection)],
    ).fetchall()
    for view, column in columns:
        query = sql.SQL("SELECT FROM {} WHERE peek({}::text)")
        sunny.execute(query.format(sql.Identifier(view), sql.Identifier(column)))
    assert {"sunny-1", "given-1", '"eco"'} <= set(heard)
    assert not leaks(" ".join(heard))
    sunny.execute("SELECT FROM unguarded WHERE peek(value::text)")
    assert leaks(" ".join(heard)), "the attack itself does not work"


def test_an_error_in_a_query_tells_nothing_foreign(sunny: Tenant) -> None:
    sunny.execute("SELECT FROM telemetry WHERE 1 / (value - 987654.25)::int < 5")
    with pytest.raises(errors.InvalidTextRepresentation, match=r"sunny-1|given-1"):
        sunny.execute("SELECT FROM devices WHERE device::int = 1")


REFUSED = (errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState)


def test_a_tenant_makes_nothing_and_locks_nothing(sunny: Tenant) -> None:
    sunny.execute("SET default_transaction_read_only = off")
    for statement in (
        "CREATE TEMPORARY TABLE mine (x int)",
        "CREATE TABLE mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "UPDATE devices SET name = 'Mine'",
        "DELETE FROM telemetry",
        "LOCK TABLE devices IN ACCESS EXCLUSIVE MODE",
        "SELECT pg_advisory_lock(1)",
        "SELECT lo_creat(-1)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_logical_emit_message(false, 'x', 'x')",
        "SELECT * FROM public.sight('sunny-1', true, '{}', '{}')",
        "SET temp_file_limit = -1",
        "SET ROLE technopark",
        "COPY telemetry TO PROGRAM 'cat'",
    ):
        with pytest.raises(REFUSED), sunny.transaction():
            sunny.execute(statement.encode())


def test_a_tenant_reaches_no_other_database(sunny: Tenant) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(make_conninfo(sunny.info.dsn, password="known", dbname="postgres"))


def test_no_word_of_the_platform_reaches_a_tenant(
    sunny: Tenant, connection: psycopg.Connection
) -> None:
    for channel in ("rules", "credentials"):
        sunny.execute(f"LISTEN {channel}".encode())
    connection.execute("SELECT listen_to('rules')")
    connection.execute("UPDATE devices SET values_per_second = 5 WHERE id = 'qqx-1'")
    assert [word.payload for word in connection.notifies(timeout=5, stop_after=1)] == ["qqx-1"]
    assert list(sunny.notifies(timeout=0.2)) == []


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
