"""Data quality over time: completeness, silences, delays, values out of range, connections."""

from __future__ import annotations

from grafana_foundation_sdk.builders import statetimeline, timeseries
from grafana_foundation_sdk.models import dashboard as models

from dashboards.defaults import time_panel, timeline_panel, with_lanes
from dashboards.quality.choice import CHOSEN, FLAGGED, IS_METRIC, SAMPLE, WATCHED, first
from dashboards.rolled import DAYS_OF_MANY, HOURS, rolled
from dashboards.states import CONNECTION


def counted(condition: str, days_from: int) -> str:
    """A table expression of the counts of whole hours, or days where a point is at least so long.

    Its columns are ``ts`` (the beginning), ``device``, ``metric``, ``n``, ``first_ts`` and
    ``last_ts``.

    Args:
        condition: SQL on device and metric.
        days_from: in ms.
    """
    branches = [
        f"""  SELECT bucket AS ts, device, metric, n, first_ts, last_ts FROM {view}
  WHERE {applies} AND $__timeFilter(bucket) AND {condition}"""
        for view, applies in (
            ("telemetry_1h", f"$__interval_ms < {days_from}"),
            ("telemetry_1d", f"$__interval_ms >= {days_from}"),
        )
    ]
    return "(\n" + "\n  UNION ALL\n".join(branches) + "\n)"


# A point of completeness is an hour at least, and from two hours on a day.
DAYS_FROM = 7_200_000
STEP = f"CASE WHEN $__interval_ms < {DAYS_FROM} THEN INTERVAL '1 hour' ELSE INTERVAL '1 day' END"
# Of the eight devices with the least: what came in each hour or day, and what was expected of it.
# Before a device's first value in the chosen time nothing is expected: it may not have been there,
# or not the reader's. Nor is it in the rest of an hour of which that was not the beginning.
WORST = f"""WITH watched AS (
  SELECT device, metric, stored, expected,
    extract(epoch FROM {STEP}) / expected_interval_seconds AS due
  FROM completeness
  JOIN devices USING (device)
  JOIN metrics USING (model, metric)
  WHERE {IS_METRIC} AND {WATCHED}
), worst AS (
  SELECT device FROM watched GROUP BY device ORDER BY sum(stored) / sum(expected), device LIMIT 8
), came AS MATERIALIZED (
  SELECT ts, device, metric, n, first_ts
  FROM {counted(f"{IS_METRIC} AND device = ANY(ARRAY(SELECT device FROM worst))", DAYS_FROM)} AS c
  WHERE (device, metric) IN (SELECT device, metric FROM watched)
), begun AS (
  SELECT device, min(first_ts) - {STEP} / 20 AS beginning FROM came GROUP BY device
), hours AS (
  SELECT generate_series(time_bucket({STEP}, $__timeFrom()::timestamptz),
    least(now(), $__timeTo()) - {STEP}, {STEP}) AS ts
)"""


def share_by(column: str) -> str:
    """The query of completeness, a line for each value of ``device`` or ``metric``."""
    # Put together and summed up, not joined: PostgreSQL, which cannot know how many rows a query
    # makes, would compare each with each.
    return f"""{WORST}, both_counts AS (
  SELECT ts, {column}, due, 0 AS n
  FROM watched
  JOIN worst USING (device)
  LEFT JOIN begun USING (device)
  JOIN hours ON ts >= coalesce(beginning, '-infinity')
  UNION ALL
  SELECT ts, {column}, 0, n FROM came
)
SELECT $__timeGroupAlias(ts, $__interval), {column} AS metric,
  least(100, 100 * sum(n) / sum(due)) AS "Complete"
FROM both_counts
WHERE $__timeFilter(ts)
GROUP BY 1, 2
HAVING sum(due) > 0
ORDER BY 1"""


# Pauses are looked for between the first and the last reading of hours, or of days from here on:
# a pause that is longer than an hour lies across the end of one, so its length is exact. The newest
# reading of all is one too, so that a silence that began before the chosen time is there.
SILENT_DAYS_FROM = 10_800_000
SILENT_DEVICES = first("last_seen", "CASE WHEN $__interval_ms < 3600000 THEN 100 ELSE 15 END")
SILENCES = f"""WITH spans AS (
  SELECT device, min(first_ts) AS first_ts, max(last_ts) AS last_ts
  FROM {counted(f"{IS_METRIC} AND {SILENT_DEVICES}", SILENT_DAYS_FROM)} AS c
  GROUP BY device, ts
  UNION ALL
  SELECT device, unnest(ARRAY[max(ts), least(now(), $__timeTo())]),
    unnest(ARRAY[max(ts), NULL])
  FROM latest
  WHERE value IS NOT NULL AND ts <= $__timeTo() AND {IS_METRIC} AND {SILENT_DEVICES}
  GROUP BY device
), pauses AS (
  SELECT device, last_ts IS NULL AS goes_on, first_ts AS until,
    max(last_ts) OVER (PARTITION BY device ORDER BY first_ts
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS since
  FROM spans
), usual AS (
  SELECT device, max(expected_interval_seconds) AS seconds
  FROM devices JOIN metrics USING (model)
  WHERE {IS_METRIC}
  GROUP BY device
)
SELECT device AS "Device", since AS "Since", CASE WHEN NOT goes_on THEN until END AS "Until",
  extract(epoch FROM until - since) AS "Silent for"
FROM pauses
LEFT JOIN usual USING (device)
WHERE until - since > CASE
    WHEN $__interval_ms < {SILENT_DAYS_FROM} THEN INTERVAL '1 hour' ELSE INTERVAL '1 day'
  END
  AND until - since > make_interval(secs => 3 * coalesce(seconds, 0))
ORDER BY until - since DESC
LIMIT 100"""


# As long as the buckets that `rolled` reads at least, so that both counts are of the same times.
POINT = "INTERVAL '1 millisecond' * $__interval_ms"
RANGE_STEP = f"""CASE WHEN $__interval_ms < {HOURS} THEN {POINT}
    WHEN $__interval_ms < {DAYS_OF_MANY} THEN greatest(INTERVAL '1 hour', {POINT})
    ELSE greatest(INTERVAL '1 day', {POINT}) END"""


def percent(panel: timeseries.Panel) -> timeseries.Panel:
    """Lines from 0 to 100 percent."""
    return panel.unit("percent").min(0).max(100).fill_opacity(0).interval("1h").max_data_points(120)


def completeness_by_device() -> timeseries.Panel:
    """When whose data did not come."""
    return percent(
        time_panel(
            "Completeness of the eight least complete devices",
            "Values that came, of those that the model expects by its intervals, in each whole "
            "hour, over more than a week in each day: of the eight devices that were least "
            "complete in the last 24 hours. A line begins with the first value in the chosen time.",
            share_by("device"),
        )
    )


def completeness_by_metric() -> timeseries.Panel:
    """Which sensor of them fails."""
    return percent(
        time_panel(
            "Completeness of their metrics",
            "The same for each metric of these eight devices together. One line that falls is one "
            "sensor; all that fall at once are a device or its network. Choose a device at the top "
            "to see it alone.",
            share_by("metric"),
        )
    )


def arrivals() -> timeseries.Panel:
    """How much came late, before its time, twice."""
    return (
        time_panel(
            "Late, ahead of time and twice",
            "Shares of the values of each day, in the zone of the device's park. Late: more than "
            "60 seconds after their time. Ahead: before it, so the device's clock is fast. Twice: "
            "they were there already, a device sends again what was acknowledged. Of many devices "
            "a sample: 200, of more than a week 50, of more than a month 15.",
            f"""SELECT $__timeGroupAlias(ts, $__interval),
  100 * sum(late) / nullif(sum(readings), 0) AS "Late",
  100 * sum(ahead) / nullif(sum(readings), 0) AS "Ahead of time",
  100 * sum(duplicates) / nullif(sum(readings) + sum(duplicates), 0) AS "Twice"
FROM (
  SELECT greatest(day::timestamptz, $__timeFrom()::timestamptz) AS ts,
    readings, late, ahead, duplicates
  FROM arrivals
  WHERE day >= $__timeFrom()::timestamptz::date AND day <= $__timeTo()::timestamptz::date
    AND {IS_METRIC} AND {SAMPLE}
) AS days
WHERE $__timeFilter(ts)
GROUP BY 1
ORDER BY 1""",
        )
        .unit("percent")
        .min(0)
        .interval("1d")
    )


def out_of_range() -> timeseries.Panel:
    """Which metrics left their range."""
    return (
        time_panel(
            "Out of range by metric",
            "Values outside of the range of the model, of all of that metric that came; only "
            "metrics with any. Of many devices a sample: 200, of more than a week 50, of more than "
            "a month 15. One metric of many devices: look at the model. One device: at its sensor.",
            f"""WITH came AS (
  SELECT time_bucket({RANGE_STEP}, ts) AS ts, metric, sum(n) AS n
  FROM {rolled(f"{IS_METRIC} AND {SAMPLE}", days=DAYS_OF_MANY)} AS r
  GROUP BY 1, 2
), flagged AS (
  SELECT time_bucket({RANGE_STEP}, ts) AS ts, metric, count(*) AS outside
  FROM {FLAGGED} AS f
  GROUP BY 1, 2
)
SELECT $__timeGroupAlias(ts, $__interval), metric,
  100.0 * least(n, coalesce(outside, 0)) / n AS "Out of range"
FROM came
LEFT JOIN flagged USING (ts, metric)
WHERE metric IN (SELECT metric FROM flagged)
ORDER BY 1""",
        )
        .unit("percent")
        .min(0)
        .max_data_points(100)
    )


def connection() -> statetimeline.Panel:
    """Who came and went."""
    panel = timeline_panel(
        "Connection of the devices that were lost most often",
        "From when until when devices were connected to the broker: the 15 of the chosen ones "
        "that were lost most often in the last week of the chosen time; the 2,000 newest "
        "changes. Devices by HTTP have none. Many short breaks: weak radio or power, or two "
        "devices with one id.",
        CONNECTIONS,
    )
    words = {
        value: models.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(CONNECTION.items())
    }
    return with_lanes(panel.height(8).mappings([models.ValueMap(options=words)]), "Device")


CONNECTIONS = f"""WITH lost AS (
  SELECT device FROM connections
  WHERE NOT online AND ts BETWEEN
      greatest($__timeFrom(), $__timeTo()::timestamptz - INTERVAL '7 days') AND $__timeTo()
    AND {CHOSEN}
  GROUP BY device ORDER BY count(*) DESC, device LIMIT 15
), changes AS (
  SELECT ts, device, online FROM connections
  WHERE $__timeFilter(ts) AND device = ANY(ARRAY(SELECT device FROM lost))
  UNION ALL
  SELECT $__timeFrom()::timestamptz, device, (
    SELECT online FROM connections c
    WHERE c.device = lost.device AND ts < $__timeFrom() ORDER BY ts DESC LIMIT 1
  )
  FROM lost
)
SELECT time, "Device", "Connection"
FROM (
  SELECT ts AS time, device AS "Device",
    CASE WHEN online THEN 'online' ELSE 'offline' END AS "Connection"
  FROM changes
  WHERE online IS NOT NULL
  ORDER BY ts DESC
  LIMIT 2000
) AS newest
ORDER BY time"""
