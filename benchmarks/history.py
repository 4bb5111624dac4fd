"""`history`: questions about the past, through the API, and of ThingsBoard's layout beside it."""

from __future__ import annotations

import asyncio
import http.client
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec
from urllib.parse import urlencode

import numpy as np
import psycopg
from psycopg.rows import dict_row

from benchmarks.brokers import KINDS, running_broker
from benchmarks.past import (
    DAY_US,
    END_US,
    GROUPS,
    HUNDRED,
    KEYS,
    TENANT,
    copy_plain,
    create_plain,
    days,
    keys,
    register,
)
from benchmarks.population import person
from benchmarks.registry import running_registry
from benchmarks.results import Table
from benchmarks.rounds import require_space
from benchmarks.vehicles import VEHICLES
from stack.runtime import Runtime
from storage.rollups import Rollups
from storage.rows import Connection
from storage.writer import QUERIES as WRITER
from storage.writer import Readings, copy

P = ParamSpec("P")
TIMES = 7
BATCH = 25_000
END_MS = END_US // 1000
DAY_MS = DAY_US // 1000


@dataclass(frozen=True)
class Question:
    """A question in both worlds.

    Attributes:
        name: what people read.
        figure: its name in the line of figures.
        limit: ms at most; None: nothing is promised.
        path: of the API, with its parameters.
        plain: SQL on the other layout.
    """

    name: str
    figure: str
    limit: float | None
    path: str
    plain: str


def history(device: str, metric: str, days: int, **more: str) -> str:
    """The path of a question about one series, or those of a tag."""
    asked = {"metric": metric, "from": rfc3339(END_US - days * DAY_US), "to": rfc3339(END_US)}
    place = {"device_id": device} if device else {"tag": HUNDRED}
    return "/api/v1/history?" + urlencode({**place, **asked, **more})


def rfc3339(us: int) -> str:
    """A time as the API reads it."""
    return f"{np.datetime64(us, 'us').astype('M8[s]')}Z"


def since(days: int, device: str, metric: str) -> str:
    """The condition for one series of the other layout."""
    return (
        f"entity_id = md5('{device}')::uuid AND key = {KEYS[metric]} "
        f"AND ts >= {END_MS - days * DAY_MS} AND ts < {END_MS}"
    )


HOUR = "ts / 3600000 * 3600000"
OF_HUNDRED = (
    "entity_id IN (SELECT md5(format('sensor-%s', n))::uuid FROM generate_series(1, 100) n) "
    f"AND key = {KEYS['temperature']} AND ts >= {END_MS - 7 * DAY_MS} AND ts < {END_MS}"
)
STEP = 365 * DAY_MS // 1000
QUESTIONS = [
    Question(
        "the newest value of 10,000 series", "last_10k_ms", 300,
        "/api/v1/latest?tenant_id=bench&limit=10000",
        "SELECT d.name, l.key, l.ts, l.dbl_v FROM ts_kv_latest l JOIN plain_device d "
        "ON d.id = l.entity_id ORDER BY 1, 2",
    ),
    Question(
        "24 h of a series at 1 Hz, raw", "raw_24h_ms", 150,
        history("rig-1", "torque", 1),
        f"SELECT ts, dbl_v FROM ts_kv WHERE {since(1, 'rig-1', 'torque')} ORDER BY ts",
    ),
    Question(
        "30 d of a series at 1 Hz, by hour", "hours_30d_ms", 30,
        history("rig-1", "torque", 30, by="1h"),
        f"SELECT {HOUR} AS bucket, avg(dbl_v) FROM ts_kv WHERE {since(30, 'rig-1', 'torque')} "
        "GROUP BY bucket ORDER BY bucket",
    ),
    Question(
        "30 d of a series at 1 Hz, by day in Jakarta", "days_30d_ms", None,
        history("rig-2", "torque", 30, by="day", aggregate="max"),
        "SELECT (to_timestamp(ts / 1000) AT TIME ZONE 'Asia/Jakarta')::date AS bucket, max(dbl_v) "
        f"FROM ts_kv WHERE {since(30, 'rig-2', 'torque')} GROUP BY bucket ORDER BY bucket",
    ),
    Question(
        "7 d of 100 series, by hour", "hours_100_ms", 300,
        history("", "temperature", 7, by="1h"),
        f"SELECT entity_id, {HOUR} AS bucket, avg(dbl_v) FROM ts_kv WHERE {OF_HUNDRED} "
        "GROUP BY entity_id, bucket ORDER BY entity_id, bucket",
    ),
    Question(
        "a chart of a year, 1,000 points", "chart_year_ms", 100,
        history("roof-1", "power", 365, points="1000"),
        f"SELECT ts / {STEP} AS bucket, min(dbl_v), max(dbl_v) FROM ts_kv "
        f"WHERE {since(365, 'roof-1', 'power')} GROUP BY bucket ORDER BY bucket",
    ),
    Question(
        "a chart of 30 d at 1 Hz, 1,000 points", "chart_1hz_ms", None,
        history("rig-3", "torque", 30, points="1000"),
        f"SELECT ts / {30 * DAY_MS // 1000} AS bucket, min(dbl_v), max(dbl_v) FROM ts_kv "
        f"WHERE {since(30, 'rig-3', 'torque')} GROUP BY bucket ORDER BY bucket",
    ),
]  # fmt: skip


def run(programs: Runtime, home: Path, url: str) -> Table:
    """Load both layouts, sum up, and ask."""
    require_space(home)
    with psycopg.connect(url, autocommit=True) as connection:
        loaded = load(connection)
        token = person(connection, "tenant-owner", tenant=TENANT)
    summing = timed(asyncio.run, sum_up(url))
    with psycopg.connect(url, autocommit=True) as connection:
        ask = partial(fetch, connection)
        connection.execute("VACUUM ANALYZE")
        sizes = size_of(connection)
        folder = home / "broker-history"
        with (
            running_broker(programs, folder, KINDS["kill"]) as broker,
            running_registry(broker, folder, url) as port,
            opened(port, token) as get,
        ):
            # Without a pause, in which the API would close the connection.
            ours = [best(get, each.path) for each in QUESTIONS]
        rows = [
            (each.name, ms, best(ask, each.plain)) for each, ms in zip(QUESTIONS, ours, strict=True)
        ]
        vehicles = [(name, best(ask, one), best(ask, other)) for name, one, other in VEHICLES]
        unsummed = best(ask, WITHOUT)
    return table(rows, vehicles, unsummed, loaded, summing, sizes)


MONTH_AGO_S = (END_US - 30 * DAY_US) // 1_000_000
# What `hours_30d` would be without rollups.
WITHOUT = f"""
SELECT time_bucket('1 hour', ts) AS bucket, avg(value) FROM readings
WHERE series_id = (SELECT id FROM series WHERE device_id = 'rig-1' AND metric = 'torque')
  AND ts >= to_timestamp({MONTH_AGO_S})
  AND ts < to_timestamp({END_US // 1_000_000})
GROUP BY bucket ORDER BY bucket
"""


@dataclass(frozen=True)
class Loaded:
    """What is there: readings, and the seconds that each layout took."""

    readings: int
    ours: float
    plain: float


def load(connection: psycopg.Connection) -> Loaded:
    """Fill both layouts, a day at a time in both."""
    series = register(connection)
    create_plain(connection)
    entity, key = keys(connection)
    count, ours, plain = 0, 0.0, 0.0
    for rows in days(series):
        count += len(rows)
        ours += timed(store, connection, rows)
        plain += timed(copy_plain, connection, rows, entity, key)
    for statement in NEWEST:
        connection.execute(statement.encode())
    return Loaded(count, ours, plain)


def store(connection: psycopg.Connection, rows: Readings) -> None:
    """Bring readings into the hypertable in batches of the size that ingest makes."""
    for first in range(0, len(rows), BATCH):
        batch = rows.at(np.arange(first, min(first + BATCH, len(rows)))).in_key_order()
        with connection.transaction():
            copy(connection, WRITER["copy_readings"], batch)


LAST_DAY = END_US // 1_000_000 - 86_400
NEWEST = (
    "INSERT INTO latest (series_id, ts, value) SELECT DISTINCT ON (series_id) series_id, ts, value "
    f"FROM readings WHERE ts >= to_timestamp({LAST_DAY}) ORDER BY series_id, ts DESC",
    "INSERT INTO ts_kv_latest SELECT DISTINCT ON (entity_id, key) entity_id, key, ts, dbl_v "
    f"FROM ts_kv WHERE ts >= {LAST_DAY * 1000} ORDER BY entity_id, key, ts DESC",
)


async def sum_up(url: str) -> None:
    """Do at once what the registry's job does as time goes."""
    async with await Connection.connect(url, row_factory=dict_row) as connection:
        await Rollups().catch_up(connection)


def size_of(connection: psycopg.Connection) -> dict[str, int]:
    """Bytes on disk, with indexes."""
    row = connection.execute(
        "SELECT hypertable_size('readings'), "
        "hypertable_size('rollup_hours') + hypertable_size('rollup_days'), "
        "(SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits "
        " WHERE inhparent = 'ts_kv'::regclass)"
    ).fetchone()
    assert row
    return dict(zip(("readings", "rollups", "plain"), map(int, row), strict=True))


@contextmanager
def opened(port: int, token: str) -> Iterator[Callable[[str], None]]:
    """What asks the API, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def get(path: str) -> None:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or len(body) < 200:
            raise AssertionError(f"{path}: {answer.status} {body[:300]!r}")

    yield get
    connection.close()


def fetch(connection: psycopg.Connection, query: str) -> None:
    """Ask, and take the rows."""
    if not connection.execute(query.encode()).fetchall():
        raise AssertionError(f"no rows: {query}")


def timed(work: Callable[P, object], *given: P.args, **named: P.kwargs) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    work(*given, **named)
    return time.perf_counter() - started


def best(ask: Callable[[str], None], question: str) -> float:
    """Milliseconds, the median of some; the first one plans and warms up."""
    first = timed(ask, question)
    times = [timed(ask, question) for _ in range(TIMES if first < 5 else 2)]
    return statistics.median(times) * 1000


def table(
    rows: list[tuple[str, float, float]],
    vehicles: list[tuple[str, float, float]],
    unsummed: float,
    loaded: Loaded,
    summing: float,
    sizes: dict[str, int],
) -> Table:
    """What people and machines read."""
    result = Table(
        "history",
        f"{loaded.readings:,} readings of {sum(group.series for group in GROUPS):,} series; "
        "the median of a question in ms",
        ["", "Technopark IoT", "plain key-value", "ratio"],
        limits={each.figure: each.limit for each in QUESTIONS if each.limit},
    )
    for name, ours, plain in [*rows, *vehicles]:
        result.add(name, f"{ours:.1f}", f"{plain:.1f}", f"{plain / ours:.1f}")
    ratios = [plain / ours for _, ours, plain in [*rows, *vehicles]]
    for question, (_, ours, _) in zip(QUESTIONS, rows, strict=True):
        result.figures[question.figure] = ours
    each = {name: size / loaded.readings for name, size in sizes.items()}
    result.figures |= {
        "without_rollups_ms": unsummed,
        "readings": loaded.readings,
        "load_per_s": round(loaded.readings / loaded.ours),
        "bytes_per_reading": each["readings"],
        "bytes_of_rollups": each["rollups"],
        "bytes_plain": each["plain"],
        "vs_plain": statistics.median(ratios),
    }
    result.limits["without_rollups_ms"] = 1000
    result.notes = [
        "ours through the API, with HTTP and JSON, the other in SQL; the vehicles in SQL both",
        f"loaded by COPY in {loaded.ours:.0f} s, the other layout in {loaded.plain:.0f} s; summed "
        f"up in {summing:.0f} s",
        f"bytes of a reading on disk, with indexes: {each['readings']:.0f}, rollups "
        f"{each['rollups']:.1f} more; the other layout {each['plain']:.0f}",
    ]
    return result
