"""SQL over any length of time: the readings themselves, or the rollup that fits the interval.

Grafana puts the interval into the query, so that PostgreSQL plans one of the branches and leaves
out the others.
"""

from __future__ import annotations

# From which interval on, in ms, what is read. With the Apache edition minutes are summed up when
# they are asked for, so hours take over early: a week of a series at 1 Hz has 604,800 readings.
MINUTES, HOURS, DAYS = 60_000, 600_000, 86_400_000
HOURS_OF_FEW = 3_600_000
# From here on days, where a thousand devices are summed up: the hours of a week are too many rows.
DAYS_OF_MANY = 3_600_000
RAW = "ts, device, metric, unit, 1 AS n, value AS sum, value AS min, value AS max, value AS last"
SUMS = "bucket AS ts, device, metric, unit, n, sum, min, max, last"


def rolled(condition: str, days: int = DAYS, *, few: bool = False) -> str:
    """A table expression of the readings in the chosen time: ``FROM {rolled(…)} AS r``.

    Its columns are ``ts`` (of a bucket its beginning), ``device``, ``metric``, ``unit``, ``n``,
    ``sum``, ``min``, ``max`` and ``last``; the mean of some rows is ``sum(sum) / sum(n)``.

    Args:
        condition: SQL on device and metric. It reaches the index of the readings if it says
            both by ``=`` or ``IN``; what a query finds out by ``= ANY(ARRAY(SELECT …))``, which
            PostgreSQL asks first, while it would join the answer of ``IN (SELECT …)``.
        days: from which interval on, in ms, days are read.
        few: the condition chooses at most some twenty series. Then ten minutes are read before
            hours are; with the Apache edition those of sparse series are made of their readings.
    """
    hours = HOURS_OF_FEW if few else HOURS
    branches = (
        ("telemetry", f"$__interval_ms < {MINUTES}"),
        ("telemetry_1m", f"$__interval_ms >= {MINUTES} AND $__interval_ms < {HOURS}"),
        ("telemetry_10m", f"$__interval_ms >= {HOURS} AND $__interval_ms < {hours}"),
        ("telemetry_1h", f"$__interval_ms >= {hours} AND $__interval_ms < {days}"),
        ("telemetry_1d", f"$__interval_ms >= {days}"),
    )
    chosen = [branch(*each, condition) for each in branches if few or each[0] != "telemetry_10m"]
    return "(\n" + "\n  UNION ALL\n".join(chosen) + "\n)"


def branch(view: str, applies: str, condition: str) -> str:
    """One of them."""
    is_raw = view == "telemetry"
    columns, ts = (RAW, "ts") if is_raw else (SUMS, "bucket")
    return (
        f"  SELECT {columns} FROM {view}\n  WHERE {applies} AND $__timeFilter({ts}) AND {condition}"
    )
