"""A past to ask about: 10,004 series of devices of the simulated kinds, over up to a year."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from simulators import Kind, Signal, model_of
from simulators.kinds.air_quality import AIR_QUALITY
from simulators.kinds.battery_pack import BATTERY_PACK
from simulators.kinds.e_motorcycle import E_MOTORCYCLE
from simulators.kinds.kind import Waveform, switch
from simulators.kinds.motor_bench import MOTOR_BENCH
from simulators.kinds.pv_inverter import PV_INVERTER
from storage.models import QUERIES as MODELS
from storage.rollups import Rollups
from storage.rows import Connection
from storage.writer import QUERIES as WRITER
from storage.writer import Readings, copy

DAY_S = 86_400
DAY_US = DAY_S * 1_000_000
# The midnight (UTC) before this day: dashboards ask what was before now.
END_US = time.time_ns() // 1000 // DAY_US * DAY_US
TENANT = "bench"
# As many readings as a batch of ingest has.
BATCH = 25_000

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Group:
    """Series of devices that measure alike.

    Attributes:
        name: the devices' ids begin with it; two groups of one name are of the same devices.
        kind: of the devices, and their model.
        devices: how many.
        signals: what each measures.
        seconds: between two readings of a series.
        days: for how long, until ``END_US``.
        daily: seconds of each day, its last ones, in which they measure.
    """

    name: str
    kind: Kind[Any]
    devices: int
    signals: Sequence[Signal | Waveform[Any]]
    seconds: float
    days: int
    daily: int = DAY_S

    @property
    def metrics(self) -> list[str]:
        """The names of the signals."""
        return [signal.metric for signal in self.signals]

    @property
    def series(self) -> int:
        """How many there are."""
        return self.devices * len(self.signals)

    @property
    def each_day(self) -> int:
        """Readings of a series."""
        return round(self.daily / self.seconds)


def split(kind: Kind[Any], *metrics: str) -> tuple[list[Signal], list[Signal]]:
    """The signals of a kind: those named, and the others."""
    chosen = [signal for signal in kind.signals if signal.metric in metrics]
    return chosen, [signal for signal in kind.signals if signal.metric not in metrics]


RIDE, BIKE = split(E_MOTORCYCLE, "latitude", "longitude", "speed", "state_of_charge")
TORQUE, RIG = split(MOTOR_BENCH, "torque")
# What the questions about vehicles need, and no kind has.
EXTRA = [Signal("load", "kg", 0, 100, 2, "none"), switch("broken", "none")]
GROUPS = (
    Group("sensor", AIR_QUALITY, 928, AIR_QUALITY.signals, 1200, 30),
    Group("bike", E_MOTORCYCLE, 40, [*RIDE, *EXTRA], 60, 30),
    Group("bike", E_MOTORCYCLE, 40, BIKE, 600, 30),
    Group("roof", PV_INVERTER, 6, PV_INVERTER.signals, 300, 365),
    Group("pack", BATTERY_PACK, 4, BATTERY_PACK.signals, 300, 365),
    Group("rig", MOTOR_BENCH, 4, TORQUE, 1, 30),
    Group("rig", MOTOR_BENCH, 4, RIG, 60, 30),
    Group("rig", MOTOR_BENCH, 4, MOTOR_BENCH.waveforms, 0.001, 30, daily=10),
)
# A tag that a hundred devices have.
HUNDRED = "hundred"
PLACES = f"""
INSERT INTO parks (id, name, time_zone) VALUES ('bench', 'Bench', 'Asia/Jakarta');
INSERT INTO labs (id, park_id, name) VALUES ('bench', 'bench', 'Bench');
INSERT INTO tenants (id, name, kind, park_id) VALUES ('{TENANT}', 'Bench', 'startup', 'bench');
"""
DEVICES = """
INSERT INTO devices (id, tenant_id, model_id, lab_id, name, tags)
SELECT format('%%s-%%s', %(name)s::text, n), %(tenant)s, %(model)s, 'bench',
       format('%%s %%s', %(name)s::text, n),
       CASE WHEN %(name)s = 'sensor' AND n <= 100 THEN ARRAY[%(tag)s] ELSE '{}' END
FROM generate_series(1, %(devices)s) n
"""
ACTIVITY = """
INSERT INTO device_activity (device_id, last_seen, online)
SELECT id, to_timestamp(%s), true FROM devices
"""
SERIES = """
INSERT INTO series (device_id, metric, kind, unit)
SELECT format('%%s-%%s', %(name)s::text, n), metric, kind, unit
FROM generate_series(1, %(devices)s) n,
     unnest(%(metrics)s::text[], %(kinds)s::text[], %(units)s::text[])
     WITH ORDINALITY m (metric, kind, unit, o)
ORDER BY n, o
RETURNING id
"""
NEWEST = f"""
INSERT INTO latest (series_id, ts, value)
SELECT DISTINCT ON (series_id) series_id, ts, value FROM readings
WHERE ts >= to_timestamp({(END_US - DAY_US) // 1_000_000}) ORDER BY series_id, ts DESC
"""


def fill(url: str) -> int:
    """The whole past in our layout alone, summed up; how many readings it has."""
    count = 0
    with psycopg.connect(url, autocommit=True) as connection:
        for rows in days(register(connection)):
            store(connection, rows)
            count += len(rows)
        connection.execute(NEWEST.encode())
    asyncio.run(sum_up(url))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return count


def register(connection: psycopg.Connection, groups: Sequence[Group] = GROUPS) -> list[Ids]:
    """Make the devices, their models and series.

    Returns:
        Of each group the numbers of its series, (devices, signals).
    """
    connection.execute(PLACES.encode())
    for name, group in {group.name: group for group in groups}.items():
        model = model_of(group.kind)
        metrics = [{**each, "out_of_range": "flag"} for each in model["metrics"]]
        connection.execute(
            MODELS["create_model"], {**model, "tenant_id": None, "metrics": Jsonb(metrics)}
        )
        connection.execute(
            DEVICES.encode(),
            {"name": name, "tenant": TENANT, "model": model["id"], "tag": HUNDRED,
             "devices": group.devices},
        )  # fmt: skip
    connection.execute(ACTIVITY.encode(), [END_US // 1_000_000])
    return [series_of(connection, group) for group in groups]


def series_of(connection: psycopg.Connection, group: Group) -> Ids:
    """Make the series of a group: their numbers, (devices, signals)."""
    parameters = {
        "name": group.name,
        "devices": group.devices,
        "metrics": group.metrics,
        "kinds": [getattr(signal, "kind", "number") for signal in group.signals],
        "units": [signal.unit for signal in group.signals],
    }
    rows = connection.execute(SERIES.encode(), parameters).fetchall()
    ids = np.array([row[0] for row in rows], np.int32)
    return ids.reshape(group.devices, len(group.signals))


def days(series: Sequence[Ids]) -> Iterator[Readings]:
    """The readings of each day, in the order of time, as they come from the devices."""
    for day in range(max(group.days for group in GROUPS), 0, -1):
        groups = [number for number, group in enumerate(GROUPS) if group.days >= day]
        yield in_time_order([part(number, series[number], day) for number in groups])


def in_time_order(parts: Sequence[Readings]) -> Readings:
    """As readings come from devices."""
    rows = Readings.joined(parts)
    return rows.at(np.lexsort((rows.series, rows.ts)))


def part(number: int, series: Ids, day: int) -> Readings:
    """What a group measures on a day before the end, in the order of series and time."""
    group = GROUPS[number]
    rng = np.random.default_rng([day, number])
    count = group.each_day
    offset = DAY_US - group.daily * 1_000_000
    since_midnight = offset + np.arange(count) * round(group.seconds * 1_000_000)
    # Devices are busy for some hours of the day, each for others.
    phase = rng.uniform(0, 24, (group.devices, 1, 1))
    wave = np.sin((since_midnight / 3.6e9 - phase) * np.pi / 12)
    value = measured(group, wave, rng)
    return Readings(
        np.repeat(series.ravel(), count),
        np.tile(END_US - day * DAY_US + since_midnight, series.size),
        value.ravel(),
    )


def measured(group: Group, wave: NDArray[np.float64], rng: np.random.Generator) -> Any:
    """Values within the range of each signal, with its digits: (devices, signals, count)."""
    shape = (group.devices, len(group.signals), wave.shape[-1])
    least, most, scale = (
        np.array(column, float)[:, None]
        for column in zip(
            *((each.minimum, each.maximum, 10**each.digits) for each in group.signals), strict=True
        )
    )
    half = (most - least) / 2
    value = least + half + half * (0.8 * wave + rng.normal(0, 0.04, shape))
    if "broken" in group.metrics:
        # Motorcycles stand still for half a day; few break down.
        value[:, group.metrics.index("speed")] = 60 * wave[:, 0] + rng.normal(0, 2, wave.shape[-1])
        value[:, group.metrics.index("broken")] = rng.random((shape[0], shape[2])) < 0.002
    return np.rint(np.clip(value, least, most) * scale) / scale


def store(connection: psycopg.Connection, rows: Readings) -> None:
    """Bring readings into the hypertable in batches of the size that ingest makes."""
    for first in range(0, len(rows), BATCH):
        batch = rows.at(np.arange(first, min(first + BATCH, len(rows)))).in_key_order()
        with connection.transaction():
            copy(connection, WRITER["copy_readings"], batch)


async def sum_up(url: str) -> None:
    """Do at once what the registry's job does as time goes."""
    async with await Connection.connect(url, row_factory=dict_row) as connection:
        await Rollups().catch_up(connection)
