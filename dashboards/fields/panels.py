"""Panels that several fields have, on the defaults of all dashboards."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    statetimeline,
    timeseries,
    xychart,
)
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import xychart as xy

from dashboards.defaults import Query, described, time_panel, timeline_panel, with_units
from dashboards.fields.choice import MOST
from dashboards.fields.sums import DAYS
from dashboards.rolled import rolled


class Columns(Protocol):
    """A panel whose columns may differ in what is set for all."""

    def override_by_name(self, name: str, properties: list[models.DynamicConfigValue]) -> Any:
        """Set something for one column."""


Panel = TypeVar("Panel", bound=Columns)
# The name of a line, where a panel shows several metrics of several devices.
BOTH = "device, ' ', metric"
# Of lines: so a year is drawn by days. Where days would mix what has to be told apart, there are
# more points, and a year is asked for by hours.
POINTS, BY_HOUR = 360, 1000
GREEN, YELLOW, ORANGE, RED, BLUE, BLACK = "green", "yellow", "orange", "red", "blue", "#202226"


def lines(title: str, description: str, condition: str, name: str = "device") -> timeseries.Panel:
    """Means over time, a line for each device, or as ``name`` says.

    Args:
        title: of the panel.
        description: of the panel.
        condition: SQL on device and metric.
        name: SQL of a line's name, to which its unit is added.
    """
    sql = f"""SELECT $__timeGroupAlias(ts, $__interval),
  concat({name}, ' [' || unit || ']') AS metric,
  sum(sum) / sum(n) AS value
FROM {rolled(condition)} AS r
GROUP BY 1, 2
ORDER BY 1"""
    panel = time_panel(title, description, sql).unit("short").max_data_points(POINTS)
    return with_units(panel)


def limits_drawn(panel: timeseries.Panel) -> timeseries.Panel:
    """The thresholds as dashed lines."""
    style = common.GraphThresholdsStyleConfig().mode(shapes.GraphTresholdsStyleMode.DASHED)
    return panel.thresholds_style(style)


def zones_drawn(panel: timeseries.Panel) -> timeseries.Panel:
    """The thresholds as areas behind the lines."""
    style = common.GraphThresholdsStyleConfig().mode(shapes.GraphTresholdsStyleMode.AREA)
    return panel.thresholds_style(style).fill_opacity(0)


def by_threshold() -> dashboard.FieldColor:
    """Values in the colours of the thresholds."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def bars_now(title: str, description: str, sql: str) -> bargauge.Panel:
    """A bar for each device: ``sql`` returns ``time``, ``metric`` (its name) and a value."""
    return (
        described(bargauge.Panel(), title, description, Query(sql, "time_series"))
        .height(8)
        .span(8)
        .unit("short")
        .orientation(shapes.VizOrientation.HORIZONTAL)
        .display_mode(shapes.BarGaugeDisplayMode.GRADIENT)
        .color_scheme(by_threshold())
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )


def newest(condition: str) -> str:
    """SQL of the newest value of each device, if it lies in the chosen time."""
    return f"""SELECT ts AS time, device AS metric, value
FROM latest
WHERE {condition} AND $__timeFilter(ts)
ORDER BY ts
LIMIT {MOST}"""


def day_bars(title: str, description: str, sql: str) -> barchart.Panel:
    """A group of bars for each day: ``sql`` returns ``time``, ``metric`` and a value, unsorted."""
    ordered = f"{sql}\nORDER BY 1, 2\nLIMIT {(DAYS + 1) * MOST}"
    return bars(title, description, Query(ordered, "time_series"))


def bars(title: str, description: str, query: Query) -> barchart.Panel:
    """A group of bars for each row; its first column names them."""
    return (
        described(barchart.Panel(), title, description, query)
        .height(8)
        .span(12)
        .unit("short")
        .min(0)
        .fill_opacity(80)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(shapes.LegendDisplayMode.LIST)
            .placement(shapes.LegendPlacement.BOTTOM)
        )
    )


def scatter(title: str, description: str, sql: str, x: str) -> xychart.Panel:
    """Points: of the column ``x``, and of each other column that ``sql`` returns over it."""
    return (
        described(xychart.Panel(), title, description, Query(sql, "table"))
        .height(10)
        .span(12)
        .unit("short")
        .point_size(common.ScaleDimensionConfig().fixed(4).min(1).max(20))
        .series_mapping(xy.SeriesMapping.AUTO)
        .dims(xychart.XYDimensionConfig().frame(0).x(x))
        .series([])
    )


def coloured(panel: xychart.Panel, x: str, y: str, colour: str) -> xychart.Panel:
    """One cloud of points, each in the colour of a third column."""
    series = (
        xychart.ScatterSeriesConfig()
        .x(x)
        .y(y)
        .point_color(common.ColorDimensionConfig().field(colour))
    )
    scheme = {"mode": "continuous-BlYlRd"}
    return (
        panel.series_mapping(xy.SeriesMapping.MANUAL)
        .series([series])
        .override_by_name(colour, [models.DynamicConfigValue("color", scheme)])
    )


def switch_timeline(
    title: str, description: str, condition: str, on: str, off: str
) -> statetimeline.Panel:
    """When a boolean of each device was true, for at least a half of each interval.

    Args:
        title: of the panel.
        description: of the panel.
        condition: SQL on device and metric.
        on: the word for true.
        off: the word for false.
    """
    sql = f"""SELECT $__timeGroupAlias(ts, $__interval),
  device AS metric,
  round(sum(sum) / sum(n)) AS value
FROM {rolled(condition)} AS r
GROUP BY 1, 2
ORDER BY 1"""
    words = {
        "1": models.ValueMappingResult(text=on, color=GREEN, index=0),
        "0": models.ValueMappingResult(text=off, color="gray", index=1),
    }
    return (
        timeline_panel(title, description, sql, "time_series")
        .height(8)
        .span(8)
        .interval("5s")
        .max_data_points(POINTS)
        .mappings([models.ValueMap(options=words)])
        .show_value(shapes.VisibilityMode.AUTO)
    )


def units_of(panel: Panel, units: dict[str, str]) -> Panel:
    """Give columns units of their own, by their names."""
    for column, unit in units.items():
        panel.override_by_name(column, [models.DynamicConfigValue("unit", unit)])
    return panel
