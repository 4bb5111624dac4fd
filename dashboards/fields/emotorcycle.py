"""E-motorcycle: where a fleet is, how far it comes, and what it takes from its batteries."""

from __future__ import annotations

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    dashboard,
    stat,
    statetimeline,
    table,
    timeseries,
)

from dashboards.defaults import number_panel, steps, table_panel, with_device_links
from dashboards.fields.choice import chosen, devices, marks, of
from dashboards.fields.panels import (
    BOTH,
    BY_HOUR,
    GREEN,
    ORANGE,
    POINTS,
    RED,
    bars_now,
    day_bars,
    limits_drawn,
    lines,
    newest,
    switch_timeline,
    units_of,
)
from dashboards.fields.sums import RECENT, SECONDS, days, hours, increments, zones
from dashboards.fields.track import track
from dashboards.layout import board, fill
from dashboards.rolled import rolled

UID = "technopark-emotorcycle"
KEY = "odometer"
# In an interval of a motorcycle in which it was not charged: mean power in W, km ridden, its
# seconds.
RIDES = f"""(
  SELECT * FROM (
    SELECT device, ts, watts, charging, kilometres - lag(kilometres) OVER moments AS kilometres,
      {SECONDS} AS seconds
    FROM (
      SELECT $__timeGroup(ts, $__interval) AS ts, device,
        sum(sum) FILTER (WHERE metric = 'power') / sum(n) FILTER (WHERE metric = 'power') AS watts,
        max(max) FILTER (WHERE metric = 'charging') AS charging,
        max(max) FILTER (WHERE metric = 'odometer') AS kilometres
      FROM {rolled(of(KEY, "power", "charging", "odometer"))} AS r
      WHERE {RECENT}
      GROUP BY 1, 2
    ) AS means
    WINDOW moments AS (PARTITION BY device ORDER BY ts)
  ) AS intervals
  WHERE coalesce(charging, 0) = 0 AND kilometres >= 0
)"""


def emotorcycle() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "E-motorcycle",
        "Electric motorcycles: where they are and were, charge, speed, consumption and distances.",
        [devices(KEY)],
        marks(chosen(KEY)),
    )
    return fill(
        made,
        [
            distance(), consumption(),
            track(KEY), charge_now(),
            "Riding",
            speed(), power(), charge(),
            distance_by_day(), consumption_by_day(),
            "Condition",
            temperatures(), charging(),
            fleet(),
        ],
    )  # fmt: skip


def charge_now() -> bargauge.Panel:
    """Who has to charge."""
    return (
        bars_now(
            "State of charge now",
            "The newest state of charge of each motorcycle, if it lies in the chosen time. Below "
            "20 % look for a socket: some ten kilometres are left.",
            newest(of(KEY, "state_of_charge")),
        )
        .unit("percent")
        .min(0)
        .max(100)
        .height(14)
        .thresholds(steps(RED, (20, ORANGE), (40, GREEN)))
    )


def distance() -> stat.Panel:
    """How far."""
    return (
        number_panel(
            "Distance",
            "By how far the odometers of the chosen motorcycles rose in the chosen time, in all. "
            "A new odometer counts on from where it begins.",
            f"""SELECT sum(amount) AS "Distance"
FROM {increments(rolled(of(KEY, "odometer")))} AS distance""",
        )
        .span(12)
        .unit("lengthkm")
        .decimals(1)
        .max_data_points(POINTS)
    )


def consumption() -> stat.Panel:
    """For how much."""
    return (
        number_panel(
            "Consumption",
            "Energy out of the batteries of the chosen motorcycles less what braking gave back, "
            "for each km, in the intervals without charging of the chosen time, at most of its "
            "last 31 days. Over more than two days intervals are hours.",
            f"""SELECT sum(watts * seconds) / 3600 / nullif(sum(kilometres), 0) AS "Consumption"
FROM {RIDES} AS rides""",
        )
        .span(12)
        .unit("suffix: Wh/km")
        .decimals(1)
        .max_data_points(BY_HOUR)
    )


def speed() -> timeseries.Panel:
    """How fast."""
    return lines(
        "Speed",
        "Mean speed of each motorcycle in each interval, stops included: choose an hour to see "
        "single stops. A flat top is the speed limit or the ride mode.",
        of(KEY, "speed"),
    ).span(8).min(0)  # fmt: skip


def power() -> timeseries.Panel:
    """In and out of the batteries."""
    return lines(
        "Power",
        "Mean power of each battery; out of it is positive. Below zero it is charged, or braking "
        "gives energy back.",
        of(KEY, "power"),
    ).span(8)  # fmt: skip


def charge() -> timeseries.Panel:
    """How full."""
    return lines(
        "State of charge",
        "Mean state of charge of each motorcycle. It falls while riding and rises at a charger; "
        "one that falls while it stands has a load that somebody forgot.",
        of(KEY, "state_of_charge"),
    ).span(8).min(0).max(100)  # fmt: skip


def distance_by_day() -> barchart.Panel:
    """How far on each day."""
    return day_bars(
        "Distance by day",
        "By how far the odometer of each motorcycle rose on each of the last 31 days of the "
        "chosen time, from midnight to midnight of its park. A new odometer counts on from where "
        "it begins; the first and the last day may be parts of one.",
        days(increments(hours(of(KEY, "odometer"))), KEY),
    ).unit("lengthkm")


def consumption_by_day() -> barchart.Panel:
    """For how much on each day."""
    panel = day_bars(
        "Consumption by day",
        "Energy out of each battery less what braking gave back, for each km, on each of the last "
        "31 days of the chosen time with more than 1 km; in the intervals without charging. More "
        "than usual are hills, load, low tyres or dragging brakes.",
        f"""SELECT date_trunc('day', ts, zone) AS time, device AS metric,
  sum(watts * seconds) / 3600 / sum(kilometres) AS value
FROM {RIDES} AS rides JOIN {zones(KEY)} AS zones USING (device)
GROUP BY 1, 2
HAVING sum(kilometres) > 1""",
    )
    return panel.unit("suffix: Wh/km").max_data_points(BY_HOUR)


def temperatures() -> timeseries.Panel:
    """Of motors and batteries."""
    return limits_drawn(
        lines(
            "Temperatures",
            "Mean temperature of the motor and of the battery of each motorcycle. A battery ages "
            "fast above 45 °C and must rest at 60 °C; a motor may be hotter, ask its maker.",
            of(KEY, "motor_temperature", "battery_temperature"), BOTH,
        )
        .span(16)
        .thresholds(steps(GREEN, (45, ORANGE), (60, RED)))
    )  # fmt: skip


def charging() -> statetimeline.Panel:
    """When each was charged."""
    return switch_timeline(
        "Charging",
        "When a charger gave each motorcycle energy, for at least a half of each interval. One "
        "that never charges at its usual place may have a broken socket.",
        of(KEY, "charging"), on="Charging", off="Not charging",
    )  # fmt: skip


def fleet() -> table.Panel:
    """Each motorcycle in a row."""
    panel = table_panel(
        "Fleet",
        "The newest values of the chosen motorcycles, whatever the chosen time, and when each was "
        "last heard; the emptiest first. A click on a device shows all of it.",
        f"""SELECT device AS "Device", name AS "Name",
  max(value) FILTER (WHERE metric = 'state_of_charge') AS "State of charge",
  max(value) FILTER (WHERE metric = 'odometer') AS "Odometer",
  max(value) FILTER (WHERE metric = 'speed') AS "Speed",
  max(value) FILTER (WHERE metric = 'battery_temperature') AS "Battery temperature",
  last_seen AS "Last seen"
FROM latest
JOIN devices USING (device)
WHERE {of(KEY, "state_of_charge", "odometer", "speed", "battery_temperature")}
GROUP BY device, name, last_seen
ORDER BY 3 NULLS LAST
LIMIT 100""",
    ).span(24)
    return units_of(
        with_device_links(panel),
        {
            "State of charge": "percent",
            "Odometer": "lengthkm",
            "Speed": "velocitykmh",
            "Battery temperature": "celsius",
        },
    )
