"""The rollups are kept beside the requests, and Prometheus hears how far behind they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.registry import Collector

from registry.http.metrics import gauge
from storage.rollups import Rollups, lag
from storage.rows import Connection, Row

# How often it is looked whether hours have passed, or changed.
SECONDS = 15.0


@dataclass(eq=False)
class RollupKeeper(Collector):
    """Keeps the rollups, and knows how they are.

    Attributes:
        rollups: who does it.
        known: what was found after the last time; None before the first.
    """

    rollups: Rollups = field(default_factory=Rollups)
    known: Row | None = None

    async def keep_rollups(self, connection: Connection) -> None:
        """Do all that is due now."""
        await self.rollups.keep(connection)
        self.known = await lag(connection)

    def collect(self) -> Iterator[Metric]:
        """The figures of the last time; none before the first."""
        if self.known:
            yield gauge(
                "rollups_behind_seconds",
                "From the last hour that is summed up to the newest reading",
                float(self.known["seconds"]),
            )
            yield gauge(
                "rollups_stale_hours",
                "Hours of series whose readings changed since they were summed up",
                self.known["stale"],
            )
