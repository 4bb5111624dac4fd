"""SQL for what adds up: counters, and days of the place where a device is.

All are table expressions: ``FROM {expression} AS name``.
"""

from __future__ import annotations


def hours(condition: str) -> str:
    """The hours in the chosen time, with the columns of ``dashboards.rolled.rolled``.

    A year of a series is 8,760 rows, and the hours of a day are the same at every width of a panel.
    """
    return f"""(
  SELECT bucket AS ts, device, metric, unit, n, sum, min, max, last
  FROM telemetry_1h WHERE $__timeFilter(bucket) AND {condition}
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


def days(source: str) -> str:
    """Sums for each device and day of its park: ``device, day, amount``.

    A day begins at midnight of the park's time zone, for devices without a park at that of UTC.

    Args:
        source: a table expression with the columns ``device, ts, amount``.
    """
    return f"""(
  SELECT device, date_trunc('day', ts, zone) AS day, sum(amount) AS amount
  FROM {source} AS amounts JOIN {ZONES} AS zones USING (device)
  GROUP BY 1, 2
)"""


# In a query with a window `moments` over the rows of each device by `ts`: for how many seconds a row
# counts, which is since the one before it, and after a gap at most an hour.
SECONDS = """CASE WHEN lag(ts) OVER moments IS NOT NULL THEN
      least(extract(epoch FROM ts - lag(ts) OVER moments), greatest(3600, $__interval_ms / 1000.0))
    END"""

# The time zone of each device: `device, zone`.
ZONES = """(
  SELECT device, coalesce(min(labs.time_zone), 'UTC') AS zone
  FROM devices LEFT JOIN labs USING (park) GROUP BY device
)"""
