"""A tenant's archive, made as it is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from itertools import islice
from typing import Any

import pyarrow as pa

from registry.exchange.archive_format import (
    DEVICES,
    END,
    FORMAT,
    MANIFEST,
    MODELS,
    SERIES,
    SERIES_SCHEMA,
    TABLES,
    TENANT,
    VERSION,
    Manifest,
    Part,
    TimeFacts,
    entry,
)
from registry.exchange.names import WORD, Names, distinct, wanted
from registry.exchange.tables import as_parquet
from storage import archives, streams
from storage.archives import Connection
from storage.rows import Row

KEY = ("device_id", "metric")
# So many batches of 16 MiB are a part: some two million readings.
PART_BATCHES = 4


def archive(url: str, tenant_id: str, actor: Row) -> Iterator[bytes]:
    """The pieces of the archive.

    It is no picture of one moment: what comes in while it is made may be in it or not.

    Args:
        url: of the database.
        tenant_id: whose.
        actor: who takes it along, for the audit log.
    """
    with archives.opened(url, actor) as connection:
        yield from ArchiveWriter(url, connection, tenant_id).pieces()


class ArchiveWriter:
    """An archive that grows; it remembers the parts for the manifest."""

    def __init__(self, url: str, connection: Connection, tenant_id: str) -> None:
        self._url, self._connection, self._tenant_id = url, connection, tenant_id
        begun = archives.begin_archive(connection, tenant_id)
        self._id: str = begun["id"]
        self._made_at: datetime = begun["made_at"]
        self._parts: list[Part] = []

    def pieces(self) -> Iterator[bytes]:
        """Everything, the manifest last."""
        tenant = archives.tenant(self._connection, self._tenant_id)
        yield self._add(TENANT, lines([tenant], indent=1), 1)
        models = archives.models(self._connection, self._tenant_id)
        yield self._add(MODELS, lines([models], indent=1), len(models))
        devices = list(map(as_line, archives.devices(self._connection, self._tenant_id)))
        yield self._add(DEVICES, "".join(devices).encode(), len(devices))
        series = archives.series(self._connection, self._tenant_id)
        yield self._series(distinct(series, KEY))
        for kind in ("readings", "states", "flags"):
            yield from self._table(kind, series, KEY, pa.int32())
        times = archives.times(self._connection, self._tenant_id)
        yield from self._table("rejections", times, KEY[:1], pa.string())
        yield entry(MANIFEST, self._manifest(tenant), self._made_at) + END

    def _add(self, name: str, data: bytes, rows: int) -> bytes:
        digest = hashlib.sha256(data).hexdigest()
        self._parts.append(Part(name=name, bytes=len(data), sha256=digest, rows=rows))
        return entry(name, data, self._made_at)

    def _series(self, series: Sequence[Row]) -> bytes:
        columns = {"device": "device_id", "metric": "metric", "kind": "kind", "unit": "unit"}
        table = pa.table(
            [
                *(pa.array([each[name] for each in series], WORD) for name in columns.values()),
                pa.array([each["first_seen"] for each in series], SERIES_SCHEMA.types[-1]),
            ],
            schema=SERIES_SCHEMA,
        )
        data = b"".join(as_parquet(SERIES_SCHEMA, table.to_batches()))
        return self._add(SERIES, data, len(series))

    def _table(
        self,
        kind: streams.Table,
        times: Sequence[Row],
        key: Sequence[str],
        kind_of_key: pa.DataType,
    ) -> Iterator[bytes]:
        """The parts of a table, of the tenant's times of series or devices."""
        things, schema = distinct(times, key), TABLES[kind]
        names = {
            column: Names([thing[name] for thing in things])
            for column, name in zip(("device", "metric"), key, strict=False)
        }
        days = archives.days(self._connection, kind)
        batches = named(
            streams.stream(self._url, kind, wanted(times, key, kind_of_key), days), names, schema
        )
        number = 0
        while part := list(islice(batches, PART_BATCHES)):
            data = b"".join(as_parquet(schema, part))
            yield self._add(f"{kind}/{number:05}.parquet", data, sum(map(len, part)))
            number += 1

    def _manifest(self, tenant: Row) -> bytes:
        counts = dict.fromkeys(("devices", "models", "series", *TABLES), 0)
        for part in self._parts:
            kind = part.name.partition("/")[0].partition(".")[0]
            if kind in counts:
                counts[kind] += part.rows
        manifest = Manifest(
            format=FORMAT,
            version=VERSION,
            id=self._id,
            made_at=self._made_at,
            made_by=f"technopark-iot {version('technopark-iot')}",
            tenant=self._tenant_id,
            time=TimeFacts(park_time_zone=(tenant["park"] or {}).get("time_zone")),
            counts=counts,
            parts=self._parts,
        )
        return manifest.model_dump_json(indent=1).encode()


def lines(items: Iterable[Any], indent: int | None = None) -> bytes:
    """JSON, one thing after the other."""
    return "".join(json.dumps(i, ensure_ascii=False, indent=indent) + "\n" for i in items).encode()


def as_line(row: Row) -> str:
    """A device as a line of JSON."""
    device = {"id": row["id"], "owned": row["owned"], "held": row["held"], **(row["device"] or {})}
    return json.dumps(device, ensure_ascii=False) + "\n"


def named(
    batches: Iterable[pa.RecordBatch], names: dict[str, Names], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Rows with names in the place of ranks."""
    for batch in batches:
        rank = batch["rank"].to_numpy()
        columns = [
            names[field.name].of(rank)
            if field.name in names
            else dictionary(batch[field.name])
            if field.type == WORD
            else batch[field.name]
            for field in schema
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def dictionary(column: pa.Array) -> pa.DictionaryArray:
    """A column of few words."""
    return column.dictionary_encode()
