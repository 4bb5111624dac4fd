"""The audit log, and the history of single things, which is a part of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from registry.access import (
    Database,
    Person,
    ReadableDevice,
    ReadableLab,
    ReadableModel,
    ReadablePark,
    ReadableTenant,
    SignedIn,
)
from registry.http.fields import Answer, Number, Slug, Words, example
from registry.http.pages import Page, PageQuery
from registry.rejections import End, Start
from storage import audit
from storage.rows import Connection, Row

router = APIRouter(tags=["audit"])

Operation = Literal["created", "changed", "deleted"]
CHANGE: dict[str, Any] = {
    "id": 4711,
    "at": "2026-03-02T10:15:00Z",
    "operation": "changed",
    "kind": "device",
    "subject": "sunny-roof-1",
    "before": {"stage": "prototype"},
    "after": {"stage": "pilot"},
}


class Change(Answer):
    """What was done to a thing: all of it before or after, or what was changed of it.

    A metric of a model is a thing of its own, with the subject `model/metric`.
    """

    model_config = example(**CHANGE)
    id: int
    at: datetime
    operation: Operation
    kind: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Entry(Change):
    """What was done, by whom and from where.

    Without a user it was a program that holds the database's password, such as ingest for what a
    device says of its firmware. The address is that of whoever was connected to the API.
    """

    model_config = example(
        **CHANGE,
        user_id=2,
        user_name="Maria Sousa",
        token_id=11,
        program="technopark-registry",
        address="192.0.2.7",
        request_id="5f0c6e1b9a3d2c47",
    )
    user_id: int | None
    user_name: str | None
    token_id: int | None
    program: str | None
    address: str | None
    request_id: str | None


class AuditQuery(PageQuery):
    """Which entries; several filters all hold."""

    tenant_id: Slug | None = None
    park_id: Slug | None = None
    kind: Words | None = None
    subject: Words | None = None
    user_id: Number | None = None
    start: Start = None
    end: End = None


def page(query: PageQuery, rows: list[Row]) -> Row:
    """The answer, whose cursor holds time and number of the last entry."""
    return query.page(rows, lambda row: [row["at"].isoformat(), row["id"]])


@router.get("/audit", response_model=Page[Entry])
async def list_audit(
    query: Annotated[AuditQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List who changed what, the newest first: what concerns you, and what you did yourself."""
    rows = await audit.entries(
        connection,
        person.reach("audit.read"),
        person.id,
        query.model_dump(),
        query.after(tuple[AwareDatetime, int]),
        query.limit + 1,
    )
    return page(query, rows)


async def history(
    query: PageQuery, thing: Row, connection: Connection, person: Person, *kinds: str
) -> Row:
    """A page of what became of a thing and its parts."""
    rows = await audit.history(
        connection,
        person.scope,
        kinds,
        thing["id"],
        query.after(tuple[AwareDatetime, int]),
        query.limit + 1,
    )
    return page(query, rows)


HistoryQuery = Annotated[PageQuery, Query()]


@router.get("/devices/{device_id}/history", response_model=Page[Change])
async def show_device_history(
    query: HistoryQuery, device: ReadableDevice, connection: Database, person: SignedIn
) -> Row:
    """List what became of a device: its name, stage, model, lab, tenant, firmware and the rest."""
    return await history(query, device, connection, person, "device")


@router.get("/models/{model_id}/history", response_model=Page[Change])
async def show_model_history(
    query: HistoryQuery, model: ReadableModel, connection: Database, person: SignedIn
) -> Row:
    """List what became of a model and its metrics."""
    return await history(query, model, connection, person, "model", "model-metric")


@router.get("/tenants/{tenant_id}/history", response_model=Page[Change])
async def show_tenant_history(
    query: HistoryQuery, tenant: ReadableTenant, connection: Database, person: SignedIn
) -> Row:
    """List what became of a tenant."""
    return await history(query, tenant, connection, person, "tenant")


@router.get("/parks/{park_id}/history", response_model=Page[Change])
async def show_park_history(
    query: HistoryQuery, park: ReadablePark, connection: Database, person: SignedIn
) -> Row:
    """List what became of a park."""
    return await history(query, park, connection, person, "park")


@router.get("/labs/{lab_id}/history", response_model=Page[Change])
async def show_lab_history(
    query: HistoryQuery, lab: ReadableLab, connection: Database, person: SignedIn
) -> Row:
    """List what became of a lab."""
    return await history(query, lab, connection, person, "lab")
