"""The export of readings and states as one table, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import pyarrow as pa
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from registry.access import Person, Pool, SignedIn, pool
from registry.devices import DeviceFilters
from registry.exchange.names import TIME, WORD, Names, distinct, wanted
from registry.exchange.streamed import LongWork, Streamed
from registry.exchange.tables import BINARY, MEDIA_TYPES, WRITERS, Format
from registry.http.fields import MetricName, Moment
from registry.http.problems import NotFoundError
from registry.rejections import End
from storage import devices, exports, streams
from storage.exports import Selection
from storage.rows import Connection, Row
from storage.telemetry_queries import BEGINNING
from storage.telemetry_queries import END as FOREVER

router = APIRouter(prefix="/exports", tags=["imports"])

Kind = Literal["readings", "states"]
SERIES = ("device_id", "metric")
VALUES = {"readings": pa.float64(), "states": pa.string()}
PORTION = 1000
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, made as it is sent.",
        "content": {
            MEDIA_TYPES["csv"]: {
                "example": '"device","metric","ts","value","unit"\n'
                '"sunny-roof-1","dc_power","2026-03-02T10:15:00.000000Z",4.21,"kW"\n'
            },
            MEDIA_TYPES["parquet"]: {**BINARY, "example": "PAR1…"},
        },
    },
    404: {},
}


class HistoryFileQuery(DeviceFilters):
    """Of which devices, of which metrics, from when until before when."""

    metrics: list[MetricName] | None = Field(
        None, alias="metric", max_length=100, description="only these, as many as there are"
    )
    start: Moment | None = Field(None, alias="from", description="the first time")
    end: End = None
    format: Format = Field("csv", description="a table as text, or a Parquet file")


@router.get("/readings", response_class=StreamingResponse, responses=FILE)
async def export_readings(
    query: Annotated[HistoryFileQuery, Query()],
    person: SignedIn,
    opened: Annotated[Pool, Depends(pool)],
    free: LongWork,
) -> Streamed:
    """Write readings to a file: `device, metric, ts, value, unit`.

    Day by day (in UTC), and in a day by device, metric and time. Of each device it is what you may
    see. A device that is named by `id` may be one that was yours.
    """
    return await file_of("readings", query, person, opened, free)


@router.get("/states", response_class=StreamingResponse, responses=FILE)
async def export_states(
    query: Annotated[HistoryFileQuery, Query()],
    person: SignedIn,
    opened: Annotated[Pool, Depends(pool)],
    free: LongWork,
) -> Streamed:
    """Write states to a file, as readings are; a value is JSON."""
    return await file_of("states", query, person, opened, free)


async def file_of(
    kind: Kind, query: HistoryFileQuery, person: Person, opened: Pool, free: LongWork
) -> Streamed:
    """The answer. No connection of the pool is held while it is made."""
    async with opened.connection() as connection:
        selection = await selected(connection, person, query)
        parts = await exports.visible_series(connection, person.scope, selection)
        require_metrics(query.metrics, parts)
        days = await exports.days(connection, kind, selection.start, selection.end)
    write = WRITERS[query.format]
    return Streamed(
        lambda: write(schema_of(kind), table(free.url, kind, parts, days)),
        free,
        MEDIA_TYPES[query.format],
        f"{kind}.{query.format}",
    )


async def selected(connection: Connection, person: Person, query: HistoryFileQuery) -> Selection:
    """What was asked for, with the ids of the devices.

    Raises:
        NotFoundError: one that was named is none of which the person may read anything.
    """
    filters = query.model_dump(exclude={"format", "metrics", "start", "end"})
    if query.ids and not any(value for name, value in filters.items() if name != "ids"):
        found = await exports.visible_devices(connection, person.scope, query.ids)
        # By their places: an answer that repeats what was asked differs where nothing else does.
        places = [str(at) for at, id_ in enumerate(query.ids, 1) if id_ not in found]
        if places:
            raise NotFoundError(f"there is no such device: see id number {', '.join(places)}")
    else:
        found = await all_devices(connection, person, filters)
    start, end = query.start or BEGINNING, min(query.end or FOREVER, FOREVER)
    return Selection(sorted(found), query.metrics, start, end)


async def all_devices(connection: Connection, person: Person, filters: Row) -> set[str]:
    """The ids of the devices of a list."""
    found: set[str] = set()
    after: str | None = None
    while True:
        rows = await devices.devices(connection, person.scope, filters, after, PORTION)
        found |= {row["id"] for row in rows}
        if len(rows) < PORTION:
            return found
        after = rows[-1]["id"]


def require_metrics(metrics: Sequence[str] | None, parts: Sequence[Row]) -> None:
    """Raise NotFoundError where no device has a metric that was named."""
    if missing := set(metrics or ()) - {part["metric"] for part in parts}:
        raise NotFoundError(
            f"none of these devices has sent {', '.join(sorted(missing))} in this time"
        )


def schema_of(kind: Kind) -> pa.Schema:
    """The columns of the file."""
    return pa.schema(
        [
            ("device", WORD),
            ("metric", WORD),
            ("ts", TIME),
            ("value", VALUES[kind]),
            ("unit", WORD),
        ]
    )


def table(
    url: str, kind: Kind, parts: Sequence[Row], days: Sequence[date]
) -> Iterator[pa.RecordBatch]:
    """The rows of the file."""
    series = distinct(parts, SERIES)
    columns = [Names([each[name] for each in series]) for name in ("device_id", "metric", "unit")]
    for batch in streams.stream(url, kind, wanted(parts, SERIES, pa.int32()), days):
        rank = batch["rank"].to_numpy()
        device, metric, unit = (names.of(rank) for names in columns)
        yield pa.RecordBatch.from_arrays(
            [device, metric, batch["ts"], batch["value"], unit], schema=schema_of(kind)
        )
