"""When the devices of the tests live: milliseconds since 1970, as simulations count."""

from __future__ import annotations

START = 1_772_298_000_000  # 1 March 2026, midnight in Cimahi
HOUR, DAY = 3_600_000, 86_400_000
