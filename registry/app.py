"""The application: what it opens, its routes, its limits."""

from __future__ import annotations

import asyncio
import select
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from prometheus_client import ProcessCollector
from psycopg import OperationalError
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from broker.config import internal_users
from registry import (
    audit,
    commands,
    device_secrets,
    devices,
    health,
    latest,
    models,
    parks,
    readings,
    rejections,
    replay,
    retention,
    rollups,
    telemetry,
    tenants,
    vitals,
)
from registry.access import Pool
from registry.enrolment import claims, exports, imports, provisioning, provisioning_keys
from registry.enrolment.tries import Tries
from registry.exchange import archives
from registry.exchange import exports as data_exports
from registry.exchange import history as history_imports
from registry.exchange.streamed import Places
from registry.history import live
from registry.history import routes as history
from registry.http import metrics, problems, reference
from registry.http.body_limit import BodyLimit
from registry.http.etags import ETags
from registry.http.origin import KnownOrigin
from registry.http.parameters import KNOWN
from registry.identity import (
    invitations,
    password_resets,
    passwords,
    provider,
    second_factor,
    sessions,
    tokens,
    users,
)
from registry.identity.links import PAGE
from registry.identity.password_hashing import Hasher
from registry.mail.delivery import MailMetrics, Postman
from registry.mail.outbox import Outbox
from registry.mosquitto.figures import BrokerMetrics
from registry.mosquitto.files import Keeper
from registry.mosquitto.publisher import MAX_PAYLOAD, Publisher
from registry.mosquitto.replies import Replies
from registry.mosquitto.room import Room
from registry.ownership import bookings, deletions, holdings, transfers
from registry.periodic import repeat
from registry.quality import certificates
from registry.quality import routes as quality
from registry.settings import Settings
from registry.sharing import agreements, alert_settings, notices, showcases, tenant_sql
from storage.retention import let_go
from storage.rows import Connection
from storage.tenant_sql import end_long_queries
from storage.vitals import let_go as let_vitals_go
from storage.vitals import write_database

PREFIX = "/api/v1"
# How long a request waits for a connection, and a statement for its end.
POOL_SECONDS = 3.0
STATEMENT_SECONDS = 20
# Routes are tried in this order: what is asked most comes first.
ROUTERS = (
    devices, telemetry, readings, latest, history, live, parks, tenants, users, tokens, models,
    device_secrets, commands, rejections, replay, audit, imports, exports, claims, provisioning,
    provisioning_keys, holdings, bookings, transfers, deletions, sessions, passwords,
    second_factor, invitations, password_resets, agreements, notices, tenant_sql, retention,
    quality, certificates, showcases, alert_settings, data_exports, archives, history_imports,
)  # fmt: skip
# Those that have routes for visitors too, who have no token.
VISITED = (tokens, invitations, password_resets)
# How often it is looked which agreements end soon.
WARN_SECONDS = 600.0
# How often it is looked for queries of tenants that run too long.
LONG_QUERY_SECONDS = 10.0

# How often it is looked for data that may go.
RETENTION_SECONDS = 600.0

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
        # What a client's method is called: technopark_client has one for each operation.
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan(settings),
    )
    files = dict.fromkeys((archives.PATH, history_imports.PATH), settings.upload_bytes)
    limits = {imports.PATH: imports.LIMIT, **files}
    app.add_middleware(
        BodyLimit, limit=MAX_PAYLOAD, others={PREFIX + path: size for path, size in limits.items()}
    )
    app.add_middleware(ETags)
    app.add_middleware(KnownOrigin)
    app.state.claim_tries = Tries(claims.TRIES)
    app.state.provisioning_tries = Tries(provisioning.TRIES)
    app.state.settings = settings
    app.state.outbox = Outbox(settings)
    app.state.places = Places(settings.database_url.get_secret_value())
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)
    metrics.install(app)
    problems.install(app)
    reference.install(app)
    for module in ROUTERS:
        app.include_router(module.router, prefix=PREFIX, dependencies=[KNOWN])
    for module in VISITED:
        app.include_router(module.visitors, prefix=PREFIX, dependencies=[KNOWN])
    if settings.oidc_issuer:
        # Providers send parameters of their own.
        app.include_router(provider.router, prefix=PREFIX)
        app.state.provider = provider.open_provider(settings)
    app.include_router(health.router)
    app.include_router(certificates.well_known)
    app.mount(PAGE, StaticFiles(packages=[("registry.identity", "link")], html=True))
    return app


def open_pool(settings: Settings) -> Pool:
    """The connections for requests; they are made, and replaced, when they are needed."""

    async def check(connection: Connection) -> None:
        """Raise where the server has closed the connection, without a journey to the server.

        Nobody sends anything on a connection that is not in use: bytes to read are its end, or a
        warning of it.

        Raises:
            psycopg.OperationalError: the connection is of no use any more.
        """
        socket = select.poll()
        socket.register(connection.fileno(), select.POLLIN)
        if not socket.poll(0):
            return
        try:
            await opened.check_connection(connection)
        except OperationalError:
            # Probably all have ended. Who asks would find one after the other, and have to wait
            # for longer and longer each time.
            await opened.check()
            raise

    opened: Pool = AsyncConnectionPool(
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
        check=check,
        reset=reset,
        open=False,
    )
    return opened


async def reset(connection: Connection) -> None:
    """Give the connection back as it was: a transaction begins with its next statement."""
    await connection.set_autocommit(False)


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
            replies = Replies(settings.broker_host, settings.broker_port, registry_password, pool)
            app.state.pool, app.state.publisher, app.state.keeper = pool, publisher, keeper
            app.state.room, app.state.hasher = room, Hasher()
            postman = Postman(pool, settings, app.state.outbox)
            parts, mails = metrics.Parts(pool, publisher, keeper), MailMetrics(postman)
            rollup_keeper = rollups.RollupKeeper()
            for collector in (parts, broker, mails, rollup_keeper):
                app.state.metrics.register(collector)
            write_vitals = vitals.writer(
                {"registry": [ProcessCollector(registry=None), parts, mails], "broker": [broker]}
            )
            async with background(
                *keeper.work(),
                publisher.run(),
                replies.run(),
                repeat(pool, WARN_SECONDS, notices.warner(app.state.outbox)),
                repeat(pool, RETENTION_SECONDS, let_go),
                repeat(pool, RETENTION_SECONDS, let_vitals_go),
                repeat(pool, vitals.SECONDS, write_vitals, delay=vitals.SECONDS),
                repeat(pool, vitals.DATABASE_SECONDS, write_database, delay=vitals.SECONDS),
                repeat(pool, LONG_QUERY_SECONDS, end_long_queries),
                *([postman.run()] if settings.smtp_host else []),
                repeat(pool, rollups.SECONDS, rollup_keeper.keep_rollups, delay=rollups.SECONDS),
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
