"""The place where devices stand, and its time of day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.chance import FloatArray

HOUR = 3600.0
DAY = 86_400.0
# Time zones change at full quarters of an hour.
QUARTER = 900.0


@dataclass(frozen=True)
class Site:
    """Where a park is; by default Cimahi on Java.

    Attributes:
        latitude: degrees, north is positive.
        longitude: degrees, east is positive.
        time_zone: decides when a day begins.
        altitude: metres above the sea, which air gets colder and thinner with.
    """

    latitude: float = -6.87
    longitude: float = 107.54
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Jakarta"))
    altitude: float = 700.0

    def clock(self, times: FloatArray) -> FloatArray:
        """Seconds since 1970 as the park's wall clocks count them: (T,) from (T,)."""
        quarters, index = np.unique(np.floor(times / QUARTER), return_inverse=True)
        offsets = np.array([offset(self.time_zone, float(q) * QUARTER) for q in quarters])
        result: FloatArray = times + offsets[index]
        return result

    def hour(self, times: FloatArray) -> FloatArray:
        """The park's time of day in hours, 0 until 24."""
        return self.clock(times) % DAY / HOUR

    def day(self, times: FloatArray) -> NDArray[np.int64]:
        """The number of the park's day since 1970."""
        return np.floor(self.clock(times) / DAY).astype(np.int64)

    def weekday(self, times: FloatArray) -> NDArray[np.int64]:
        """0 for Monday to 6 for Sunday; 1970 began on a Thursday."""
        return (self.day(times) + 3) % 7


@lru_cache(maxsize=20_000)
def offset(zone: ZoneInfo, time: float) -> float:
    """How far wall clocks are before UTC at a time, in seconds."""
    found = datetime.fromtimestamp(time, zone).utcoffset()
    return found.total_seconds() if found else 0.0
