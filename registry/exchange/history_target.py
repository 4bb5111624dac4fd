"""Where values of history go: series of the tenant's devices, by the rules of their models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from broker.payloads import Reason
from broker.topics import METRIC_NAME
from registry.exchange.history_columns import Mask, Values
from registry.exchange.history_faults import Faults, says
from registry.exchange.names import distinct_pairs
from registry.http.fields import METRIC_RULE
from storage import archives
from storage.archives import Connection
from storage.history.columns import microseconds
from storage.ingest import resolve_series
from storage.rules import Rules, days_of
from storage.writer import Readings

NO_DEVICE, NO_METRIC = -1, -2


@dataclass
class Target:
    """The series that values go to, with the rules of their models.

    Attributes:
        connection: to the database.
        tenant_id: whose devices they may be.
        dry: whether new series are only tried out.
        arrival: when the file came, in µs since 1970.
    """

    connection: Connection
    tenant_id: str
    dry: bool
    arrival: int
    rules: Rules = field(default_factory=Rules)
    series: dict[tuple[str, str], int] = field(default_factory=dict)
    times: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in archives.times(self.connection, self.tenant_id):
            part = microseconds(row["start"]), microseconds(row["end"])
            self.times.setdefault(row["device_id"], []).append(part)

    def readings(self, values: Values, faults: Faults) -> Readings:
        """Those that may be stored, flagged as the models say; the others are noted."""
        series, held = self._places(values)
        if (wrong := np.flatnonzero(series == NO_DEVICE)).size:
            words = "is no device of the tenant"
            faults.add(
                values.lines[wrong], "device", "unknown-device", says(values.devices, wrong, words)
            )
        if (wrong := np.flatnonzero(series == NO_METRIC)).size:
            words = f"is no metric name: {METRIC_RULE}"
            faults.add(
                values.lines[wrong], "metric", "bad-metric-name", says(values.metrics, wrong, words)
            )
        if (wrong := np.flatnonzero((series >= 0) & ~held)).size:
            words = "was not the tenant's at this time"
            faults.add(
                values.lines[wrong], "device", "not-yours", says(values.devices, wrong, words)
            )
        kept = np.flatnonzero((series >= 0) & held)
        ts = values.ts[kept]
        rows = Readings(series[kept], ts, values.value[kept], delay=self.arrival - ts)
        flagged, refused, expired = self.rules.judge(rows)
        if expired.size:
            numbers = values.lines[kept[expired]]
            faults.add(
                numbers, "time", Reason.OLDER_THAN_RETENTION, self._too_old(rows.at(expired))
            )
        if refused.size:
            wrong = kept[refused]
            words = "has a value that the model refuses: out of its range, or of another kind"
            faults.add(
                values.lines[wrong], "value", "out-of-range", says(values.metrics, wrong, words)
            )
        return flagged.without(np.concatenate([refused, expired]))

    def _too_old(self, rows: Readings) -> Callable[[int], str]:
        """A sentence about a reading that is not kept any more."""

        def sentence(index: int) -> str:
            series, ts = self.rules.kept(int(rows.series[index])), int(rows.ts[index])
            days = days_of(series, ts)
            return f"is older than the {days} days for which data of {series.device_id} are kept"

        return sentence

    def _places(self, values: Values) -> tuple[NDArray[np.int32], Mask]:
        """The series of each value, and whether its time is the tenant's."""
        devices, metrics = (
            pc.fill_null(each.cast(pa.string()), "").dictionary_encode()
            for each in (values.devices, values.metrics)
        )
        keys, places = distinct_pairs(devices, metrics)
        self._learn(keys)
        series = np.array([self._number(key) for key in keys], np.int32)[places]
        held = np.zeros(len(places), bool)
        for index, device in enumerate(devices.dictionary.to_pylist()):
            rows = devices.indices.to_numpy() == index
            for start, end in self.times.get(device, ()):
                held |= rows & (values.ts >= start) & (values.ts < end)
        return series, held

    def _number(self, key: tuple[str, str]) -> int:
        if key[0] not in self.times:
            return NO_DEVICE
        return self.series.get(key, NO_METRIC)

    def _learn(self, keys: Sequence[tuple[str, str]]) -> None:
        """Find or make the series that are not known yet."""
        new = {
            key: "number"
            for key in keys
            if key not in self.series and key[0] in self.times and METRIC_NAME.fullmatch(key[1])
        }
        if not new:
            return
        with self.connection.transaction(force_rollback=self.dry):
            found = resolve_series(self.connection, new)
        for each in found:
            self.rules.learn(each)
            self.series[each.device_id, each.metric] = each.id
