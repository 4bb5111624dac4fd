"""What an operator sees of the registry, as Prometheus metrics on a port of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fastapi import FastAPI
from prometheus_client import (
    CollectorRegistry,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.access import Pool
from registry.mosquitto.files import Keeper
from registry.mosquitto.publisher import Publisher

PREFIX = "technopark_registry"
API_PREFIX = "/api/v1"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


def install(app: FastAPI) -> None:
    """Measure every request of the app from now on; ``app.state.metrics`` holds all metrics."""
    registry = app.state.metrics = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    seconds = Histogram(
        f"{PREFIX}_request_seconds",
        "Time of a request by route, method and status",
        ("handler", "method", "status"),
        buckets=BUCKETS,
        registry=registry,
    )
    app.add_middleware(Measured, seconds=seconds)


class Measured:
    """ASGI middleware: notes how long each request takes.

    It takes the route that was found. The usual instrumentator looks for it a second time, among
    all routes of the app, which cost a tenth of a short request.
    """

    def __init__(self, app: ASGIApp, seconds: Histogram) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Where nobody answers, the server does, with 500.
        started, status = time.perf_counter(), 500
        ended: float | None = None

        async def noted(message: Message) -> None:
            nonlocal status, ended
            status = message.get("status", status)
            if message["type"] == "http.response.start" and is_endless(message):
                ended = time.perf_counter()
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            taken = (ended or time.perf_counter()) - started
            self.seconds.labels(route_of(scope), scope["method"], str(status)).observe(taken)


def is_endless(start: Message) -> bool:
    """Whether an answer lasts as long as its reader likes: a stream of events."""
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/event-stream")


def route_of(scope: Scope) -> str:
    """The path of the route that was found, with the names of its parameters; ``none``."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "none"
    # A route does not know the prefix under which its router was included.
    return API_PREFIX + path if scope["path"].startswith(f"{API_PREFIX}/") else str(path)


class Parts(Collector):
    """How the registry's parts are, looked at when somebody asks."""

    def __init__(self, pool: Pool, publisher: Publisher, keeper: Keeper) -> None:
        self._pool, self._publisher, self._keeper = pool, publisher, keeper

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        pool, keeper = self._pool.get_stats(), self._keeper
        yield gauge("broker_connected", "1: the broker is there", self._publisher.connected)
        yield gauge("queue_messages", "Messages on the way to the broker", self._publisher.waiting)
        yield counter(
            "password_file_reloads", "How often the broker was told to read it", keeper.reloads
        )
        yield gauge(
            "password_file_checked_timestamp_seconds",
            "When the broker's password file was last seen in step; 0: never",
            keeper.checked,
        )
        yield gauge("database_connections", "Open connections", pool["pool_size"])
        yield gauge("database_connections_free", "Open and not in use", pool["pool_available"])
        yield gauge(
            "database_waiting_requests",
            "Requests that wait for a connection",
            pool.get("requests_waiting", 0),
        )


def gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    """A gauge of one value."""
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value)


def counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    """A counter of one value."""
    return CounterMetricFamily(f"{PREFIX}_{name}", meaning, value)
