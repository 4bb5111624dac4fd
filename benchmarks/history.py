"""`history`: questions about the past, through the API, and of ThingsBoard's layout beside it."""

from __future__ import annotations

import asyncio
import http.client
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec

import psycopg

from benchmarks import columnstore, machine, past, plain
from benchmarks.brokers import KINDS, running_broker
from benchmarks.columnstore import Sizes
from benchmarks.exporting import Exported, export
from benchmarks.population import person
from benchmarks.questions import QUESTIONS, WITHOUT
from benchmarks.registry import running_registry
from benchmarks.results import Table
from benchmarks.rounds import require_space
from benchmarks.vehicles import VEHICLES
from stack.runtime import Runtime

P = ParamSpec("P")
TIMES = 7
# Batches of 16 MiB on their way from COPY to Arrow to Parquet took 133 MiB, however many they were:
# of them five days took 6 more than one.
EXPORT_MIB, EXPORT_GROWTH_MIB = 200, 50


def run(programs: Runtime, home: Path, url: str, community: Path) -> Table:
    """Load both layouts, sum up, and ask.

    Args:
        programs: PostgreSQL and the broker.
        home: a folder for what they keep.
        url: of an empty database of the platform.
        community: a folder with the Community edition, or for it.
    """
    require_space(home)
    compressed = columnstore.measure(community)
    with psycopg.connect(url, autocommit=True) as connection:
        loaded = load(connection)
        token = person(connection, "tenant-owner", tenant=past.TENANT)
    summing = timed(asyncio.run, past.sum_up(url))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        sizes = size_of(connection)
        ours, exported = through_the_api(programs, home, url, token)
        answers = compared(connection, ours)
        unsummed = best(partial(fetch, connection), WITHOUT)
        about = machine.describe(programs, home, connection)
    result = table(answers, unsummed)
    tell_load(result, loaded, summing, sizes)
    tell_sizes(result, compressed)
    tell_export(result, exported)
    result.about = about | {"answers": [asdict(each) for each in answers]}
    return result


def through_the_api(
    programs: Runtime, home: Path, url: str, token: str
) -> tuple[list[float], Exported]:
    """The milliseconds of each question, and the export."""
    folder = home / "broker-history"
    with (
        running_broker(programs, folder, KINDS["kill"]) as broker,
        running_registry(broker, folder, url) as registry,
    ):
        exported = export(registry, token, home)
        # Without a pause, in which the API would close the connection.
        with opened(registry.port, token) as get:
            return [best(get, each.path) for each in QUESTIONS], exported


@dataclass(frozen=True)
class Answer:
    """How long a question took.

    Attributes:
        name: of the question.
        ours: ms.
        plain: ms, in the other layout.
        figure: its name in the line of figures; None: it has none.
        limit: ms that ours may take; None: nothing is promised.
    """

    name: str
    ours: float
    plain: float
    figure: str | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Loaded:
    """What is there: readings, and the seconds that each layout took."""

    readings: int
    ours: float
    plain: float


def load(connection: psycopg.Connection) -> Loaded:
    """Fill both layouts, a day at a time in both."""
    series = past.register(connection)
    plain.create(connection)
    entity, key = plain.keys(connection)
    count, ours, theirs = 0, 0.0, 0.0
    for rows in past.days(series):
        count += len(rows)
        ours += timed(past.store, connection, rows)
        theirs += timed(plain.copy, connection, rows, entity, key)
    for statement in (past.NEWEST, plain.NEWEST):
        connection.execute(statement.encode())
    return Loaded(count, ours, theirs)


def compared(connection: psycopg.Connection, ours: list[float]) -> list[Answer]:
    """All answers: those of the API beside SQL, those about vehicles in SQL both."""
    ask = partial(fetch, connection)
    return [
        Answer(each.name, ms, best(ask, each.plain), each.figure, each.limit)
        for each, ms in zip(QUESTIONS, ours, strict=True)
    ] + [Answer(name, best(ask, one), best(ask, other)) for name, one, other in VEHICLES]


def size_of(connection: psycopg.Connection) -> dict[str, int]:
    """Bytes on disk, with indexes."""
    row = connection.execute(
        "SELECT hypertable_size('readings'), "
        "(SELECT sum(hypertable_size(name::regclass)) "
        " FROM unnest('{rollup_tens, rollup_hours, rollup_days}'::text[]) name), "
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


def table(answers: list[Answer], unsummed: float) -> Table:
    """What people and machines read of the questions."""
    result = Table(
        "history",
        f"{sum(group.series for group in past.GROUPS):,} series; the median of a question in ms",
        ["", "Technopark IoT", "plain key-value", "ratio"],
        notes=["ours through the API, with HTTP and JSON, the other in SQL; vehicles in SQL both"],
    )
    for each in answers:
        cells = each.ours, each.plain, each.plain / each.ours
        result.add(each.name, *(f"{cell:.1f}" for cell in cells))
        if each.figure:
            result.figures[each.figure] = each.ours
        if each.figure and each.limit:
            result.limits[each.figure] = each.limit
    result.figures["without_rollups_ms"] = unsummed
    result.limits["without_rollups_ms"] = 1000
    result.figures["vs_plain"] = statistics.median(each.plain / each.ours for each in answers)
    result.floors["vs_plain"] = 5
    return result


def tell_load(result: Table, loaded: Loaded, summing: float, sizes: dict[str, int]) -> None:
    """Add what was loaded, and the bytes of it."""
    each = {name: size / loaded.readings for name, size in sizes.items()}
    result.figures |= {
        "readings": loaded.readings,
        "load_per_s": round(loaded.readings / loaded.ours),
        "bytes_per_reading": each["readings"],
        "bytes_of_rollups": each["rollups"],
        "bytes_plain": each["plain"],
    }
    result.notes += [
        f"{loaded.readings:,} readings loaded by COPY in {loaded.ours:.0f} s, in the other layout "
        f"in {loaded.plain:.0f} s; summed up in {summing:.0f} s",
        f"bytes of a reading on disk, with indexes: {each['readings']:.0f}, rollups "
        f"{each['rollups']:.1f} more; the other layout {each['plain']:.0f}",
    ]


def tell_sizes(result: Table, sizes: Sizes) -> None:
    """Add what the Community edition makes of a reading."""
    result.figures |= {"bytes_in_rows": sizes.rows, "bytes_in_columns": sizes.columns}
    result.notes.append(
        f"on the Community edition, of {sizes.readings:,} readings of simulated devices: "
        f"{sizes.rows:.0f} bytes as they are stored, {sizes.columns:.1f} in the columnstore"
    )


def tell_export(result: Table, exported: Exported) -> None:
    """Add the export."""
    rate = round(exported.readings / exported.seconds)
    result.figures |= {
        "export_per_s": rate,
        "export_mib": exported.mib,
        "export_growth_mib": exported.growth,
    }
    result.floors["export_per_s"] = 500_000
    result.limits |= {"export_mib": EXPORT_MIB, "export_growth_mib": EXPORT_GROWTH_MIB}
    result.notes.append(
        f"export of {exported.readings:,} readings as Parquet, {exported.size / 1e6:.0f} MB: "
        f"{rate:,} a second; the registry took {exported.mib:.0f} MiB more than before, "
        f"{exported.growth:.0f} of them more than for a day"
    )
