"""What a process writes of its Prometheus metrics into the database. ADR 0027."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

# Whose they are is the source's name.
PREFIX = re.compile("^technopark_[a-z]+_")
LEFT_OUT = re.compile(
    "_(bucket|created|info)$|^process_(virtual_memory_bytes|start_time_seconds|max_fds)$"
)


def figures(collectors: Iterable[Collector]) -> dict[str, float]:
    """The figures of this moment by name, in the order of the metrics.

    A name is the metric's without ``technopark_…_`` and ``_total``; the value of a label follows
    after a dot, as in ``rejections.quota``. A histogram gives ``…_count`` and ``…_sum``.
    """
    return {name_of(sample): float(sample.value) for sample in samples(collectors)}


def samples(collectors: Iterable[Collector]) -> Iterator[Sample]:
    """Those that tell something over time."""
    families: Iterator[Metric] = (f for collector in collectors for f in collector.collect())
    return (s for family in families for s in family.samples if not LEFT_OUT.search(s.name))


def name_of(sample: Sample) -> str:
    """``technopark_ingest_rejections_total{reason="quota"}`` is ``rejections.quota``."""
    name = PREFIX.sub("", sample.name).removesuffix("_total")
    return ".".join([name, *sample.labels.values()])
