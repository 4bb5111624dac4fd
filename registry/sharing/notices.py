"""What both sides of an agreement are told before it ends."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from registry.access import Database, SignedIn
from registry.http.fields import Answer, example
from registry.http.pages import Page, PageQuery, by_id
from storage import agreements
from storage.rows import Row

router = APIRouter(prefix="/notices", tags=["agreements"])


class Notice(Answer):
    """A warning that an agreement ends in at most so many days."""

    model_config = example(
        id=8,
        agreement_id=3,
        days=7,
        tenant_id="sunny",
        reader_tenant_id="itb",
        reader_park_id=None,
        reader_email=None,
        last_day="2026-12-31",
        created_at="2026-12-24T00:10:00Z",
    )
    id: int
    agreement_id: int
    days: int
    tenant_id: str
    reader_tenant_id: str | None
    reader_park_id: str | None
    reader_email: str | None
    last_day: date
    created_at: datetime


@router.get("", response_model=Page[Notice])
async def list_notices(
    query: Annotated[PageQuery, Query()], connection: Database, person: SignedIn
) -> Row:
    """List the warnings before the ends of your agreements, the newest first."""
    rows = await agreements.notices(connection, person.scope, query.after(int), query.limit + 1)
    return query.page(rows, by_id)
