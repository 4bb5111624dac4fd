"""The same past in ThingsBoard's layout: a row for each value, keyed by device, key and time."""

from __future__ import annotations

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from benchmarks.past import DAY_US, END_US, GROUPS
from storage.writer import HEADER, TRAILER, Readings

# The numbers of keys.
KEYS = {
    name: number
    for number, name in enumerate(sorted({m for group in GROUPS for m in group.metrics}), 1)
}
# The device's UUID, the key's number, milliseconds; a partition for each month, and the newest
# values beside it.
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
NEWEST = f"""
INSERT INTO ts_kv_latest SELECT DISTINCT ON (entity_id, key) entity_id, key, ts, dbl_v FROM ts_kv
WHERE ts >= {(END_US - DAY_US) // 1000} ORDER BY entity_id, key, ts DESC
"""


def create(connection: psycopg.Connection) -> None:
    """The tables, with the devices under their new names."""
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


def copy(
    connection: psycopg.Connection,
    rows: Readings,
    entity: NDArray[np.void],
    key: NDArray[np.int32],
) -> None:
    """Bring readings into the layout, by binary COPY too."""
    table = np.empty(len(rows.series), PLAIN_ROW)
    table["fields"], table["l1"], table["l2"], table["l3"], table["l4"] = 4, 16, 4, 8, 8
    table["entity"], table["key"] = entity[rows.series], key[rows.series]
    table["ts"], table["value"] = rows.ts // 1000, rows.value
    with (
        connection.transaction(),
        connection.cursor() as cursor,
        cursor.copy("COPY ts_kv (entity_id, key, ts, dbl_v) FROM STDIN (FORMAT binary)") as stream,
    ):
        stream.write(HEADER)
        stream.write(table.tobytes())
        stream.write(TRAILER)
