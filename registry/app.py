"""The application: what it opens, its routes, its limits."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from broker.config import internal_users
from registry import (
    agreements,
    device_secrets,
    devices,
    health,
    metrics,
    models,
    notices,
    parks,
    problems,
    readings,
    reference,
    rejections,
    replay,
    telemetry,
    tenant_sql,
    tenants,
    tokens,
    users,
)
from registry.access import Pool
from registry.body_limit import BodyLimit
from registry.broker_files import Keeper
from registry.broker_metrics import BrokerMetrics
from registry.broker_room import Room
from registry.periodic import repeat
from registry.publisher import MAX_PAYLOAD, Publisher
from registry.settings import Settings
from storage.agreements import warn
from storage.rows import Connection
from storage.tenant_sql import end_long_queries

PREFIX = "/api/v1"
# How long a request waits for a connection, and a statement for its end.
POOL_SECONDS = 3.0
STATEMENT_SECONDS = 20
# How often it is looked which agreements end soon.
WARN_SECONDS = 600.0
# How often it is looked for queries of tenants that run too long.
LONG_QUERY_SECONDS = 10.0
ROUTERS = (
    parks, tenants, users, tokens, models, devices, device_secrets, readings, rejections, replay,
    telemetry, agreements, notices, tenant_sql,
)  # fmt: skip

log = structlog.get_logger()


def create_app(settings: Settings) -> FastAPI:
    """The API as an ASGI application."""
    app = FastAPI(
        title="Technopark IoT",
        version=version("technopark-iot"),
        description=reference.DESCRIPTION,
        openapi_url=reference.OPENAPI_URL,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan(settings),
    )
    app.add_middleware(BodyLimit, limit=MAX_PAYLOAD)
    metrics.install(app)
    problems.install(app)
    reference.install(app)
    for module in ROUTERS:
        app.include_router(module.router, prefix=PREFIX)
    app.include_router(health.router)
    return app


def open_pool(settings: Settings) -> Pool:
    """The connections for requests; they are made, and replaced, when they are needed."""
    return AsyncConnectionPool(
        settings.database_url.get_secret_value(),
        connection_class=Connection,
        kwargs={
            "row_factory": dict_row,
            "application_name": "technopark-registry",
            "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_SECONDS}s",
        },
        min_size=1,
        max_size=settings.database_connections,
        timeout=POOL_SECONDS,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )


def lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What is open as long as the app runs. Neither database nor broker has to be there yet."""
    registry_password = settings.registry_password.get_secret_value()
    internal = internal_users(settings.ingest_password.get_secret_value(), registry_password)

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        async with open_pool(settings) as pool:
            database_url = settings.database_url.get_secret_value()
            room = Room(settings.broker_folder, settings.broker_memory)
            keeper = Keeper(pool, database_url, settings.broker_folder, internal, room)
            broker = BrokerMetrics()
            publisher = Publisher(
                settings.broker_host,
                settings.broker_port,
                registry_password,
                keeper.heard,
                broker,
                room.counted,
            )
            app.state.pool, app.state.publisher, app.state.keeper = pool, publisher, keeper
            app.state.room, app.state.settings = room, settings
            app.state.metrics.register(metrics.Parts(pool, publisher, keeper))
            app.state.metrics.register(broker)
            async with background(
                *keeper.work(),
                publisher.run(),
                repeat(pool, WARN_SECONDS, warn),
                repeat(pool, LONG_QUERY_SECONDS, end_long_queries),
            ):
                yield

    return opened


@asynccontextmanager
async def background(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run the work beside the requests, and cancel it at the end."""
    tasks = {asyncio.create_task(each) for each in work}
    for task in tasks:
        task.add_done_callback(stop_if_broken)
    try:
        yield
    finally:
        # Once is not always enough: Python 3.11's asyncio.wait_for, which psycopg_pool uses, loses
        # a cancellation that comes in the same moment as what was waited for.
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=0.2)


def stop_if_broken(task: asyncio.Task[None]) -> None:
    """End the process where a task ended by a fault: whoever watches it starts a sound one."""
    if not task.cancelled() and (fault := task.exception()):
        log.critical("a task of the registry ended", exc_info=fault)
        signal.raise_signal(signal.SIGTERM)
