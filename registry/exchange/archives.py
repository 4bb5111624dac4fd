"""A tenant as one file: taken along by its owner, and brought in again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from registry.exchange import lines
from registry.exchange.archive_format import MEDIA_TYPE
from registry.exchange.archive_import import ImportRequest, import_archive
from registry.exchange.archive_reading import ArchiveFile
from registry.exchange.archive_writing import archive
from registry.exchange.streamed import LongWork, Streamed
from registry.exchange.tables import BINARY
from registry.exchange.uploads import DataOwner, received
from registry.http.fields import YesNo, matching

router = APIRouter(prefix="/tenants/{tenant_id}/archive", tags=["imports"])

PATH = r"/tenants/[^/]+/archive"
PREFIX = r"([a-z0-9][a-z0-9-]{0,29})?"
PREFIX_RULE = "a prefix has up to 30 small letters, digits and hyphens, and begins with no hyphen"
ARCHIVE = {MEDIA_TYPE: {**BINARY, "example": "tenant.json…"}}
FILE: dict[str, Any] = {
    "required": True,
    "description": "an archive as `GET` gives it; see docs/archive.md",
    "content": ARCHIVE,
}
ANSWER = {
    lines.MEDIA_TYPE: {
        "example": '{"progress": {"step": "storing", "done": 50000, "total": 90000}}\n'
        '{"clash": {"kind": "device", "id": "sunny-roof-1", "detail": "this id is taken here"}}\n'
        '{"result": {"stored": true, "readings": {"given": 90000, "stored": 90000}}}\n'
    }
}


class ArchiveOptions(BaseModel):
    """How an archive is brought in."""

    prefix: Annotated[str, matching(PREFIX, PREFIX_RULE)] = Field(
        "",
        description="put before the ids of its devices and models",
        json_schema_extra={"pattern": f"^{PREFIX}$"},
    )
    merge: YesNo = Field(
        False, description="devices of the tenant that have the same ids are the same devices"
    )
    dry_run: YesNo = Field(False, description="tell what would happen, and store nothing")


@router.get(
    "",
    response_class=StreamingResponse,
    responses={200: {"description": "The archive, made as it is sent.", "content": ARCHIVE}},
)
async def export_archive(tenant: DataOwner, free: LongWork) -> Streamed:
    """Take along all that is the tenant's: devices, models, readings, states, rejections.

    Secrets are not in it. That it was made is in the audit log.
    """
    tenant_id = tenant["id"]
    return Streamed(
        lambda: archive(free.url, tenant_id, tenant["actor"]),
        free,
        MEDIA_TYPE,
        f"{tenant_id}.tar",
    )


@router.post(
    "",
    response_class=StreamingResponse,
    responses={200: {"description": "Objects of JSON, one on each line.", "content": ANSWER}},
    openapi_extra={"requestBody": FILE},
)
async def import_into_tenant(
    request: Request,
    tenant: DataOwner,
    options: Annotated[ArchiveOptions, Query()],
    free: LongWork,
) -> Streamed:
    """Bring an archive into the tenant, and tell how it goes.

    Sent again, the same archive stores nothing twice; an import that was cut off goes on.
    """
    upload = await received(request)
    try:
        found = await asyncio.to_thread(ArchiveFile.open, upload.path)
        asked = ImportRequest(
            free.url, tenant["actor"], tenant["id"], upload.path, **options.model_dump()
        )
        return Streamed(
            lambda: lines.told(import_archive(asked, found)),
            free,
            lines.MEDIA_TYPE,
            after=upload.delete,
        )
    except BaseException:
        upload.delete()
        raise
