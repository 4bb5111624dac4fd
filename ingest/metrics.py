"""What an operator sees of ingest, as Prometheus metrics."""

from __future__ import annotations

from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from broker.payloads import Reason

PREFIX = "technopark_ingest"


class Metrics:
    """The metrics of one ingest process.

    Args:
        worker: the number of the process among those that share the work, from 1.

    Attributes:
        registry: holds them; rendered at ``/metrics``.
        lag: with ``set_function`` it is right even while nothing moves.
    """

    def __init__(self, worker: int = 1) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        Info(f"{PREFIX}_worker", "Which worker this is", registry=self.registry).info(
            {"worker": str(worker), "version": version("technopark-iot")}
        )
        self._add_messages()
        self._add_waiting()
        self._add_work()
        self._add_connections()

    def _add_messages(self) -> None:
        self.received = self._counter("messages_received", "Messages from the broker")
        self.journalled = self._counter("messages_journalled", "Messages safe in the journal")
        self.acknowledged = self._counter(
            "messages_acknowledged", "Messages acknowledged after they were safe on disk"
        )
        self.stored = self._counter("messages_stored", "Messages stored, or rejected with a reason")
        self.readings = self._counter("readings_stored", "Readings stored")
        self.states = self._counter("states_stored", "States stored")
        self.duplicates = self._counter("duplicates", "Readings and states that were there before")
        self.flagged = self._counter(
            "readings_flagged", "Readings stored that are outside of their model's range"
        )
        self.rejections = Counter(
            f"{PREFIX}_rejections",
            "Messages, or parts of them, that were not stored",
            ["reason"],
            registry=self.registry,
        )
        # From 0, so that the first rejection is an increase that an alert sees.
        for reason in Reason:
            self.rejections.labels(reason.value)

    def _add_waiting(self) -> None:
        self.lag = self._gauge(
            "lag_seconds", "Age of the oldest message that is not stored yet; 0: none waits"
        )
        self.journal_bytes = self._gauge("journal_bytes", "Bytes in the journal, not stored yet")
        self.journal_quota = self._gauge(
            "journal_quota_bytes", "Bytes in the journal at which nothing more is received"
        )

    def _add_work(self) -> None:
        self.decode = self._histogram(
            "decode_seconds", "Time to decode a batch", (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1)
        )
        self.commit = self._histogram(
            "commit_seconds", "Time of one transaction", (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
        )
        self.batch = self._histogram(
            "batch_messages", "Messages in one transaction", (1, 10, 100, 1000, 10_000)
        )

    def _add_connections(self) -> None:
        self.broker_connected = self._gauge("broker_connected", "1: the broker is there")
        self.database_up = self._gauge("database_up", "1: the database took what it was given last")
        self.broker_reconnects = self._counter(
            "broker_reconnects", "Connections to the broker after the first"
        )
        self.database_reconnects = self._counter(
            "database_reconnects", "Connections to the database after the first"
        )

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", what, registry=self.registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", what, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", what, buckets=buckets, registry=self.registry)
