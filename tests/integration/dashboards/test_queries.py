"""Every query of every dashboard, run on the real database as the role that Grafana uses."""

import json
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dashboards import rendering
from dashboards.asking import choose
from dashboards.language import translated
from dashboards.macros import View, expand
from storage.migrate import set_grafana_password
from tests.conftest import cloned

BOARD = json.loads(rendering.render()["technopark-fleet.json"])
PANELS = {panel["title"]: panel for panel in BOARD["panels"]}
QUERIES = {title: panel["targets"][0]["rawSql"] for title, panel in PANELS.items()}
VARIABLES = {v["name"]: v["query"] for v in BOARD["templating"]["list"] if v["type"] == "query"}

INTERVAL = timedelta(minutes=10)
OPERATOR_VIEWS = {
    "devices", "telemetry", "telemetry_1m", "telemetry_10m", "telemetry_1h", "telemetry_1d",
    "states", "flags", "latest", "rejections", "completeness", "metrics", "labs", "parks",
    "tenants", "stages", "bookings", "connections", "arrivals", "commands",
}  # fmt: skip
ALL: dict[str, str | Sequence[str]] = {
    "park": ["*"],
    "tenant": ["*"],
    "lab": ["*"],
    "metric": "temperature",
    "silent_after": "15 minutes",
    "capacity": "10",
}

WORLD = """
INSERT INTO parks (id, name, time_zone) VALUES
    ('cimahi', 'Cimahi', 'Asia/Jakarta'), ('pelalawan', 'Pelalawan', 'Asia/Jakarta');
INSERT INTO labs (id, park_id, name) VALUES
    ('solar', 'cimahi', 'Solar lab'), ('motors', 'pelalawan', 'Motor lab');
INSERT INTO tenants (id, name, kind, park_id) VALUES
    ('sunny', 'Sunny Startups', 'startup', 'cimahi'), ('remote', 'Remote', 'community', NULL);
INSERT INTO devices (id, tenant_id, lab_id, name) VALUES
    ('inverter', 'sunny', 'solar', 'Inverter'), ('bench', 'sunny', 'motors', 'Bench'),
    ('gone', 'sunny', NULL, 'Gone'), ('fresh', 'sunny', NULL, 'Fresh'),
    ('balcony', 'remote', NULL, 'Balcony');
INSERT INTO devices (id, tenant_id, name, stage, retired_at)
    VALUES ('old', 'sunny', 'Old', 'retired', now());
INSERT INTO device_activity (device_id, last_seen, online) VALUES
    ('inverter', now(), true), ('bench', now() - INTERVAL '1 minute', false),
    ('gone', now() - INTERVAL '2 hours', true), ('balcony', now(), NULL),
    ('old', now() - INTERVAL '9 days', false);
INSERT INTO series (device_id, metric, kind, unit) VALUES
    ('inverter', 'temperature', 'number', 'Cel'), ('bench', 'temperature', 'number', 'K'),
    ('balcony', 'temperature', 'number', NULL), ('inverter', 'firmware', 'text', NULL);
INSERT INTO readings
    SELECT id, now() - offset_s * INTERVAL '1 second', offset_s
    FROM series, unnest(ARRAY[1, 2, 1800]) AS offset_s WHERE kind = 'number';
INSERT INTO readings SELECT min(id), now() - INTERVAL '20 days', 1 FROM series;
INSERT INTO latest SELECT id, now() - INTERVAL '1 second', 1, NULL FROM series
    WHERE kind = 'number';
INSERT INTO latest SELECT id, now(), NULL, '"1.4.2"' FROM series WHERE kind = 'text';
INSERT INTO rejections (ts, device_id, topic, reason, detail, payload, size)
    SELECT now(), device, 'devices/x/telemetry', reason, 'why', '', 0 FROM (VALUES
        ('inverter', 'not-a-number'), ('inverter', 'clock-ahead'), ('stranger', 'clock-ahead')
    ) AS refused (device, reason);
"""


def last_hour() -> View:
    """What a dashboard shows that was opened just now."""
    now = datetime.now(UTC)
    return View(now - timedelta(hours=1), now + timedelta(minutes=1), INTERVAL)


@pytest.fixture(scope="module")
def database(server: str, template: str) -> Iterator[str]:
    """A database with a small world in it, which no test changes."""
    with cloned(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def owner(database: str) -> Iterator[psycopg.Connection]:
    """A session of who owns the tables."""
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute(WORLD.encode())
        yield opened


@pytest.fixture(scope="module")
def grafana(owner: psycopg.Connection, database: str) -> Iterator[psycopg.Connection]:
    """What Grafana holds."""
    password = secrets.token_hex(8)
    set_grafana_password(owner, password)
    login = make_conninfo(database, user="technopark_grafana", password=password)
    with psycopg.connect(login, autocommit=True) as opened:
        yield opened


def ask(
    grafana: psycopg.Connection, query: str, **chosen: str | Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of a dashboard's query, by column."""
    cursor = grafana.execute(expand(query, last_hour(), {**ALL, **chosen}).encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def lines(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The sum of each line, after checking that the rows have the shape of a time series."""
    sums: dict[str, float] = {}
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    for row in rows:
        name, [value] = row["metric"], [row[key] for key in row.keys() - {"time", "metric"}]
        assert isinstance(row["time"], datetime)
        sums[name] = sums.get(name, 0) + float(value)
    return sums


def test_every_device_is_counted_once_by_its_state(grafana: psycopg.Connection) -> None:
    assert ask(grafana, QUERIES["Devices by state"]) == [
        {"Reporting": 2, "Disconnected": 1, "Silent": 1, "Never heard": 1}
    ]


def test_a_panel_in_indonesian_finds_the_same_under_its_own_names(
    grafana: psycopg.Connection,
) -> None:
    spoken = [panel["targets"][0]["rawSql"] for panel in translated(BOARD, "id")["panels"]]
    assert ask(grafana, spoken[0]) == [
        {"Aktif": 2, "Terputus": 1, "Senyap": 1, "Belum pernah mengirim": 1}
    ]
    for english, indonesian in zip(QUERIES.values(), spoken, strict=True):
        assert len(ask(grafana, indonesian)) == len(ask(grafana, english))


def test_the_rate_of_this_moment_counts_the_last_minute(grafana: psycopg.Connection) -> None:
    [row] = ask(grafana, QUERIES["Values per second"])
    assert float(row["Values per second"]) == pytest.approx(6 / 60)


def test_rejections_of_unknown_devices_are_seen_under_all_only(grafana: psycopg.Connection) -> None:
    assert ask(grafana, QUERIES["Rejections"]) == [{"Rejections": 3}]
    assert ask(grafana, QUERIES["Rejections"], park=["cimahi"]) == [{"Rejections": 2}]


def test_rates_by_park_add_up_to_the_readings_of_the_range(grafana: psycopg.Connection) -> None:
    rates = lines(ask(grafana, QUERIES["Values per second by park"]))
    seconds = INTERVAL.total_seconds()
    assert {park: round(rate * seconds) for park, rate in rates.items()} == {
        "cimahi": 3,
        "pelalawan": 3,
        "no park": 3,
    }


def test_rejections_are_counted_by_reason(grafana: psycopg.Connection) -> None:
    rows = ask(grafana, QUERIES["Rejections by reason"])
    assert lines(rows) == {"clock-ahead": 2, "not-a-number": 1}


def test_a_silent_device_is_listed_with_its_owner_and_for_how_long(
    grafana: psycopg.Connection,
) -> None:
    [row] = ask(grafana, QUERIES["Devices that went silent"])
    assert (row["Device"], row["Owner"], row["Lab"]) == ("gone", "Sunny Startups", None)
    assert float(row["Silent for"]) == pytest.approx(7200, abs=150)


def test_silence_is_what_the_reader_says_it_is(grafana: psycopg.Connection) -> None:
    assert ask(grafana, QUERIES["Devices that went silent"], silent_after="1 day") == []


def test_the_newest_values_are_numbers_and_states_the_latest_first(
    grafana: psycopg.Connection,
) -> None:
    rows = ask(grafana, QUERIES["Newest values"])
    assert (rows[0]["Metric"], rows[0]["Value"], rows[0]["State"]) == ("firmware", None, '"1.4.2"')
    assert [row["Value"] for row in rows[1:]] == [1, 1, 1]


def test_a_metric_is_drawn_for_each_lab_with_its_unit(grafana: psycopg.Connection) -> None:
    assert lines(ask(grafana, QUERIES["$metric by lab"])).keys() == {
        "solar [Cel]",
        "motors [K]",
        "no lab",
    }


def test_a_metric_is_drawn_for_each_device_with_its_unit(grafana: psycopg.Connection) -> None:
    rows = ask(grafana, QUERIES["$metric by device"])
    assert lines(rows).keys() == {"inverter [Cel]", "bench [K]", "balcony"}


@pytest.mark.parametrize(
    ("chosen", "devices"),
    [
        ({"park": ["cimahi", "pelalawan"]}, {"inverter", "bench"}),
        ({"park": ["cimahi"]}, {"inverter"}),
        ({"tenant": ["remote"]}, {"balcony"}),
        ({"lab": ["motors"]}, {"bench"}),
        ({"lab": ["motors"], "tenant": ["remote"]}, set()),
    ],
)
def test_what_is_chosen_at_the_top_limits_the_values(
    grafana: psycopg.Connection, chosen: dict[str, list[str]], devices: set[str]
) -> None:
    rows = ask(grafana, QUERIES["Newest values"], **chosen)
    assert {row["Device"] for row in rows} == devices


@pytest.mark.parametrize("title", QUERIES)
def test_a_choice_without_devices_leaves_every_panel_working_and_empty(
    grafana: psycopg.Connection, title: str
) -> None:
    rows = ask(grafana, QUERIES[title], park=["nowhere"])
    # Numbers count nothing, and lists and lines have nothing in them.
    assert not any(value for row in rows for value in row.values())


def test_the_choices_at_the_top_are_names_with_their_ids(grafana: psycopg.Connection) -> None:
    assert ask(grafana, VARIABLES["park"])[0] == {
        "__text": "Cimahi",
        "__value": "cimahi",
    }
    assert [row["__value"] for row in ask(grafana, VARIABLES["tenant"])] == ["remote", "sunny"]
    assert [row["__value"] for row in ask(grafana, VARIABLES["lab"], park=["pelalawan"])] == [
        "motors"
    ]
    assert ask(grafana, VARIABLES["metric"]) == [{"metric": "temperature"}]


def test_what_is_chosen_at_the_top_comes_from_the_variables_own_queries(
    grafana: psycopg.Connection,
) -> None:
    variables = [
        {"name": "device", "type": "query", "query": "SELECT 'a' AS __text, 'b' AS __value",
         "includeAll": True, "allValue": "'*'", "multi": True},
        {"name": "metric", "type": "query",
         "query": "SELECT x || '-of-' || $device FROM unnest('{m,n}'::text[]) x"},
        {"name": "either", "type": "query", "query": "VALUES ('x'), ('y')", "multi": True,
         "includeAll": True},
        {"name": "after", "type": "custom", "query": "1 hour,1 day"},
    ]  # fmt: skip
    board = {"templating": {"list": variables}}
    chosen, there = choose(grafana, board, last_hour(), everything=True)
    assert chosen == {
            "device": ["*"], "metric": "m-of-*", "either": ["x", "y"], "after": "1 hour",
    }  # fmt: skip
    assert there["either"] == ["x", "y"]


@pytest.mark.parametrize("title", [t for t, q in QUERIES.items() if "$__timeFilter" in q])
def test_a_panel_reads_no_chunk_outside_of_the_chosen_time(
    owner: psycopg.Connection, title: str
) -> None:
    # Who owns the tables sees the plan.
    owner.execute("SET search_path = operator_sql, public")
    plan = owner.execute(f"EXPLAIN {expand(QUERIES[title], last_hour(), ALL)}".encode()).fetchall()
    [old] = owner.execute(
        "SELECT chunk_name FROM timescaledb_information.chunks "
        "WHERE range_end < now() - INTERVAL '10 days'"
    ).fetchall()
    assert old[0] not in str(plan)


def test_the_role_may_read_the_views_and_names_and_nothing_else(
    owner: psycopg.Connection,
) -> None:
    readable = owner.execute(
        """
        SELECT relname FROM pg_class
        WHERE relkind IN ('r', 'v', 'm', 'p', 'f')
          AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
          AND has_table_privilege('technopark_grafana', oid, 'SELECT')
          -- TimescaleDB lets everybody read its own catalogue.
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
        """
    ).fetchall()
    assert {name for (name,) in readable} == {
        "telemetry", "latest_telemetry", "device_places", "device_overview",
        "flagged_telemetry", "rejection_overview", "parks", "labs", "tenants",
        "vitals_overview", "database_overview",
        # What dashboards ask, in a schema of the role's own.
        *OPERATOR_VIEWS,
    }  # fmt: skip


@pytest.mark.parametrize(
    "table",
    ["readings", "states", "rejections", "latest", "series", "devices", "device_secrets",
     "users", "memberships", "tokens", "models", "vitals", "vital_sets"],
)  # fmt: skip
def test_the_role_is_refused_the_tables(grafana: psycopg.Connection, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        grafana.execute(f"SELECT * FROM public.{table}".encode())


def test_the_role_is_refused_a_chunk(
    owner: psycopg.Connection, grafana: psycopg.Connection
) -> None:
    chunks = owner.execute(
        "SELECT chunk_schema || '.' || chunk_name FROM timescaledb_information.chunks"
    ).fetchall()
    assert chunks
    for (chunk,) in chunks:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            grafana.execute(f"SELECT * FROM {chunk}".encode())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE public.parks SET name = 'mine'",
        "CREATE TABLE notes (text text)",
        "CREATE TEMPORARY TABLE notes (text text)",
        "SET default_transaction_read_only = off; DELETE FROM public.tenants",
    ],
)
def test_the_role_changes_nothing(grafana: psycopg.Connection, statement: str) -> None:
    with pytest.raises(
        (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
    ):
        grafana.execute(statement.encode())
