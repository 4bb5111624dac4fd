"""What both sides of an agreement are told before it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from registry.access import Database, SignedIn
from registry.http.fields import Answer, example
from registry.http.pages import Page, PageQuery, by_id
from registry.mail import texts
from registry.mail.outbox import Outbox
from storage import agreements
from storage.rows import Connection, Row

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


def warner(outbox: Outbox) -> Callable[[Connection], Awaitable[None]]:
    """What stores the warnings that are due, and writes mails of the new ones to both sides.

    If the 7 days' warning is due as well, for example after the platform stood still, it is the
    one that is mailed: two mails of the same moment say no more than one.
    """

    async def warn(connection: Connection) -> None:
        newest = {notice["agreement_id"]: notice for notice in await agreements.warn(connection)}
        for notice in newest.values():
            for person in await agreements.warned(connection, notice["agreement_id"]):
                text = texts.ending(notice, person["language"])
                await outbox.put(
                    connection, person["email"], text, notice["expires_at"], notice_id=notice["id"]
                )

    return warn
