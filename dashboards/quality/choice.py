"""What the reader of the dashboard on data quality chose, as conditions of SQL.

A thousand devices cannot be summed up over any time in the time that a reader waits, so panels look
at some of them: at those that are most probably at fault, or at a sample that is always the same.
Fewer devices than that are all looked at.
"""

from __future__ import annotations

# On the columns of the view "devices".
OF_DEVICES = """stage <> 'retired' AND last_seen IS NOT NULL
    AND ('*' IN ($tenant) OR tenant IN ($tenant)) AND ('*' IN ($device) OR device IN ($device))"""
# On a column "device". Who is not registered is there under "All" only.
CHOSEN = """('*' IN ($tenant) AND '*' IN ($device) OR device IN (
    SELECT device FROM devices
    WHERE ('*' IN ($tenant) OR tenant IN ($tenant)) AND ('*' IN ($device) OR device IN ($device))
  ))"""
IS_METRIC = "('*' IN ($metric) OR metric IN ($metric))"


def first(order: str, limit: str) -> str:
    """A condition on a column "device": the first of the chosen ones in an order."""
    return f"""device = ANY(ARRAY(
    SELECT device FROM devices WHERE {OF_DEVICES} ORDER BY {order}, device LIMIT {limit}
  ))"""


# The silent ones first.
WATCHED = first("last_seen", "60")
# In no order that means anything, but in the same each time; fewer, the longer the time.
LENGTH = "$__timeTo()::timestamptz - $__timeFrom()::timestamptz"
SAMPLE = first(
    "md5(device)",
    f"""CASE
    WHEN {LENGTH} <= INTERVAL '8 days' THEN 200 WHEN {LENGTH} <= INTERVAL '32 days' THEN 50 ELSE 15
  END""",
)
# Readings outside of their range.
FLAGGED = f"""(
  SELECT ts, metric FROM flags WHERE $__timeFilter(ts) AND {IS_METRIC} AND {SAMPLE}
)"""
