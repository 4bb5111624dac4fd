"""A past to ask about: 10,000 series over up to a year, for us and in ThingsBoard's layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from storage.writer import HEADER, TRAILER, Readings

DAY_US = 86_400_000_000
END_US = 1_790_812_800_000_000  # 2026-10-01
TENANT = "bench"


@dataclass(frozen=True)
class Group:
    """Devices that send alike.

    Attributes:
        name: their ids begin with it.
        devices: how many.
        metrics: what each sends.
        seconds: between two readings of a series.
        days: for how long, until ``END_US``.
    """

    name: str
    devices: int
    metrics: tuple[str, ...]
    seconds: int
    days: int

    @property
    def readings(self) -> int:
        """Of all its series."""
        return self.devices * len(self.metrics) * self.days * 86_400 // self.seconds

    @property
    def series(self) -> int:
        """How many there are."""
        return self.devices * len(self.metrics)


SENSOR = ("temperature", "humidity", "pm25", "co2", "voltage", "current", "power", "light")
BIKE = ("latitude", "longitude", "speed", "charge", "load", "broken")
GROUPS = (
    Group("sensor", 1_216, SENSOR, 900, 30),
    Group("bike", 40, BIKE, 60, 30),
    Group("roof", 14, ("power", "energy"), 300, 365),
    Group("rig", 4, ("torque",), 1, 30),
)
# The numbers of keys in the other layout.
KEYS = {
    name: number
    for number, name in enumerate(sorted({m for group in GROUPS for m in group.metrics}), 1)
}
# A tag that a hundred devices have.
HUNDRED = "hundred"
PLACES = f"""
INSERT INTO parks (id, name, time_zone) VALUES ('bench', 'Bench', 'Asia/Jakarta');
INSERT INTO tenants (id, name, kind, park_id) VALUES ('{TENANT}', 'Bench', 'startup', 'bench');
"""
DEVICES = """
INSERT INTO devices (id, tenant_id, name, tags)
SELECT format('%%s-%%s', %(name)s::text, n), %(tenant)s, format('%%s %%s', %(name)s::text, n),
       CASE WHEN %(name)s = 'sensor' AND n <= 100 THEN ARRAY[%(tag)s] ELSE '{}' END
FROM generate_series(1, %(devices)s) n
"""
SERIES = """
INSERT INTO series (device_id, metric, kind)
SELECT format('%%s-%%s', %(name)s::text, n), metric, 'number'
FROM generate_series(1, %(devices)s) n, unnest(%(metrics)s::text[]) WITH ORDINALITY m (metric, o)
ORDER BY n, o
RETURNING id
"""
# As ThingsBoard has it: a row for each value, the device's UUID, the key's number, milliseconds; a
# partition for each month, and the newest values beside it.
PLAIN = """
CREATE TABLE ts_kv (
    entity_id uuid NOT NULL, key integer NOT NULL, ts bigint NOT NULL, bool_v boolean,
    str_v varchar(10000000), long_v bigint, dbl_v double precision, json_v json,
    PRIMARY KEY (entity_id, key, ts)
) PARTITION BY RANGE (ts);
CREATE TABLE ts_kv_latest (
    entity_id uuid NOT NULL, key integer NOT NULL, ts bigint NOT NULL, dbl_v double precision,
    PRIMARY KEY (entity_id, key)
);
CREATE TABLE plain_device (id uuid PRIMARY KEY, name text NOT NULL, kind text NOT NULL);
"""
PLAIN_ROW = np.dtype(
    [("fields", ">i2"), ("l1", ">i4"), ("entity", "V16"), ("l2", ">i4"), ("key", ">i4"),
     ("l3", ">i4"), ("ts", ">i8"), ("l4", ">i4"), ("value", ">f8")]
)  # fmt: skip


def register(connection: psycopg.Connection) -> dict[str, NDArray[np.int32]]:
    """Make the devices and series.

    Returns:
        Of each group the numbers of its series, (devices, metrics).
    """
    found = {}
    connection.execute(PLACES.encode())
    for group in GROUPS:
        parameters = {
            "name": group.name,
            "tenant": TENANT,
            "devices": group.devices,
            "metrics": list(group.metrics),
            "tag": HUNDRED,
        }
        connection.execute(DEVICES.encode(), parameters)
        rows = connection.execute(SERIES.encode(), parameters).fetchall()
        ids = np.array([row[0] for row in rows], np.int32)
        found[group.name] = ids.reshape(group.devices, len(group.metrics))
    return found


def days(series: dict[str, NDArray[np.int32]]) -> Iterator[Readings]:
    """The readings of each day, in the order of time, as they come from the devices."""
    for day in range(max(group.days for group in GROUPS), 0, -1):
        start = END_US - day * DAY_US
        parts = [part(group, series[group.name], start) for group in GROUPS if group.days >= day]
        rows = Readings.joined(parts)
        yield rows.at(np.lexsort((rows.series, rows.ts)))


def part(group: Group, series: NDArray[np.int32], start: int) -> Readings:
    """A day of a group, in the order of series and time."""
    rng = np.random.default_rng([start // DAY_US, group.devices])
    count = 86_400 // group.seconds
    ts = start + np.arange(count) * group.seconds * 1_000_000
    hour = np.arange(count) * group.seconds / 3600
    shape = (group.devices, len(group.metrics), count)
    # Devices are busy for some hours of the day, each for others.
    phase = rng.uniform(0, 24, (group.devices, 1, 1))
    wave = np.sin((hour - phase) * np.pi / 12)
    value = 50 + 40 * wave + rng.normal(0, 2, shape)
    if group.name == "bike":
        value[:, BIKE.index("speed")] = np.maximum(0, 60 * wave[:, 0] + rng.normal(0, 2, count))
        value[:, BIKE.index("broken")] = rng.random((group.devices, count)) < 0.002
    return Readings(
        np.repeat(series.ravel(), count),
        np.tile(ts, series.size),
        np.round(value, 2).ravel(),
    )


def create_plain(connection: psycopg.Connection) -> None:
    """The other layout, with the devices under their new names."""
    connection.execute(PLAIN.encode())
    connection.execute(
        "INSERT INTO plain_device SELECT md5(id)::uuid, id, split_part(id, '-', 1) FROM devices"
    )
    first = min(END_US - group.days * DAY_US for group in GROUPS)
    months = np.arange(
        np.datetime64(first, "us").astype("M8[M]"),
        np.datetime64(END_US, "us").astype("M8[M]") + 1,
    )
    for month in months:
        low, high = (int((month + n).astype("M8[ms]").astype(np.int64)) for n in (0, 1))
        connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF ts_kv FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(f"ts_kv_{str(month).replace('-', '_')}"),
                sql.Literal(low),
                sql.Literal(high),
            )
        )


def keys(connection: psycopg.Connection) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Of each series, by its number: the device's UUID and the number of its key."""
    rows = connection.execute(
        "SELECT id, decode(md5(device_id), 'hex'), metric FROM series ORDER BY id"
    ).fetchall()
    entity = np.zeros(rows[-1][0] + 1, "V16")
    key = np.zeros(rows[-1][0] + 1, np.int32)
    for number, uuid, metric in rows:
        entity[number], key[number] = np.void(uuid), KEYS[metric]
    return entity, key


def copy_plain(
    connection: psycopg.Connection,
    rows: Readings,
    entity: NDArray[np.void],
    key: NDArray[np.int32],
) -> None:
    """Bring readings into the other layout, by binary COPY too."""
    table = np.empty(len(rows.series), PLAIN_ROW)
    table["fields"], table["l1"], table["l2"], table["l3"], table["l4"] = 4, 16, 4, 8, 8
    table["entity"], table["key"] = entity[rows.series], key[rows.series]
    table["ts"], table["value"] = rows.ts // 1000, rows.value
    with (
        connection.transaction(),
        connection.cursor() as cursor,
        cursor.copy("COPY ts_kv (entity_id, key, ts, dbl_v) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.write(HEADER)
        copy.write(table.tobytes())
        copy.write(TRAILER)
