"""Solar: what plants on a park's roofs deliver, and whether that is what the light allows."""

from __future__ import annotations

from grafana_foundation_sdk.builders import (
    barchart,
    dashboard,
    stat,
    statetimeline,
    timeseries,
    xychart,
)

from dashboards.defaults import number_panel, steps
from dashboards.fields.choice import chosen, devices, marks, of
from dashboards.fields.panels import (
    BOTH,
    GREEN,
    POINTS,
    RED,
    coloured,
    day_bars,
    limits_drawn,
    lines,
    scatter,
    switch_timeline,
    units_of,
)
from dashboards.fields.sums import days, hours, increments, zones
from dashboards.layout import board, fill
from dashboards.rolled import rolled

UID = "technopark-solar"
KEY = "ac_power"
# What the reader wrote at the top, as a number; nothing, if it is none.
CAPACITY = """nullif(
    replace(substring('$capacity' FROM '^ *([0-9]+[.,]?[0-9]*) *$'), ',', '.')::float8, 0)"""
# kWh into the grid of each device in the hours of the last days.
ENERGY = increments(hours(of(KEY, "energy_total")))
# Of each device and hour, kWh on a square metre of its modules.
LIGHT = f"""(
  SELECT device, ts, sum / n / 1000 AS amount FROM {hours(of(KEY, "irradiance"))} AS light
)"""
# Both in one, so that they are compared for the same hours.
BOTH_BY_HOUR = f"""(
  SELECT device, ts, amount AS energy, NULL AS light FROM {ENERGY} AS energy
  UNION ALL
  SELECT device, ts, NULL, amount FROM {LIGHT} AS light
)"""
# The hours of the day in which the chosen time ends, of each plant in its own time zone.
DAY = f"""(
      SELECT bucket AS ts, device, min, max, last
      FROM telemetry_1h JOIN {zones(KEY)} AS zones USING (device)
      WHERE bucket >= date_trunc('day', $__timeTo()::timestamptz, zone)
        AND bucket BETWEEN $__timeTo()::timestamptz - INTERVAL '1 day' AND $__timeTo()
        AND {of(KEY, "energy_total")}
    )"""


def solar() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Solar",
        "Photovoltaic plants: power and energy, performance, temperatures, and the grid.",
        [devices(KEY), capacity()],
        marks(chosen(KEY)),
    )
    return fill(
        made,
        [
            power_now(), energy(), performance(),
            power(), irradiance(),
            "Performance",
            power_over_light(), temperatures(),
            yield_by_day(), ratio_by_day(),
            "Grid",
            voltage(), frequency(), producing(),
        ],
    )  # fmt: skip


def capacity() -> dashboard.TextBoxVariable:
    """What the modules are rated at: no device measures it."""
    return dashboard.TextBoxVariable("capacity").label("kWp of each plant").default_value("10")


def power_now() -> stat.Panel:
    """What comes at this moment."""
    return (
        number_panel(
            "Power now",
            "Sum over the chosen plants of the newest power, from the modules (DC) and into the "
            "grid (AC). A plant whose newest value is not in the chosen time does not count.",
            f"""SELECT sum(value) FILTER (WHERE metric = 'dc_power') AS "DC power",
  sum(value) FILTER (WHERE metric = 'ac_power') AS "AC power"
FROM latest
WHERE {of(KEY, "dc_power", "ac_power")} AND $__timeFilter(ts)""",
        )
        .span(8)
        .unit("watt")
    )


def energy() -> stat.Panel:
    """What has come."""
    return (
        number_panel(
            "Energy",
            "Sum over the chosen plants, by how far the counter energy_total rose: on the day in "
            "which the chosen time ends, from midnight of the park on, and in the chosen time. A "
            "counter that was set back counts on from its new beginning.",
            f"""SELECT coalesce((SELECT sum(amount) FROM {increments(DAY)} AS day), 0) AS "Day",
  coalesce((
    SELECT sum(amount) FROM {increments(rolled(of(KEY, "energy_total")))} AS energy
  ), 0) AS "Chosen time\"""",
        )
        .span(8)
        .unit("kwatth")
        .decimals(1)
        .max_data_points(POINTS)
    )


def performance() -> stat.Panel:
    """How well the plants do for the light that they have."""
    panel = number_panel(
        "Performance",
        "Mean of the chosen plants over the chosen time, at most its last 31 days, by whole "
        "hours. Specific yield: kWh into the grid for each kWp. Performance ratio: the specific "
        "yield as a share of the kWh of light on a square metre of the modules (IEC 61724-1). Set "
        "the kWp of a plant at the top.",
        f"""SELECT avg(energy / {CAPACITY}) AS "Specific yield",
  100 * avg(energy / {CAPACITY} / nullif(light, 0)) AS "Performance ratio"
FROM (
  SELECT device, sum(energy) AS energy, sum(light) AS light FROM {BOTH_BY_HOUR} AS hours
  GROUP BY device
) AS sums""",
    ).span(8)
    return units_of(panel, {"Specific yield": "suffix: kWh/kWp", "Performance ratio": "percent"})


def power() -> timeseries.Panel:
    """From the modules and into the grid."""
    return lines(
        "Power",
        "Mean power of each plant: from its modules (dc_power) and into the grid (ac_power). A "
        "flat top is the inverter's rating, or a limit that the grid's operator set.",
        of(KEY, "dc_power", "ac_power"), BOTH,
    ).min(0)  # fmt: skip


def irradiance() -> timeseries.Panel:
    """The light."""
    return lines(
        "Irradiance",
        "Mean light on the plane of each plant's modules. A clear day is a smooth hill; clouds cut "
        "into it, and their bright edges may lift it above 1,000 W/m².",
        of(KEY, "irradiance"),
    ).min(0)  # fmt: skip


def power_over_light() -> xychart.Panel:
    """Whether power follows the light."""
    sql = f"""SELECT avg(light) AS "Irradiance", avg(power) AS "AC power",
  avg(heat) AS "Module temperature"
FROM (
  SELECT $__timeGroup(ts, $__interval) AS time, device,
    sum(sum) FILTER (WHERE metric = 'irradiance')
      / sum(n) FILTER (WHERE metric = 'irradiance') AS light,
    sum(sum) FILTER (WHERE metric = 'ac_power')
      / sum(n) FILTER (WHERE metric = 'ac_power') AS power,
    sum(sum) FILTER (WHERE metric = 'module_temperature')
      / sum(n) FILTER (WHERE metric = 'module_temperature') AS heat
  FROM {rolled(of(KEY, "irradiance", "ac_power", "module_temperature"))} AS r
  GROUP BY 1, 2
) AS points
WHERE light > 0 AND power IS NOT NULL
GROUP BY time, device
ORDER BY 1
LIMIT 1000"""
    panel = scatter(
        "AC power over irradiance",
        "A point for each plant and interval of the chosen time, coloured by the temperature of "
        "the modules. Healthy points lie on a line; below it are shade, dirt, heat, or an inverter "
        "that limits or is off. 1,000 points at most.",
        sql,
        "Irradiance",
    )
    units = {"Irradiance": "Wm2", "AC power": "watt", "Module temperature": "celsius"}
    panel = coloured(panel, "Irradiance", "AC power", "Module temperature").max_data_points(100)
    return units_of(panel, units)


def temperatures() -> timeseries.Panel:
    """Of modules and inverters."""
    return lines(
        "Temperatures",
        "Mean temperature of the modules and of the inverter of each plant. Modules lose about 0.4 "
        "% of their power for each degree; a hot inverter limits itself.",
        of(KEY, "module_temperature", "inverter_temperature"), BOTH,
    ).height(10)  # fmt: skip


def yield_by_day() -> barchart.Panel:
    """How good each day was."""
    amounts = f"(SELECT device, ts, amount / {CAPACITY} AS amount FROM {ENERGY} AS energy)"
    return day_bars(
        "Specific yield by day",
        "Energy into the grid for each kWp that you set at the top, so that plants of any size "
        "compare: on each of the last 31 days of the chosen time, from midnight to midnight of "
        "the park. Around 4 kWh/kWp are usual on Java; the first and the last day may be parts of "
        "one.",
        days(amounts, KEY),
    ).unit("suffix: kWh/kWp")


def ratio_by_day() -> barchart.Panel:
    """Whether a plant gets worse."""
    return day_bars(
        "Performance ratio by day",
        "Specific yield as a share of the light that fell on the modules (IEC 61724-1), on each "
        "of the last 31 days of the chosen time. Around 80 % is good; a plant that falls over "
        "weeks is dirty, shaded or damaged.",
        f"""SELECT date_trunc('day', ts, zone) AS time, device AS metric,
  100 * sum(energy) / {CAPACITY} / nullif(sum(light), 0) AS value
FROM {BOTH_BY_HOUR} AS hours JOIN {zones(KEY)} AS zones USING (device)
GROUP BY 1, 2""",
    ).unit("percent")


def voltage() -> timeseries.Panel:
    """Where the inverters feed in."""
    return limits_drawn(
        lines(
            "Grid voltage",
            "Mean voltage at each inverter. The lines are the limits of EN 50160 for 230 V: 10 % "
            "below and above, of means over 10 minutes. Feeding in lifts it; near the limit "
            "inverters switch off.",
            of(KEY, "grid_voltage"),
        )
        .span(8)
        .thresholds(steps(RED, (207, GREEN), (253, RED)))
        .axis_soft_min(205)
        .axis_soft_max(255)
    )  # fmt: skip


def frequency() -> timeseries.Panel:
    """Of the grid."""
    return limits_drawn(
        lines(
            "Grid frequency",
            "Mean frequency at each inverter. The lines are the limits of EN 50160 for a grid of "
            "50 Hz, 1 % below and above, which it keeps for 99.5 % of a year. All plants of a grid "
            "see the same.",
            of(KEY, "grid_frequency"),
        )
        .span(8)
        .decimals(2)
        .thresholds(steps(RED, (49.5, GREEN), (50.5, RED)))
        .axis_soft_min(49.4)
        .axis_soft_max(50.6)
    )  # fmt: skip


def producing() -> statetimeline.Panel:
    """When the inverters delivered."""
    return switch_timeline(
        "Producing",
        "When each inverter fed into the grid. It sleeps at night; a gap by day is a fault, a "
        "command, or a grid out of its limits.",
        of(KEY, "producing"), on="Producing", off="Off",
    )  # fmt: skip
