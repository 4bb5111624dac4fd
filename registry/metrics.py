"""What an operator sees of the registry, as Prometheus metrics on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Metric, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from prometheus_fastapi_instrumentator import Instrumentator
from prometheus_fastapi_instrumentator.metrics import latency

from registry.access import Pool
from registry.broker_files import Keeper
from registry.publisher import Publisher

PREFIX = "technopark_registry"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


def install(app: FastAPI) -> None:
    """Measure every request of the app from now on; ``app.state.metrics`` holds all metrics."""
    registry = app.state.metrics = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    Instrumentator(should_group_status_codes=False, registry=registry).add(
        # A histogram counts too: a metric of its own for that would only cost.
        latency(
            metric_name=f"{PREFIX}_request_seconds",
            metric_doc="Time of a request by route, method and status",
            buckets=BUCKETS,
            registry=registry,
        )
    ).instrument(app)


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
