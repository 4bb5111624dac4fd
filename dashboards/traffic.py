"""What arrives and what is refused: panels that the dashboards of many devices have in common.

Each takes the condition on the column ``device`` that says of which ones.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, timeseries

from dashboards.defaults import bars, number_panel, steps, time_panel


def values_now(condition: str) -> stat.Panel:
    """How much arrives at this moment."""
    return (
        number_panel(
            "Values per second",
            "Numbers and booleans whose time lies in the last minute, for each second of it. "
            "Late readings count at their own time, not at the time of their arrival.",
            f"""SELECT count(*) / 60.0 AS "Values per second"
FROM telemetry
WHERE ts BETWEEN now() - INTERVAL '1 minute' AND now()
  AND {condition}""",
        )
        .span(6)
        .unit("suffix:/s")
        .decimals(1)
    )


def rejections(condition: str, description: str) -> stat.Panel:
    """How much was refused."""
    return (
        number_panel(
            "Rejections",
            description,
            f"""SELECT count(*) AS "Rejections"
FROM rejections
WHERE $__timeFilter(ts)
  AND {condition}""",
        )
        .span(6)
        .thresholds(steps("green", (1, "orange")))
    )


def rejections_by_reason(condition: str) -> timeseries.Panel:
    """Why messages were refused."""
    return bars(
        time_panel(
            "Rejections by reason",
            "Messages, or parts of one, that were not stored, by the machine-readable reason. The "
            "API lists each with its explanation, and replays it when the cause is mended.",
            f"""SELECT $__timeGroupAlias(ts, $__interval),
  reason AS metric,
  count(*) AS "Rejections"
FROM rejections
WHERE $__timeFilter(ts)
  AND {condition}
GROUP BY 1, 2
ORDER BY 1""",
        )
    ).unit("short")
