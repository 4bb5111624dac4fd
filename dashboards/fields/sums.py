"""SQL for what adds up: counters, and days of the place where a device is.

Most are table expressions: ``FROM {expression} AS name``.
"""

from __future__ import annotations

from dashboards.fields.choice import chosen

# Bars of more days cannot be told apart, and more hours of ten devices take too long to sum up.
DAYS = 31
# SQL that is true of the last days of the chosen time.
RECENT = f"ts > $__timeTo()::timestamptz - INTERVAL '{DAYS} days'"


def hours(condition: str) -> str:
    """The hours of the last days of the chosen time, with the columns of ``rolled``.

    The hours of a day are the same at every width of a panel.
    """
    return f"""(
  SELECT bucket AS ts, device, metric, unit, n, sum, min, max, last
  FROM telemetry_1h
  WHERE $__timeFilter(bucket) AND {RECENT.replace("ts", "bucket", 1)} AND {condition}
)"""


def increments(source: str) -> str:
    """By how much a counter rose in each row of it: ``device, ts, amount``.

    A counter that falls was set back, or its device was replaced: it counts from its new beginning
    on, and what it had counted before in the same row counts too.

    Args:
        source: a table expression of one metric with the columns ``device, ts, min, max, last``.
    """
    return f"""(
  SELECT device, ts, CASE WHEN last >= before THEN last - before
    ELSE greatest(max - before, 0) + last - min END AS amount
  FROM (
    SELECT device, ts, min, max, last,
      coalesce(lag(last) OVER (PARTITION BY device ORDER BY ts), min) AS before
    FROM {source} AS readings
  ) AS steps
)"""


def zones(key: str) -> str:
    """The time zone of each chosen device: ``device, zone``.

    It is that of the device's park, and UTC for devices without one.
    """
    return f"""(
  SELECT device, coalesce(min(labs.time_zone), 'UTC') AS zone
  FROM devices LEFT JOIN labs USING (park)
  WHERE {chosen(key)}
  GROUP BY device
)"""


def days(source: str, key: str) -> str:
    """Sums for each device and day, from midnight where the device is: ``time, metric, value``.

    Args:
        source: a table expression with the columns ``device, ts, amount``.
        key: the field's key metric.
    """
    return f"""SELECT date_trunc('day', ts, zone) AS time, device AS metric, sum(amount) AS value
FROM {source} AS amounts JOIN {zones(key)} AS zones USING (device)
GROUP BY 1, 2"""


# In a query with a window `moments` over the rows of each device by `ts`: for how many seconds a
# row counts, which is since the one before it, and after a gap at most an hour.
SECONDS = """CASE WHEN lag(ts) OVER moments IS NOT NULL THEN
      least(extract(epoch FROM ts - lag(ts) OVER moments), greatest(3600, $__interval_ms / 1000.0))
    END"""
