"""The format of an archive, version 1; docs/archive.md describes it for everybody.

A tar file (POSIX ustar) of regular files, not compressed as a whole: the tables in it are Parquet.
The last file is the manifest, since it has the hashes of the others.
"""

from __future__ import annotations

import tarfile
from datetime import datetime
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import BaseModel, Field

from registry.exchange.names import TIME, WORD

FORMAT = "technopark-archive"
VERSION = 1
MEDIA_TYPE = "application/x-tar"
BLOCK = 512
# Two empty blocks end a tar file.
END = bytes(2 * BLOCK)
MANIFEST, TENANT, MODELS = "manifest.json", "tenant.json", "models.json"
DEVICES, SERIES = "devices.jsonl", "series.parquet"
KEY = [("device", WORD), ("metric", WORD), ("ts", TIME)]
# The folders of tables in parts, in the order in which they are stored.
TABLES: dict[str, pa.Schema] = {
    "readings": pa.schema([*KEY, ("value", pa.float64())]),
    "states": pa.schema([*KEY, ("value", pa.string())]),
    "flags": pa.schema([*KEY, ("flag", WORD)]),
    "rejections": pa.schema(
        [
            ("device", WORD),
            ("ts", TIME),
            ("topic", pa.string()),
            ("reason", WORD),
            ("detail", pa.string()),
            ("content_type", pa.string()),
            ("payload", pa.binary()),
            ("size", pa.int32()),
            ("replayed_at", TIME),
        ]
    ),
}
SERIES_SCHEMA = pa.schema(
    [("device", WORD), ("metric", WORD), ("kind", WORD), ("unit", WORD), ("first_seen", TIME)]
)
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A file of the archive: its name, its size, its SHA-256, and its rows or lines."""

    name: str
    bytes: Count
    sha256: str
    rows: Count


class TimeFacts(BaseModel):
    """How times are to be read."""

    zone: Literal["UTC"] = "UTC"
    unit: Literal["microseconds"] = "microseconds"
    park_time_zone: str | None


class Head(BaseModel):
    """What every version of a manifest says."""

    format: str
    version: int


class Manifest(Head):
    """What the archive is, and of which files it consists."""

    id: str
    made_at: datetime
    made_by: str
    tenant: str
    time: TimeFacts
    counts: dict[str, Count]
    parts: list[Part]


def entry(name: str, data: bytes, moment: datetime) -> bytes:
    """A file as tar has it: its header, its bytes, and zeros up to a whole block."""
    head = tarfile.TarInfo(name)
    head.size, head.mtime, head.mode = len(data), int(moment.timestamp()), 0o644
    return head.tobuf(tarfile.USTAR_FORMAT, "ascii") + data + bytes(-len(data) % BLOCK)
