"""How charts of vitals look, whatever they show."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries

from dashboards.defaults import time_panel


def lines(title: str, description: str, unit: str, sql: str) -> timeseries.Panel:
    """Lines from zero on; vitals are told every 15 s, so a point is a minute at least."""
    return (
        time_panel(title, description, sql)
        .height(8)
        .span(8)
        .interval("1m")
        .max_data_points(300)
        .unit(unit)
        .min(0)
        .fill_opacity(0)
    )


def over_time(columns: str, rows: str) -> str:
    """A query of columns for each point in time, of rows with ``ts``."""
    return f"""SELECT $__timeGroupAlias(ts, $__interval),
  {columns}
FROM {rows} AS told
WHERE $__timeFilter(ts)
GROUP BY 1
ORDER BY 1"""


def line_each(name: str, value: str, rows: str) -> str:
    """The same, with a line for each name."""
    return f"""SELECT $__timeGroupAlias(ts, $__interval), {name} AS metric,
  {value}
FROM {rows} AS told
WHERE $__timeFilter(ts)
GROUP BY 1, 2
ORDER BY 1"""
