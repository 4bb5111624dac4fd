"""The registry writes vitals: its own, the broker's and the database's. ADR 0027."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from prometheus_client.registry import Collector

from service.vitals import figures
from storage import vitals
from storage.rows import Connection

SECONDS = 15.0
# Looking at thousands of chunks takes a while, and they do not grow that fast.
DATABASE_SECONDS = 60.0


def writer(
    sources: Mapping[str, Sequence[Collector]],
) -> Callable[[Connection], Awaitable[None]]:
    """What writes the figures of sources; one of which nothing is known writes nothing.

    Args:
        sources: by name, with the metrics that are written.
    """

    async def write_vitals(connection: Connection) -> None:
        for source, collectors in sources.items():
            if found := figures(collectors):
                await vitals.write_async(connection, source, found)

    return write_vitals
