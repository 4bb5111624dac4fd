"""Compare devices: one metric of several devices, side by side."""

from __future__ import annotations

from grafana_foundation_sdk.builders import barchart, common, dashboard, table, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from dashboards.annotations import bookings, rejection_bursts, stage_changes
from dashboards.defaults import (
    Query,
    described,
    fixed,
    one,
    several,
    table_panel,
    time_panel,
    with_device_links,
    with_units,
)
from dashboards.layout import board, fill
from dashboards.rolled import rolled

UID = "technopark-compare"
# So many lines can be told apart, and "All" may be thousands.
CHOSEN = """metric = '$metric' AND device = ANY(ARRAY(
    SELECT device FROM latest
    WHERE metric = '$metric' AND ('*' IN ($device) OR device IN ($device))
    ORDER BY device LIMIT 20
  ))"""
# The mean of each device at each point in time.
POINTS = f"""SELECT $__timeGroupAlias(ts, $__interval), device, min(unit) AS unit,
    sum(sum) / sum(n) AS mean
  FROM {rolled(CHOSEN, few=True)} AS r
  GROUP BY 1, 2"""


def compare_devices() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Compare devices",
        "One metric of up to 20 devices: their lines together, who is above and who is below.",
        [metric(), device()],
        [stage_changes(), bookings(), rejection_bursts()],
    )
    return fill(made, [together(), figures(), distribution(), difference()])


def metric() -> dashboard.QueryVariable:
    """Which metric."""
    return one(
        "metric",
        "Metric",
        "SELECT DISTINCT metric FROM latest WHERE value IS NOT NULL ORDER BY metric",
    )


def device() -> dashboard.QueryVariable:
    """Which of the devices that have it."""
    return several(
        "device",
        "Devices",
        "SELECT device FROM latest WHERE metric = '$metric' AND value IS NOT NULL ORDER BY device",
    )


def together() -> timeseries.Panel:
    """The lines of all."""
    return with_units(
        time_panel(
            "$metric of each device",
            "Mean of the chosen metric at each point in time, for each chosen device, with its "
            "unit in brackets; the first 20 in order of their ids.",
            f"""SELECT time, concat(device, ' [' || unit || ']') AS metric, mean AS value
FROM (
  {POINTS}
) AS points
ORDER BY time""",
        )
        .span(24)
        .height(10)
        .unit("short")
    )


def figures() -> table.Panel:
    """The figures of each, the highest mean first."""
    bar = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    return with_device_links(
        table_panel(
            "Figures of each device",
            "Over the chosen time: the mean of all values, the lowest, the highest and the last "
            "one, and how many there are; the highest mean first, 20 devices at most.",
            f"""SELECT device AS "Device", sum(sum) / sum(n) AS "Mean", min(min) AS "Lowest",
  max(max) AS "Highest", last(last, ts) AS "Last", min(unit) AS "Unit", sum(n) AS "Values"
FROM {rolled(CHOSEN, few=True)} AS r
GROUP BY device
ORDER BY 2 DESC""",
        )
        .max_data_points(100)
        .decimals(2)
        .override_by_name(
            "Mean",
            [
                models.DynamicConfigValue("custom.cellOptions", bar),
                # Without one, every mean from 80 on would be red.
                fixed("blue"),
            ],
        )
        .override_by_name("Values", [models.DynamicConfigValue("decimals", 0)])
    )


def distribution() -> barchart.Panel:
    """How often which value, of all chosen devices together."""
    return (
        described(
            barchart.Panel(),
            "Distribution",
            "The values of all chosen devices together, in 20 classes of equal width from the "
            "lowest to the highest: where they lie mostly. Of each device, the mean of each point "
            "in time counts once.",
            Query(
                f"""WITH points AS (
  {POINTS}
), edges AS (
  SELECT min(mean) AS low, max(mean) AS high,
    coalesce(nullif(max(mean) - min(mean), 0), 1) / 20 AS width FROM points
)
SELECT round((low + width * (class - 0.5))::numeric, 2)::text AS "Middle of the class",
  count(mean) AS "Points in time"
FROM edges, generate_series(1, 20) AS class
LEFT JOIN points ON least(floor((mean - (SELECT low FROM edges)) / (SELECT width FROM edges)), 19)
  = class - 1
WHERE low IS NOT NULL
GROUP BY class, low, width
ORDER BY class""",
                "table",
            ),
        )
        .height(9)
        .span(12)
        .unit("short")
        .max_data_points(500)
        .legend(common.VizLegendOptions().show_legend(False))
        .x_field("Middle of the class")
        .x_tick_label_spacing(100)
        .show_value(shapes.VisibilityMode.NEVER)
        .bar_width(1)
        .line_width(1)
        .fill_opacity(80)
    )


def difference() -> timeseries.Panel:
    """Who is above the others, and who is below."""
    return with_units(
        time_panel(
            "Difference from the mean of the chosen devices",
            "At each point in time the mean of a device less that of all chosen devices, each of "
            "which counts alike. A line that drifts away from zero: compare its calibration.",
            f"""SELECT time, concat(device, ' [' || unit || ']') AS metric,
  mean - avg(mean) OVER (PARTITION BY time) AS value
FROM (
  {POINTS}
) AS points
ORDER BY time""",
        )
        .span(24)
        .unit("short")
        .fill_opacity(0)
    )
