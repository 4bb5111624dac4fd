"""Air quality: what people breathe, by Indonesia's index, and the weather that brings it."""

from __future__ import annotations

from grafana_foundation_sdk.builders import barchart, bargauge, dashboard, table, timeseries
from grafana_foundation_sdk.models import dashboard as models

from dashboards.defaults import Query, steps, table_panel, time_panel, with_device_links
from dashboards.fields.choice import chosen, devices, marks, of
from dashboards.fields.ispu import BANDS, BANDS_PM2_5, BANDS_PM10, BREAKS
from dashboards.fields.panels import (
    BY_HOUR,
    GREEN,
    ORANGE,
    POINTS,
    RED,
    bars,
    bars_now,
    day_bars,
    limits_drawn,
    lines,
    newest,
    units_of,
    zones_drawn,
)
from dashboards.fields.sums import RECENT, days, hours, increments, zones
from dashboards.layout import board, fill
from dashboards.rolled import rolled

UID = "technopark-air"
KEY = "pm2_5"
# Sectors of the wind, in degrees.
SECTOR = 30


def air_quality() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Air quality",
        "Air-quality stations: particles by Indonesia's index, carbon dioxide, and the weather.",
        [devices(KEY)],
        marks(chosen(KEY)),
    )
    return fill(
        made,
        [
            fine_now(), coarse_now(), index(),
            fine(), coarse(),
            fine_by_day(), carbon_dioxide(),
            "Weather",
            temperature(), humidity(), pressure(),
            wind(), wind_speed(), rain_by_day(),
        ],
    )  # fmt: skip


def fine_now() -> bargauge.Panel:
    """What people breathe at this moment."""
    return (
        bars_now(
            "PM2.5 now",
            "The newest concentration of fine particles at each station, if it lies in the chosen "
            "time, in the colours of the index ISPU. The index itself is of 24 hours: one bad hour "
            "is not yet a bad day.",
            newest(of(KEY, "pm2_5")),
        )
        .unit("conμgm3")
        .min(0)
        .max(150)
        .thresholds(BANDS_PM2_5)
    )


def coarse_now() -> bargauge.Panel:
    """The bigger ones."""
    return (
        bars_now(
            "PM10 now",
            "The newest concentration of particles below 10 µm at each station, if it lies in the "
            "chosen time, in the colours of the index ISPU. Far more PM10 than PM2.5 is dust of "
            "roads or soil.",
            newest(of(KEY, "pm10")),
        )
        .unit("conμgm3")
        .min(0)
        .max(350)
        .thresholds(BANDS_PM10)
    )


def index() -> table.Panel:
    """How good the air of a day is."""
    panel = table_panel(
        "Index of the last 24 hours",
        "Means of the 24 hours before the chosen time ends, and Indonesia's index ISPU of "
        "the worse of both (Peraturan Menteri LHK P.14/2020): to 50 good, 100 moderate, 200 "
        "unhealthy, 300 very unhealthy, above hazardous. WHO recommends at most 15 and 45 µg/m³ "
        "(2021).",
        f"""SELECT device AS "Device", max(mean) FILTER (WHERE metric = 'pm2_5') AS "PM2.5",
  max(mean) FILTER (WHERE metric = 'pm10') AS "PM10",
  round(max(first + (least(mean, high) - low) * (last - first) / (high - low))) AS "ISPU"
FROM (
  SELECT device, metric, sum(sum) / sum(n) AS mean
  FROM telemetry_1h
  WHERE {of(KEY, "pm2_5", "pm10")}
    AND bucket BETWEEN $__timeTo()::timestamptz - INTERVAL '24 hours' AND $__timeTo()
  GROUP BY 1, 2
) AS means
JOIN (VALUES
    {BREAKS}
) AS breaks (metric, low, high, first, last) USING (metric)
WHERE mean >= low AND (mean < high OR high = 500)
GROUP BY device
ORDER BY 4 DESC NULLS LAST
LIMIT 100""",
    )
    panel.height(8).span(8).decimals(0)
    units_of(panel, {"PM2.5": "conμgm3", "PM10": "conμgm3"})
    return with_device_links(panel).override_by_name(
        "ISPU",
        [
            models.DynamicConfigValue("thresholds", BANDS.build().to_json()),
            models.DynamicConfigValue(
                "custom.cellOptions", {"type": "color-background", "mode": "basic"}
            ),
        ],
    )


def fine() -> timeseries.Panel:
    """Over time."""
    return zones_drawn(
        lines(
            "PM2.5",
            "Mean concentration of fine particles at each station, before the bands of the index "
            "ISPU: good, moderate from 15.5, unhealthy from 55.4, very unhealthy from 150.4, "
            "hazardous from 250.4 µg/m³. Peaks at rush hours are traffic; still nights keep them "
            "low over the ground.",
            of(KEY, "pm2_5"),
        )
        .min(0)
        .thresholds(BANDS_PM2_5)
    )


def coarse() -> timeseries.Panel:
    """Over time."""
    return zones_drawn(
        lines(
            "PM10",
            "Mean concentration of particles below 10 µm at each station, before the bands of the "
            "index ISPU: good, moderate from 50, unhealthy from 150, very unhealthy from 350, "
            "hazardous from 420 µg/m³. Rain washes them out.",
            of(KEY, "pm10"),
        )
        .min(0)
        .thresholds(BANDS_PM10)
    )


def fine_by_day() -> barchart.Panel:
    """Whether a day was healthy."""
    return day_bars(
        "PM2.5 by day",
        "Mean of fine particles on each of the last 31 days of the chosen time, from midnight to "
        "midnight of the park. WHO recommends at most 15 µg/m³ on all but three or four days a "
        "year (2021); the index calls it good to 15.5.",
        f"""SELECT date_trunc('day', ts, zone) AS time, device AS metric, sum(sum) / sum(n) AS value
FROM {hours(of(KEY, "pm2_5"))} AS r JOIN {zones(KEY)} AS zones USING (device)
GROUP BY 1, 2""",
    ).unit("conμgm3")


def carbon_dioxide() -> timeseries.Panel:
    """Over time."""
    return limits_drawn(
        lines(
            "Carbon dioxide",
            "Mean concentration of carbon dioxide at each station. Outside it is about 430 ppm; "
            "above 1,000 ppm a room wants fresh air, above 2,000 ppm people get tired.",
            of(KEY, "co2"),
        ).thresholds(steps(GREEN, (1000, ORANGE), (2000, RED)))
    )


def temperature() -> timeseries.Panel:
    """Of the air."""
    return lines(
        "Temperature",
        "Mean temperature of the air at each station. One that is far above the others by day "
        "stands in the sun, or its fan is broken.",
        of(KEY, "temperature"),
    ).span(8)


def humidity() -> timeseries.Panel:
    """Of the air."""
    return lines(
        "Humidity",
        "Mean relative humidity at each station. Above 90 % optical sensors count drops as "
        "particles: doubt PM2.5 and PM10 then.",
        of(KEY, "humidity"),
    ).span(8)


def pressure() -> timeseries.Panel:
    """Of the air."""
    return lines(
        "Pressure",
        "Mean pressure of the air at each station, as it is there, not reduced to sea level. In "
        "the tropics it swings by 3 hPa twice a day.",
        of(KEY, "pressure"),
    ).span(8)


def wind() -> barchart.Panel:
    """Where it comes from."""
    sql = f"""SELECT concat(sector * {SECTOR}, '°') AS "Direction",
  100 * coalesce(count(speed), 0)::double precision
    / nullif(sum(count(speed)) OVER (), 0) AS "Share of time",
  coalesce(avg(speed), 0) AS "Mean speed"
FROM generate_series(0, {360 // SECTOR - 1}) AS sector
LEFT JOIN (
  SELECT round(last(last, ts) FILTER (WHERE metric = 'wind_direction') / {SECTOR})::int
      % {360 // SECTOR} AS sector,
    sum(sum) FILTER (WHERE metric = 'wind_speed')
      / sum(n) FILTER (WHERE metric = 'wind_speed') AS speed
  FROM {rolled(of(KEY, "wind_speed", "wind_direction"))} AS r
  WHERE {RECENT}
  GROUP BY device, $__timeGroup(ts, $__interval)
) AS winds USING (sector)
GROUP BY sector
ORDER BY sector"""
    panel = bars(
        "Wind by direction",
        "From where the wind came at the chosen stations in the chosen time, at most in its last "
        "31 days: the share of each sector of 30° (0° is north, 90° east), and its mean speed "
        "there. Of each interval the last direction counts.",
        Query(sql, "table"),
    )
    panel.span(8).max_data_points(BY_HOUR).x_tick_label_spacing(0)
    return units_of(panel, {"Share of time": "percent", "Mean speed": "velocityms"})


def wind_speed() -> timeseries.Panel:
    """Over time."""
    sql = f"""SELECT $__timeGroupAlias(ts, $__interval),
  concat(device, names.suffix) AS metric,
  CASE names.suffix WHEN ' ↑' THEN max(max) ELSE sum(sum) / sum(n) END AS value
FROM {rolled(of(KEY, "wind_speed"))} AS r, (VALUES (''), (' ↑')) AS names (suffix)
GROUP BY 1, device, names.suffix
ORDER BY 1"""
    return (
        time_panel(
            "Wind speed",
            "Mean speed of the wind at each station, and its strongest reading in each interval "
            "(↑). Calm nights keep smoke and exhaust where they are.",
            sql,
        )
        .span(8)
        .unit("velocityms")
        .min(0)
        .max_data_points(POINTS)
    )


def rain_by_day() -> barchart.Panel:
    """How much fell."""
    return (
        day_bars(
            "Rain by day",
            "By how far the gauge of each station rose on each of the last 31 days of the chosen "
            "time, from midnight to midnight of the park. More than 50 mm in a day is heavy rain "
            "(BMKG), more than 100 mm very heavy.",
            days(increments(hours(of(KEY, "rain_today"))), KEY),
        )
        .span(8)
        .unit("lengthmm")
    )
