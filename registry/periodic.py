"""What the registry does again and again beside its requests. Each can be done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import structlog

from registry.access import Pool
from storage.rows import Connection

log = structlog.get_logger()


async def repeat(
    pool: Pool,
    seconds: float,
    work: Callable[[Connection], Awaitable[None]],
    *,
    delay: float = 0,
) -> None:
    """Do the work after a delay and then every so many seconds, until it is cancelled.

    While the database is away the work waits for its next turn.
    """
    await asyncio.sleep(delay)
    while True:
        try:
            async with pool.connection() as connection:
                await work(connection)
        except psycopg.Error as error:
            log.warning("work is put off", work=work.__name__, error=type(error).__name__)
        await asyncio.sleep(seconds)
