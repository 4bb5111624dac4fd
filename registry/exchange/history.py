"""The import of history, from CSV and Parquet, into devices of a tenant."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from registry.exchange import lines
from registry.exchange.history_columns import Columns
from registry.exchange.history_files import open_history
from registry.exchange.history_import import HistoryRequest, import_history
from registry.exchange.history_options import HistoryOptions
from registry.exchange.streamed import LongWork, Streamed
from registry.exchange.tables import BINARY, MEDIA_TYPES
from registry.exchange.uploads import DataOwner, received

router = APIRouter(prefix="/tenants/{tenant_id}/history", tags=["imports"])

PATH = r"/tenants/[^/]+/history"
FILE: dict[str, Any] = {
    "required": True,
    "description": "CSV with a header, or Parquet; told apart by how they begin",
    "content": {
        "text/csv": {
            "schema": {"type": "string"},
            "example": "ts;temperature;humidity\n2026-03-02T17:15:00+07:00;21,5;60\n",
        },
        MEDIA_TYPES["parquet"]: {**BINARY, "example": "PAR1…"},
    },
}
ANSWER = {
    lines.MEDIA_TYPE: {
        "example": '{"progress": {"step": "checking", "done": 50000, "total": null}}\n'
        '{"fault": {"row": 3, "column": "temperature", "detail": "\'x\' is no number"}}\n'
        '{"result": {"stored": true, "readings": {"given": 90000, "stored": 90000}}}\n'
    }
}


@router.post(
    "",
    response_class=StreamingResponse,
    responses={200: {"description": "Objects of JSON, one on each line.", "content": ANSWER}},
    openapi_extra={"requestBody": FILE},
)
async def import_history_file(
    request: Request,
    tenant: DataOwner,
    options: Annotated[HistoryOptions, Query()],
    free: LongWork,
) -> Streamed:
    """Store the readings of a file in devices of the tenant, and tell how it goes.

    All rows are looked at before any is stored. Sent again, the same file stores nothing twice.
    """
    upload = await received(request)
    try:
        await asyncio.to_thread(lambda: Columns.of(open_history(upload.path, options), options))
        asked = HistoryRequest(free.url, tenant["actor"], tenant["id"], upload.path, options)
        return Streamed(
            lambda: lines.told(import_history(asked)),
            free,
            lines.MEDIA_TYPE,
            after=upload.delete,
        )
    except BaseException:
        upload.delete()
        raise
