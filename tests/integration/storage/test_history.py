"""Buckets of history equal those that are made of the visible readings one by one."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from storage.history import grid
from storage.history.columns import microseconds, moment
from storage.history.questions import Line, Question, answer
from storage.history.series import Part, find_series
from storage.rows import Connection, Scope
from storage.writer import Readings, store_readings
from tests.conftest import cloned
from tests.integration.storage import past
from tests.integration.storage.past import Reading, Span

ZONES = (
    "UTC", "Asia/Jakarta", "Asia/Makassar", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin",
    "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo",
)  # fmt: skip
STEPS: tuple[grid.Step | None, ...] = (
    *get_args(grid.Unit), None, 10 * grid.MINUTE, 7 * grid.MINUTE, 30 * grid.MINUTE, grid.HOUR,
    5 * grid.HOUR, grid.DAY, 7 * grid.DAY, 90_000_001,
)  # fmt: skip
# Clocks are set in America on 8 March, in Berlin on 29 March, on Lord Howe on 5 April (by half an
# hour), in Cairo at midnight of 24 April.
FIRST = datetime(2026, 3, 4, tzinfo=UTC)
LAST = datetime(2026, 4, 30, tzinfo=UTC)
NOW = datetime(2026, 5, 2, tzinfo=UTC)
AGREED = datetime(2026, 3, 20, tzinfo=UTC)
DEVICES = 4
ADMIN, OWNER, GUEST = Scope(everything=True), Scope(tenants=("owner",)), Scope(tenants=("guest",))
READER = Scope(tenants=("reader",))
ROLLED = ("avg", "min", "max", "sum", "count", "first", "last")
READ = ("p0", "p50", "p95", "p99.9", "p100")


@dataclass
class Past:
    """What is stored, and who holds when: by device."""

    connection: Connection
    runner: asyncio.Runner
    readings: list[list[Reading]]
    slots: list[list[Span]]

    def __repr__(self) -> str:
        return "Past()"  # else it would fill the report of a failure

    def ask(self, scope: Scope, device: int, question: Question) -> Line:
        """The answer for one device's series."""

        async def asked() -> Line:
            within = question.within
            [series] = await find_series(
                self.connection, scope, [f"device-{device}"], ["m"], within, 2
            )
            [line] = await answer(self.connection, [series], question)
            return line

        return self.runner.run(asked())

    def seen(self, scope: Scope, device: int, start: datetime, end: datetime) -> list[Span]:
        """The unbroken times that a scope sees."""
        slots = self.slots[device]
        far = [FIRST - timedelta(days=999), LAST + timedelta(days=999)]
        spans = {
            ADMIN: [(far[0], far[1])],
            OWNER: past.without(slots, *far),
            GUEST: slots,
            READER: past.clipped(past.without(slots, *far), AGREED, far[1]),
        }[scope]
        return past.clipped(spans, start, end)


def random_readings(seed: int) -> list[Reading]:
    """Bursts and silences: many in some minutes, none for days."""
    random = np.random.default_rng(seed)
    gaps = random.choice([1e-6, 0.2, 1, 30, 900, 7200, 86_400 * 2], 3000, p=GAPS)
    seconds = np.cumsum(gaps * random.uniform(0.5, 1.5, len(gaps)))
    times = np.unique((seconds / seconds[-1] * (LAST - FIRST).total_seconds() * 1e6).astype(int))
    values = random.normal(0, 100, len(times)).round(3)
    if seed % 2:
        values = np.cumsum(np.abs(values)) % 5000
    return [
        (FIRST + timedelta(microseconds=int(us)), float(value))
        for us, value in zip(times, values, strict=True)
    ]


GAPS = [0.02, 0.2, 0.4, 0.25, 0.1, 0.02, 0.01]


def random_slots(seed: int) -> list[Span]:
    """Slots that do not touch each other; with the first seed none."""
    random = np.random.default_rng(seed)
    minutes = int((LAST - FIRST) / timedelta(minutes=1))
    bounds = np.sort(random.choice(minutes, 2 * 6 * seed, replace=False)).tolist()
    moments = [FIRST + timedelta(minutes=each) for each in bounds]
    return list(zip(moments[::2], moments[1::2], strict=True))


@pytest.fixture(scope="module")
def history(server: str, template: str) -> Iterator[Past]:
    """A few devices with readings of two months, some of them booked again and again."""
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO tenants (id, name, kind) VALUES
                ('owner', 'O', 'startup'), ('guest', 'G', 'startup'), ('reader', 'R', 'startup');
            INSERT INTO agreements (tenant_id, reader_tenant_id, metrics, first_day, last_day,
                                    history_from, decision)
            VALUES ('owner', 'reader', '{m}', '2026-01-01', '2099-01-01', '2026-03-20', 'accepted')
            """
        )
        all_readings, all_slots = [], []
        for device in range(DEVICES):
            readings, slots = random_readings(device), random_slots(device)
            add_device(connection, device, readings, slots)
            all_readings.append(readings)
            all_slots.append(slots)
        connection.execute("ANALYZE")
        with asyncio.Runner() as runner:
            opened: Any = runner.run(
                psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row)
            )
            runner.run(opened.execute("SET timezone = 'UTC'"))
            yield Past(opened, runner, all_readings, all_slots)
            runner.run(opened.close())


def add_device(
    connection: psycopg.Connection, number: int, readings: list[Reading], slots: list[Span]
) -> None:
    """A device with one series."""
    name = f"device-{number}"
    connection.execute(
        "INSERT INTO devices (id, tenant_id, name) VALUES (%s, 'owner', 'D')", [name]
    )
    row = connection.execute(
        "INSERT INTO series (device_id, metric, kind) VALUES (%s, 'm', 'number') RETURNING id",
        [name],
    ).fetchone()
    assert row
    for start, end in slots:
        connection.execute(
            "INSERT INTO bookings (device_id, tenant_id, during) "
            "VALUES (%s, 'guest', tstzrange(%s, %s))",
            [name, start, end],
        )
    columns = Readings(
        np.full(len(readings), row[0], np.int32),
        np.array([microseconds(ts) for ts, _ in readings]),
        np.array([value for _, value in readings]),
    )
    assert len(store_readings(connection, columns)) == len(readings)


def question(
    start: datetime,
    end: datetime,
    step: grid.Step | None,
    zone: str,
    *names: str,
    points: int | None = None,
) -> Question:
    within = Part(microseconds(start), microseconds(end))
    return Question(within, step, names, "none", points, zone, microseconds(NOW))


# Ends of ranges: anywhere, and on the bounds of minutes, hours and days.
moments = st.one_of(
    st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)),
    st.integers(0, 57 * 24).map(lambda hours: FIRST + hours * timedelta(hours=1)),
)
ranges = st.tuples(moments, moments).filter(lambda two: two[0] != two[1]).map(sorted)
asked = st.tuples(
    st.sampled_from([ADMIN, OWNER, GUEST, READER]),
    st.integers(1, DEVICES - 1),
    ranges,
    st.sampled_from(STEPS),
    st.sampled_from(ZONES),
)


def table(line: Line, name: str) -> dict[datetime, float]:
    """A column by the beginnings of its buckets, without gaps."""
    values = zip(line.ts.tolist(), line.values[name].tolist(), strict=True)
    return {moment(ts): value for ts, value in values if not math.isnan(value)}


def same(found: dict[datetime, float], expected: dict[datetime, float]) -> bool:
    """Whether two tables are the same, but for the rounding of sums."""
    return found.keys() == expected.keys() and all(
        math.isclose(found[ts], expected[ts], rel_tol=1e-9, abs_tol=1e-6) for ts in expected
    )


@given(asked)
@settings(max_examples=100)
def test_buckets_are_those_of_the_visible_readings(history: Past, case: Any) -> None:
    scope, device, (start, end), step, zone = case
    line = history.ask(scope, device, question(start, end, step, zone, *ROLLED, *READ))
    spans = history.seen(scope, device, start, end)
    buckets = defaultdict(list)
    for stretch in past.within(history.readings[device], spans):
        for ts, value in stretch:
            buckets[past.bucket_of(ts, step, ZoneInfo(zone), start)].append(value)
    for name in (*ROLLED, *READ):
        expected = {ts: past.aggregate(name, values) for ts, values in buckets.items()}
        assert same(table(line, name), expected), name


@given(asked)
@settings(max_examples=60)
def test_deltas_and_means_over_time_are_those_of_each_unbroken_time(
    history: Past, case: Any
) -> None:
    scope, device, (start, end), step, zone = case
    line = history.ask(scope, device, question(start, end, step, zone, "delta", "twa"))
    spans = history.seen(scope, device, start, end)
    stretches = past.within(history.readings[device], spans)
    grown: dict[datetime, float] = defaultdict(float)
    for ts, step_up in past.deltas(stretches):
        grown[past.bucket_of(ts, step, ZoneInfo(zone), start)] += step_up
    assert same(table(line, "delta"), grown)
    whole = microseconds(start), microseconds(end)
    bounds = [moment(us) for us in grid.edges(*whole, step, zone).tolist()]
    area: dict[datetime, float] = defaultdict(float)
    time: dict[datetime, float] = defaultdict(float)
    for stretch, (_, until) in zip(stretches, spans, strict=True):
        for since, seconds, value in past.held(stretch, min(until, NOW), bounds) if stretch else ():
            bucket = past.bucket_of(since, step, ZoneInfo(zone), start)
            area[bucket] += value * seconds
            time[bucket] += seconds
    assert same(table(line, "twa"), {ts: area[ts] / time[ts] for ts in area})


@given(asked, st.sampled_from([None, 10, 21, 500]))
@settings(max_examples=60)
def test_readings_and_charts_are_of_what_is_visible(
    history: Past, case: Any, points: int | None
) -> None:
    scope, device, (start, end), _, zone = case
    line = history.ask(scope, device, question(start, end, None, zone, points=points))
    spans = history.seen(scope, device, start, end)
    visible = [each for part in past.within(history.readings[device], spans) for each in part]
    shown = list(zip(map(moment, line.ts.tolist()), line.values["value"].tolist(), strict=True))
    if points is None:
        assert shown == visible
        return
    assert len(shown) <= points
    assert [ts for ts, _ in shown] == sorted({ts for ts, _ in shown})
    values = [value for _, value in visible]
    assert {value for _, value in shown} <= set(values)
    if values:
        assert min(values) == min(value for _, value in shown)
        assert max(values) == max(value for _, value in shown)
    assert (line.thinned_from or len(shown)) == len(visible)
