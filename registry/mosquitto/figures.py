"""What the broker tells of itself under ``$SYS``, as Prometheus metrics.

The topics are those of Mosquitto 2.1.2, which sends a value when it has changed, at most once a
second as ours is set up, and each of them to a new subscription. ADR 0009 tells why the registry
listens, not ingest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

ROOT = "$SYS/broker/"


class Figure(NamedTuple):
    """A metric: its name without prefix, what it means, and whether it only grows."""

    name: str
    meaning: str
    grows: bool = False


# 2.1.2 first sends some others when they change: clients/disconnected, which is the difference of
# two of these, and shared_subscriptions/count, which is the number of ingest's workers.
FIGURES = {
    ROOT + "publish/messages/dropped": Figure(
        "dropped_messages", "Messages that did not fit into a subscriber's queue", grows=True
    ),
    ROOT + "publish/messages/received": Figure(
        "received_messages", "Messages published", grows=True
    ),
    ROOT + "publish/messages/sent": Figure(
        "sent_messages", "Messages sent to subscribers", grows=True
    ),
    ROOT + "load/publish/received/1min": Figure(
        "received_messages_per_minute", "Messages published, average of the last minute"
    ),
    ROOT + "bytes/received": Figure("received_bytes", "Bytes received, of all packets", grows=True),
    ROOT + "bytes/sent": Figure("sent_bytes", "Bytes sent, of all packets", grows=True),
    ROOT + "load/connections/1min": Figure(
        "connects_per_minute", "Connections that began, average of the last minute"
    ),
    ROOT + "store/messages/count": Figure(
        "stored_messages", "Messages kept: that wait, and retained"
    ),
    ROOT + "store/messages/bytes": Figure("stored_bytes", "Size of their payloads"),
    ROOT + "retained messages/count": Figure(
        "retained_messages", "Retained messages, $SYS among them"
    ),
    ROOT + "clients/connected": Figure("clients_connected", "Clients that are connected"),
    ROOT + "clients/total": Figure("clients", "Sessions of clients, connected or not"),
    ROOT + "subscriptions/count": Figure("subscriptions", "Subscriptions"),
    ROOT + "heap/current": Figure("heap_bytes", "Memory in use"),
    ROOT + "heap/maximum": Figure("heap_peak_bytes", "Most memory that was in use"),
    ROOT + "uptime": Figure("uptime_seconds", "Since the broker was started"),
}
SYS_TOPICS = tuple(FIGURES)


class BrokerMetrics(Collector):
    """The broker's figures as it told them last.

    Counters show the broker's own number, which begins at 0 when the broker does: Prometheus
    knows that of counters, and ``increase()`` is right over restarts of the broker and, since
    nothing is summed up here, over ours.
    """

    def __init__(self) -> None:
        self._values: dict[str, float] = {}

    def note(self, topic: str, payload: bytes) -> None:
        """Take what the broker says; what is no figure is passed over."""
        figure = FIGURES.get(topic)
        words = payload.split()
        if figure is None or not words:
            return
        try:
            # The time of running is "14 seconds".
            value = float(words[0])
        except ValueError:
            return
        if math.isfinite(value):
            self._values[figure.name] = value

    def forget(self) -> None:
        """Without a connection nothing is known."""
        self._values = {}

    def collect(self) -> Iterator[Metric]:
        """The figures that are known."""
        values = dict(self._values)
        for figure in FIGURES.values():
            family = CounterMetricFamily if figure.grows else GaugeMetricFamily
            found = family(f"technopark_broker_{figure.name}", figure.meaning)
            if figure.name in values:
                found.add_metric([], values[figure.name])
            yield found
