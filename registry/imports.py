"""The import of many devices from a file: its answer tells how it goes, line by line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from registry.access import Credentials, Person, Pool, pool, signed_in, token_scheme
from registry.device_file import read_file
from registry.import_answer import ImportLine, ImportOptions, Progress
from registry.importing import Import
from registry.problems import from_database

router = APIRouter(tags=["imports"])

PATH = "/imports"
# Bytes of a file: ten times what 20,000 devices usually need.
LIMIT = 16 << 20
# So many rows are looked at in one go; then the other requests, and the progress, have their turn.
PORTION = 500


class Lines(StreamingResponse):
    """An object of JSON on each line."""

    media_type = "application/x-ndjson"


async def sender(
    opened: Annotated[Pool, Depends(pool)],
    credentials: Annotated[Credentials, Depends(token_scheme)],
) -> Person:
    """The person who asks. The connection is given back before the file is waited for."""
    async with opened.connection() as connection:
        return await signed_in(connection, credentials)


FILE: dict[str, Any] = {
    "required": True,
    "description": "CSV, a JSON list or JSON lines, told apart by how they begin; 16 MiB at most",
    "content": {
        "text/csv": {
            "schema": {"type": "string"},
            "example": "id,name,tags,metadata.serial\nsunny-roof-1,Roof 1,roof;south,SN-0042\n",
        },
        "application/json": {
            "schema": {"type": "array", "items": {"type": "object"}},
            "example": [{"id": "sunny-roof-1", "name": "Roof 1", "tags": ["roof", "south"]}],
        },
        "application/x-ndjson": {
            "schema": {"type": "string"},
            "example": '{"id": "sunny-roof-1", "name": "Roof 1"}\n',
        },
    },
}
ANSWER: dict[str, Any] = {
    Lines.media_type: {
        "example": '{"progress": {"step": "storing", "done": 2, "total": 2}}\n'
        '{"fault": {"row": 3, "field": "lab_id", "detail": "there is no such lab"}}\n'
        '{"device": {"row": 2, "id": "sunny-roof-1", "outcome": "created", "secret": "tpd_…"}}\n'
        '{"result": {"stored": true, "created": 1, "faulty": 1}}\n'
    }
}


@router.post(
    PATH,
    response_class=Lines,
    responses={200: {"description": "Objects of JSON, one on each line.", "content": ANSWER}},
    openapi_extra={"requestBody": FILE},
)
async def import_devices(
    request: Request,
    options: Annotated[ImportOptions, Query()],
    person: Annotated[Person, Depends(sender)],
    opened: Annotated[Pool, Depends(pool)],
) -> Lines:
    """Add or change the devices of a file, all of them or none, and tell how it goes.

    The secrets of new devices are in this answer only. Sent again, the same file changes nothing.
    """
    rows = await asyncio.to_thread(read_file, await request.body())
    return Lines(told(opened, Import(person, options, rows)))


async def told(opened: Pool, work: Import) -> AsyncIterator[str]:
    """The lines of the answer."""
    try:
        async for line in carried_out(opened, work):
            yield written(line)
    except psycopg.Error as error:
        yield written(ImportLine(problem=from_database(error).detail))


def written(line: ImportLine) -> str:
    """A line of the answer: the one thing that it says."""
    return line.model_dump_json(exclude_unset=True) + "\n"


async def carried_out(opened: Pool, work: Import) -> AsyncIterator[ImportLine]:
    """Do the work, and tell it. No connection is held while the client is waited for."""
    total = len(work.rows)
    rows, done = iter(work.rows), 0
    while portion := list(islice(rows, PORTION)):
        await asyncio.to_thread(work.check, portion)
        done += len(portion)
        yield ImportLine(progress=Progress(step="checking", done=done, total=total))
    yield ImportLine(progress=Progress(step="storing", done=0, total=total))
    async with opened.connection() as connection:
        devices = await work.store(connection)
    yield ImportLine(progress=Progress(step="storing", done=total, total=total))
    for fault in sorted(work.faults, key=lambda fault: fault.row):
        yield ImportLine(fault=fault)
    for device in devices:
        yield ImportLine(device=device)
    yield ImportLine(result=work.result(devices))
