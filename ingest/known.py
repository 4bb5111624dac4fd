"""What ingest has learned from the registry and keeps in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.quotas import Quotas
from storage.ingest import Series
from storage.rules import Rules


@dataclass(slots=True)
class Known:
    """Series with their rules, and quotas.

    One thread learns and forgets; others only look up series and charge quotas.

    Attributes:
        series: device id → metric → series id.
        rules: of these series.
        quotas: of these devices.
        generation: grows whenever something is forgotten. What was decoded by an older one has
            to be decoded again.
    """

    series: dict[str, dict[str, int]] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    quotas: Quotas = field(default_factory=Quotas)
    generation: int = 0

    def learn(self, rows: Iterable[Series]) -> None:
        """Note series as the registry has them now."""
        for row in rows:
            self.rules.learn(row)
            self.quotas.learn(row.device_id, row.device_rate, row.tenant_id, row.tenant_rate)
            self.series.setdefault(row.device_id, {})[row.metric] = row.id

    def forget(self, device: str = "") -> None:
        """Forget a device, or with an empty name everything: it is learned again when it is needed.

        The rules of one device stay until they are learned again: nothing finds them without its
        series, whose ids are never given out twice.
        """
        if device:
            self.series.pop(device, None)
        else:
            self.series.clear()
            self.rules = Rules()
        self.quotas.forget(device)
        self.generation += 1
