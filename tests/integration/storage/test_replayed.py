"""Rejections are marked as replayed, those that were refused again since stay open."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import psycopg
from psycopg.rows import dict_row

from storage.edition import Edition, edition
from storage.ingest import RejectedMessage, store_rejections
from storage.rejections import mark_replayed, refusals
from storage.rows import Row
from tests.editions import both_editions
from tests.integration.conftest import register
from tests.integration.storage.test_community import compress

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
TOPIC = "devices/dev-a/telemetry"


def refused(second: int) -> RejectedMessage:
    """A message that came so many seconds after the first."""
    ts = round(FIRST.timestamp() + second) * 1_000_000
    return RejectedMessage(ts, "dev-a", TOPIC, "quota", "used up", b"{}")


def asked(url: str, rows: list[Row] | None = None) -> list[Row]:
    """How often the two messages were refused; with rows, after these were marked."""

    async def ask() -> list[Row]:
        connected = await psycopg.AsyncConnection.connect(
            url, row_factory=dict_row, autocommit=True, prepare_threshold=None
        )
        async with connected as connection:
            await mark_replayed(connection, "dev-a", rows or [])
            picked = [{"ts": FIRST.replace(second=n), "topic": TOPIC} for n in (0, 1)]
            return await refusals(connection, "dev-a", picked)

    return asyncio.run(ask())


@both_editions
def test_what_was_refused_again_since_stays_open(
    connection: psycopg.Connection, database_url: str
) -> None:
    register(connection, "dev-a")
    store_rejections(connection, [refused(0), refused(1)])
    if edition(connection) is Edition.COMMUNITY:
        assert compress(connection) == 1
    sent = asked(database_url)
    store_rejections(connection, [refused(1)])
    asked(database_url, sent)
    open_ones = connection.execute("SELECT ts FROM rejections WHERE replayed_at IS NULL").fetchall()
    assert open_ones == [(FIRST.replace(second=1),)]
