"""A map of where vehicles were, and where they are."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, geomap
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from dashboards.defaults import CHOSEN_SOURCE, Query
from dashboards.fields.choice import of
from dashboards.fields.panels import units_of
from dashboards.fields.sums import RECENT
from dashboards.rolled import rolled

# So many points are drawn at a glance.
MOST = 1000


def positions(key: str) -> str:
    """SQL of the last position in each interval, as a table; of a mean nobody was there."""
    return f"""(
  SELECT $__timeGroup(ts, $__interval) AS time, device,
    last(last, ts) FILTER (WHERE metric = 'latitude') AS latitude,
    last(last, ts) FILTER (WHERE metric = 'longitude') AS longitude,
    sum(sum) FILTER (WHERE metric = 'speed') / sum(n) FILTER (WHERE metric = 'speed') AS speed
  FROM {rolled(of(key, "latitude", "longitude", "speed"))} AS r
  WHERE {RECENT}
  GROUP BY 1, 2
)"""


def track(key: str) -> geomap.Panel:
    """Where the chosen vehicles went, and where they are."""
    sql = f"""SELECT time, device AS "Device", latitude AS "Latitude", longitude AS "Longitude",
  speed AS "Speed"
FROM (
  SELECT *, row_number() OVER (PARTITION BY device ORDER BY time DESC) AS place,
    ceil(count(*) OVER () / {MOST}.0) AS every
  FROM {positions(key)} AS positions
  WHERE latitude IS NOT NULL AND longitude IS NOT NULL
) AS positions
WHERE place % every = 0
ORDER BY device, time
LIMIT {MOST}"""
    now = f"""SELECT max(ts) AS time, device AS "Device",
  max(value) FILTER (WHERE metric = 'latitude') AS "Latitude",
  max(value) FILTER (WHERE metric = 'longitude') AS "Longitude"
FROM latest
WHERE {of(key, "latitude", "longitude")} AND $__timeFilter(ts)
GROUP BY device"""
    panel = (
        geomap.Panel()
        .title("Map")
        .description(
            "Small points: where the chosen motorcycles were in the chosen time, coloured by "
            "speed, 1,000 at most in all. Large points: the newest position of each, if it lies in "
            "that time."
        )
        .datasource(CHOSEN_SOURCE)
        .with_target(Query(sql, "table"))
        .with_target(Query(now, "table", "B"))
        .height(14)
        .span(16)
        .unit("none")
        .interval("5s")
        .max_data_points(MOST)
        .view(geomap.MapViewConfig().id("fit").all_layers(True).padding(10).zoom(15))
        .controls(geomap.ControlsOptions().show_zoom(True).show_attribution(True).show_scale(True))
        .basemap(common.MapLayerOptions().type("default").name("Streets"))
        .layers([points(), places()])
    )
    scheme = {"mode": "continuous-BlYlRd"}
    panel.override_by_name("Speed", [models.DynamicConfigValue("color", scheme)])
    return units_of(panel, {"Speed": "velocitykmh", "Latitude": "degree", "Longitude": "degree"})


def points() -> common.MapLayerOptions:
    """The layer of the track."""
    return layer("Track", "A", {"size": {"fixed": 3}, "color": {"field": "Speed"}, "opacity": 0.7})


def places() -> common.MapLayerOptions:
    """The layer of the newest positions, with the names of the motorcycles."""
    style = {
        "size": {"fixed": 9},
        "color": {"fixed": "dark-blue"},
        "opacity": 1,
        "text": {"mode": "field", "field": "Device", "fixed": ""},
        "textConfig": {"fontSize": 12, "offsetX": 0, "offsetY": -16, "textAlign": "center"},
    }
    return layer("Newest positions", "B", style)


def layer(name: str, query: str, style: dict[str, object]) -> common.MapLayerOptions:
    """Round markers at the positions that a query returns."""
    circle = {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"}
    place = (
        common.FrameGeometrySource()
        .mode(shapes.FrameGeometrySourceMode.COORDS)
        .latitude("Latitude")
        .longitude("Longitude")
    )
    return (
        common.MapLayerOptions()
        .type("markers")
        .name(name)
        .config({"showLegend": False, "style": {"symbol": circle, **style}})
        .location(place)
        .filter_data({"id": "byRefId", "options": query})
        .tooltip(True)
    )
