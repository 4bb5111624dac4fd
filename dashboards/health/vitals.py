"""SQL on the vitals of the platform's parts: the newest ones, and samples over any length of time.

What is told is in docs/operations.md. A part tells it every 15 s, of which a month has 172,800. So
a chart looks only at the end of each of its points, and costs much the same for a day and a month.
"""

from __future__ import annotations

# Longer than the time between two tellings, of which the database has the longest: a minute.
LOOKS_BACK_MS = 120_000
# Vitals are kept for so long: storage/vitals.py.
KEPT = "30 days"

# The newest of each, unless they are too old to be true.
NEWEST = """(
  SELECT DISTINCT ON (source, name) source, name, value FROM vitals_overview
  WHERE ts > now() - INTERVAL '3 minutes' AND {condition}
  ORDER BY source, name, ts DESC
)"""


# All workers of ingest.
INGEST = "source LIKE 'ingest-%'"


def of(source: str, *names: str) -> str:
    """The condition of some figures of a source."""
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"source = '{source}' AND name IN ({quoted})"


def newest(condition: str) -> str:
    """A table expression of the newest figures: ``source``, ``name`` and ``value``.

    Args:
        condition: SQL on source and name.
    """
    return NEWEST.replace("{condition}", condition)


def sampled(condition: str) -> str:
    """A table expression of figures in the chosen time: the last of each point.

    Its columns are ``ts`` (of the point, so that those of several sources are together), ``told``
    (when it was), ``source``, ``name`` and ``value``.

    Args:
        condition: SQL on source and name. The names decide how much of each array is looked at.
    """
    return f"""(
  SELECT point AS ts, told, source, name, value
  FROM generate_series(
    greatest($__timeFrom()::timestamptz, now() - INTERVAL '{KEPT}'),
    least($__timeTo()::timestamptz, now()),
    INTERVAL '1 millisecond' * $__interval_ms
  ) AS points (point)
  CROSS JOIN LATERAL (
    SELECT source, name, max(ts) AS told, last(value, ts) AS value
    FROM vitals_overview
    WHERE ts > point - INTERVAL '1 millisecond' * least($__interval_ms, {LOOKS_BACK_MS})
      AND ts <= point AND {condition}
    GROUP BY source, name
  ) AS vitals
)"""


def growing(condition: str) -> str:
    """A table expression of how counters grew in the chosen time.

    Its columns are ``ts``, ``source``, ``name``, ``growth`` since the point before, and ``rate``,
    growth by the second. A counter that is lower than before began anew at 0: what it counted since
    then is its growth.

    Args:
        condition: SQL on source and name.
    """
    return f"""(
  SELECT ts, source, name, growth, growth / extract(epoch FROM told - earlier)::float8 AS rate
  FROM (
    SELECT ts, told, source, name,
      value - CASE WHEN before <= value THEN before ELSE 0 END AS growth, earlier
    FROM (
      SELECT *, lag(value) OVER w AS before, lag(told) OVER w AS earlier
      FROM {sampled(condition)} AS sampled
      WINDOW w AS (PARTITION BY source, name ORDER BY told)
    ) AS neighbours
    WHERE earlier < told
  ) AS grown
)"""
