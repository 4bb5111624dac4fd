"""The export of devices to a file, which an import takes back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from registry.access import Pool, SignedIn, pool
from registry.devices import DeviceFilters
from registry.enrolment.device_cells import COLUMNS, write_cells
from storage import devices
from storage.rows import Row, Scope

router = APIRouter(tags=["imports"])

PORTION = 1000
# Without it Excel takes UTF-8 for another encoding.
BYTE_ORDER_MARK = "\ufeff"
CSV_TYPE = "text/csv; charset=utf-8"
EXAMPLES = {
    CSV_TYPE: {"example": "id,tenant_id,name,…\r\nsunny-roof-1,sunny,Roof 1,…\r\n"},
    "application/json": {"example": [{"id": "sunny-roof-1", "tenant_id": "sunny"}]},
}


class ExportQuery(DeviceFilters):
    """Which devices, and how they are written."""

    format: Literal["csv", "json"] = Field("csv", description="a table, or a list of objects")


@router.get(
    "/exports",
    response_class=StreamingResponse,
    responses={200: {"description": "The file, made as it is sent.", "content": EXAMPLES}},
)
async def export_devices(
    query: Annotated[ExportQuery, Query()],
    person: SignedIn,
    opened: Annotated[Pool, Depends(pool)],
) -> StreamingResponse:
    """Write the devices that you may see to a file, in the order of their ids."""
    filters = query.model_dump(exclude={"format"})
    write, kind = (as_csv, CSV_TYPE) if query.format == "csv" else (as_json, "application/json")
    found = portions(opened, person.scope, filters)
    # A refusal of the database has to come before the answer begins.
    first: Sequence[Row] = await anext(found, [])
    return StreamingResponse(
        write(chained(first, found)),
        media_type=kind,
        headers={"Content-Disposition": f'attachment; filename="devices.{query.format}"'},
    )


async def portions(opened: Pool, scope: Scope, filters: Row) -> AsyncIterator[Sequence[Row]]:
    """The devices. No connection is held while the client is waited for."""
    after: str | None = None
    while True:
        async with opened.connection() as connection:
            rows = await devices.devices(connection, scope, filters, after, PORTION)
        if rows:
            yield rows
        if len(rows) < PORTION:
            return
        after = rows[-1]["id"]


async def chained(
    first: Sequence[Row], others: AsyncIterator[Sequence[Row]]
) -> AsyncIterator[Sequence[Row]]:
    """All portions again."""
    yield first
    async for rows in others:
        yield rows


async def as_csv(found: AsyncIterator[Sequence[Row]]) -> AsyncIterator[str]:
    """The text of a table with a header (RFC 4180)."""
    yield BYTE_ORDER_MARK + table([COLUMNS])
    async for rows in found:
        yield table([write_cells(row) for row in rows])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of a table as CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


async def as_json(found: AsyncIterator[Sequence[Row]]) -> AsyncIterator[str]:
    """The text of a list, a device a line."""
    separator = "[\n"
    async for rows in found:
        for row in rows:
            device = {column: row[column] for column in COLUMNS}
            yield separator + json.dumps(device, ensure_ascii=False)
            separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"
