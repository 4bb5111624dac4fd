"""The connections for requests."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg

from registry.app import open_pool
from tests.integration.registry.conftest import registry_settings
from tests.parts import free_port, wait_until

OURS = b"datname = current_database() AND application_name = 'technopark-registry'"


def test_a_connection_is_had_at_once_however_many_the_database_has_ended(
    database_url: str, connection: psycopg.Connection, tmp_path: Path
) -> None:
    settings = registry_settings(database_url, tmp_path, free_port())

    def are_gone() -> bool:
        return not connection.execute(b"SELECT FROM pg_stat_activity WHERE " + OURS).fetchall()

    async def ask() -> object:
        async with open_pool(settings) as pool:
            async with AsyncExitStack() as opened:
                for _ in range(settings.database_connections):
                    await opened.enter_async_context(pool.connection())
            connection.execute(
                b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + OURS
            )
            await asyncio.to_thread(wait_until, are_gone, "all connections to end")
            async with pool.connection() as one:
                return await (await one.execute("SELECT 1 AS one")).fetchone()

    assert asyncio.run(ask()) == {"one": 1}
