"""The import of many devices from a file: its answer tells how it goes, line by line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Annotated, Any, TypeVar

import psycopg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from registry.access import (
    Credentials,
    Person,
    Pool,
    note_actor,
    pool,
    signed_in,
    token_scheme,
)
from registry.enrolment.device_file import read_file
from registry.enrolment.import_answer import ImportLine, ImportOptions, Progress
from registry.enrolment.importing import Import
from registry.http.problems import from_database

router = APIRouter(tags=["imports"])

PATH = "/imports"
# Bytes of a file: ten times what 20,000 devices usually need.
LIMIT = 16 << 20
# So many rows are looked at, or told, in one go; then other requests have their turn.
PORTION = 500
Item = TypeVar("Item")


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
    """The text of the answer."""
    try:
        async for lines in carried_out(opened, work):
            yield written(lines)
    except psycopg.Error as error:
        yield written([ImportLine(problem=from_database(error).detail)])


def written(lines: Iterable[ImportLine]) -> str:
    """Lines of the answer, each with the one thing that it says."""
    return "".join(line.model_dump_json(exclude_unset=True) + "\n" for line in lines)


async def carried_out(opened: Pool, work: Import) -> AsyncIterator[Sequence[ImportLine]]:
    """Do the work, and tell it. No connection is held while the client is waited for."""
    total, done = len(work.rows), 0
    for rows in portions(work.rows):
        await asyncio.to_thread(work.check, rows)
        done += len(rows)
        yield [ImportLine(progress=Progress(step="checking", done=done, total=total))]
    yield [ImportLine(progress=Progress(step="storing", done=0, total=total))]
    async with opened.connection() as connection:
        await note_actor(connection, work.person.id, work.person.token_id)
        devices = await work.store(connection)
    yield [ImportLine(progress=Progress(step="storing", done=total, total=total))]
    faults = sorted(work.faults, key=lambda fault: fault.row)
    outcome = [
        *(ImportLine(fault=fault) for fault in faults),
        *(ImportLine(device=device) for device in devices),
        ImportLine(result=work.result(devices)),
    ]
    for lines in portions(outcome):
        yield lines


def portions(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items, ``PORTION`` at a time."""
    for start in range(0, len(items), PORTION):
        yield items[start : start + PORTION]
