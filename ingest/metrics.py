"""What an operator sees of ingest, as Prometheus metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The counters of one ingest process.

    Attributes:
        registry: holds them; rendered at ``/metrics``.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = self._counter("messages_received", "Messages from the broker")
        self.journalled = self._counter("messages_journalled", "Messages written to the journal")
        self.acknowledged = self._counter(
            "messages_acknowledged", "Messages acknowledged after they were safe on disk"
        )
        self.stored = self._counter("messages_stored", "Messages stored, or rejected with a reason")
        self.readings = self._counter("readings_stored", "Readings stored")
        self.states = self._counter("states_stored", "States stored")
        self.duplicates = self._counter("duplicates", "Readings and states that were there before")
        self.rejections = Counter(
            "technopark_ingest_rejections",
            "Messages, or parts of them, that were not stored",
            ["reason"],
            registry=self.registry,
        )
        self.lag = self._gauge("lag_seconds", "From arrival to commit, oldest of the last batch")
        self.journal_bytes = self._gauge("journal_bytes", "Bytes in the journal, not stored yet")
        self.commit = self._histogram(
            "commit_seconds", "Time of one transaction", (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
        )
        self.batch = self._histogram(
            "batch_messages", "Messages in one transaction", (1, 10, 100, 1000, 10_000)
        )

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(f"technopark_ingest_{name}", what, registry=self.registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"technopark_ingest_{name}", what, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"technopark_ingest_{name}", what, buckets=buckets, registry=self.registry)
