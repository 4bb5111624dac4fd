"""The history of one metric of a device: its mean, its extremes and the limits that are near."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, timeseries
from grafana_foundation_sdk.models import dashboard as models

from dashboards.defaults import fixed, time_panel, with_units
from dashboards.rolled import rolled

# One at a time: the panel is repeated for each that is chosen.
OF_METRIC = "device = '$device' AND metric IN (${metric:sqlstring})"
# The lines by what their names begin with, and what people read.
MEAN, LOWEST, HIGHEST = "Mean", "Lowest", "Highest"
LOWER_LIMIT, UPPER_LIMIT = "Lower limit", "Upper limit"
NAMES = {
    "mean": MEAN,
    "min": LOWEST,
    "max": HIGHEST,
    "lower": LOWER_LIMIT,
    "upper": UPPER_LIMIT,
}


def metric_over_time() -> timeseries.Panel:
    """A panel for each chosen metric."""
    panel = time_panel(
        "$metric",
        "The mean, and as a band the lowest and the highest value, of each point in time. The "
        "limits of the model are dashed where they are near: no farther from the values than these "
        "are from one another. From ten minutes a point on, points are of whole ten minutes, hours "
        "or days.",
        f"""WITH points AS (
  SELECT $__timeGroupAlias(ts, $__interval), ' [' || min(unit) || ']' AS unit,
    sum(sum) / sum(n) AS mean, min(min) AS low, max(max) AS high
  FROM {rolled(OF_METRIC, few=True)} AS r
  GROUP BY 1
), spread AS (
  SELECT min(low) AS low, max(high) AS high, max(high) - min(low) AS width FROM points
), limits AS (
  SELECT min(minimum) FILTER (WHERE minimum >= low - width) AS lower,
    max(maximum) FILTER (WHERE maximum <= high + width) AS upper
  FROM spread, metrics
  WHERE metric IN (${{metric:sqlstring}})
    AND model = (SELECT model FROM devices WHERE device = '$device')
)
SELECT time, concat(line, unit) AS metric, value
FROM points, limits, LATERAL (VALUES
  ('mean', mean), ('min', low), ('max', high), ('lower', lower), ('upper', upper)
) AS lines (line, value)
WHERE value IS NOT NULL
ORDER BY time""",
    )
    panel = styled(with_units(panel.unit("short"))).links([comparison()])
    return panel.span(24).repeat("metric").repeat_direction("v")


def comparison() -> dashboard.DashboardLink:
    """To the same metric of other devices."""
    return (
        dashboard.DashboardLink("Compare with other devices")
        .type(models.DashboardLinkType.LINK)
        .url("/d/technopark-compare?var-metric=${metric}&${__url_time_range}")
    )


def styled(panel: timeseries.Panel) -> timeseries.Panel:
    """The band without edges, the limits dashed, and names for people."""
    panel.fill_opacity(0).line_width(2)
    thin = models.DynamicConfigValue("custom.lineWidth", 0)
    looks = {
        "mean": [fixed("green")],
        "min": [fixed("green"), thin],
        "max": [
            fixed("green"),
            thin,
            models.DynamicConfigValue("custom.fillBelowTo", LOWEST),
            models.DynamicConfigValue("custom.fillOpacity", 15),
        ],
        "lower": limit(),
        "upper": limit(),
    }
    for start, properties in looks.items():
        named = models.DynamicConfigValue("displayName", NAMES[start])
        panel.override_by_regexp(rf"/^{start}( \[|$)/", [*properties, named])
    return panel


def limit() -> list[models.DynamicConfigValue]:
    """How a limit looks."""
    dashes = models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})
    return [fixed("red"), models.DynamicConfigValue("custom.lineWidth", 1), dashes]
