"""Which chunks and indexes questions about the past read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from storage import live_tail
from storage.history.columns import Instants, InstantsDumper, microseconds
from storage.history.rollups import EACH, ROLLUPS, statement
from storage.history.series import QUERIES
from tests.conftest import cloned
from tests.integration.storage.test_plans import nodes

DAY = {"start": datetime(2026, 3, 20, tzinfo=UTC), "end": datetime(2026, 3, 21, tzinfo=UTC)}
EDGES = np.array([microseconds(DAY["start"]) + hour * 3_600_000_000 for hour in range(24)])


@pytest.fixture(scope="module")
def month(server: str, template: str) -> Iterator[psycopg.Connection]:
    """Fifty series with readings of a month."""
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO readings SELECT s, ts, s FROM generate_series(1, 50) s, "
            "generate_series('2026-03-01Z'::timestamptz, '2026-03-31Z', INTERVAL '15 minutes') ts"
        )
        connection.execute("ANALYZE")
        connection.adapters.register_dumper(Instants, InstantsDumper)
        # A chunk of a test is so small that reading it whole costs less.
        connection.execute(
            "SET enable_seqscan = off; SET enable_bitmapscan = off; "
            "SET max_parallel_workers_per_gather = 0"
        )
        yield connection


def scans(connection: psycopg.Connection, query: Any, parameters: dict[str, Any]) -> list[Any]:
    """The steps of the plan that read a table."""
    text = query if isinstance(query, bytes) else query.as_string(connection).encode()
    explain = b"EXPLAIN (FORMAT JSON) " + text
    row = connection.execute(explain, parameters, prepare=False).fetchone()
    assert row
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return [step for step in nodes(plan[0]["Plan"]) if "Relation Name" in step]


@pytest.mark.parametrize("source", [EACH, *(view for view, _ in ROLLUPS)])
def test_a_question_about_a_day_reads_the_chunks_of_that_day(
    month: psycopg.Connection, source: str
) -> None:
    query = statement(source, ["n", "sum", "first", "first_ts"])
    found = scans(month, query, {**DAY, "series": [7, 8], "edges": Instants(EDGES)})
    # A chunk, and where rollups are stored what is not in them yet.
    assert len(found) <= 2, found
    assert all("Index" in step["Node Type"] for step in found), found


def test_the_readings_of_a_day_are_one_step_into_the_index(month: psycopg.Connection) -> None:
    hour = {**DAY, "end": DAY["start"] + timedelta(hours=1)}
    found = scans(month, QUERIES["readings"], {**hour, "series": 7, "limit": 1000})
    assert [step["Node Type"] for step in found] in (["Index Scan"], ["Index Only Scan"])
    assert "series_id = " in found[0]["Index Cond"]
    assert "ts" in found[0]["Index Cond"]


def test_what_is_new_is_looked_for_in_the_newest_chunk(month: psycopg.Connection) -> None:
    watched = {"series": [7, 8], "after": [DAY["start"]] * 2, "during": ["{(,)}"] * 2}
    bounds = {"first": DAY["start"], "last": DAY["end"], "limit": 10}
    found = scans(month, live_tail.QUERIES["news"], {**watched, **bounds})
    chunks = {step["Relation Name"] for step in found if "hyper" in step["Relation Name"]}
    assert len(chunks) <= 2
    assert all("Index" in step["Node Type"] for step in found)
