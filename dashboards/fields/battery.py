"""Battery: how full, how healthy and how efficient packs are."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, dashboard, stat, statetimeline, timeseries

from dashboards.defaults import number_panel, steps, time_panel, with_units
from dashboards.fields.choice import chosen, devices, marks, of
from dashboards.fields.panels import (
    BY_HOUR,
    GREEN,
    ORANGE,
    POINTS,
    RED,
    YELLOW,
    bars_now,
    limits_drawn,
    lines,
    newest,
    switch_timeline,
    units_of,
)
from dashboards.fields.sums import RECENT, SECONDS
from dashboards.layout import board, fill
from dashboards.rolled import rolled

UID = "technopark-battery"
# Motorcycles have a state of charge too, but count a current out of the battery as positive.
KEY = "state_of_health"
# In an interval of a pack: the mean power in W, by how much the charge rose in %, and its seconds.
INTERVALS = f"""(
  SELECT device, watts, percent - lag(percent) OVER moments AS percent,
    {SECONDS} AS seconds
  FROM (
    SELECT $__timeGroup(ts, $__interval) AS ts, device,
      sum(sum) FILTER (WHERE metric = 'power') / sum(n) FILTER (WHERE metric = 'power') AS watts,
      last(last, ts) FILTER (WHERE metric = 'state_of_charge') AS percent
    FROM {rolled(of(KEY, "power", "state_of_charge"))} AS r
    WHERE {RECENT}
    GROUP BY 1, 2
  ) AS means
  WINDOW moments AS (PARTITION BY device ORDER BY ts)
)"""


def battery() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Battery",
        "Battery packs: charge, health, cells, temperature, resistance, and what they give back.",
        [devices(KEY)],
        marks(chosen(KEY)),
    )
    return fill(
        made,
        [
            charge_now(), health_now(), throughput(),
            charge(), charging(),
            voltage(), current(), power(),
            "Cells",
            cell_spread(), temperature(), resistance(),
            "Ageing",
            health(), cycles(),
        ],
    )  # fmt: skip


def charge_now() -> bargauge.Panel:
    """How full each pack is."""
    return (
        bars_now(
            "State of charge now",
            "The newest state of charge of each pack, if it lies in the chosen time. Below 10 % a "
            "pack should be charged soon: deep discharge ages cells.",
            newest(of(KEY, "state_of_charge")),
        )
        .unit("percent")
        .min(0)
        .max(100)
        .thresholds(steps(RED, (10, ORANGE), (20, GREEN)))
    )


def health_now() -> bargauge.Panel:
    """How much each pack can still hold."""
    return (
        bars_now(
            "State of health now",
            "The capacity that is left of a new pack's: the newest value of each, if it lies in "
            "the chosen time. At 80 % a vehicle's pack is usually given a second life elsewhere.",
            newest(of(KEY, "state_of_health")),
        )
        .unit("percent")
        .min(50)
        .max(100)
        .thresholds(steps(RED, (70, ORANGE), (80, YELLOW), (90, GREEN)))
    )


def throughput() -> stat.Panel:
    """What goes in, and what comes back."""
    panel = number_panel(
        "Energy",
        "Of the chosen packs in the chosen time, at most in its last 31 days, from the mean power "
        "of each interval. Round-trip efficiency: the energy that a percent of charge gives, as a "
        "share of the energy that it takes; so packs need not end as full as they began. Over "
        "more than two days intervals are hours, in which charging and discharging partly cancel: "
        "look at a day for exact kWh.",
        f"""SELECT taken AS "In", given AS "Out",
  100 * (given / nullif(fallen, 0)) / nullif(taken / nullif(risen, 0), 0) AS "Round trip"
FROM (
  SELECT sum(watts * seconds) FILTER (WHERE watts > 0) / 3.6e6 AS taken,
    -sum(watts * seconds) FILTER (WHERE watts < 0) / 3.6e6 AS given,
    sum(percent) FILTER (WHERE percent > 0) AS risen,
    -sum(percent) FILTER (WHERE percent < 0) AS fallen
  FROM {INTERVALS} AS intervals
) AS sums""",
    )
    panel.height(8).span(8).unit("kwatth").decimals(2).max_data_points(BY_HOUR)
    return units_of(panel, {"Round trip": "percent"})


def charge() -> timeseries.Panel:
    """How full each pack was."""
    return (
        lines(
            "State of charge",
            "Mean state of charge of each pack, in percent of what it can hold now. A pack that "
            "falls steeply at the end has lost capacity, or a weak cell ends its discharge.",
            of(KEY, "state_of_charge"),
        )
        .span(16)
        .min(0)
        .max(100)
    )  # fmt: skip


def charging() -> statetimeline.Panel:
    """When each pack was charged."""
    return switch_timeline(
        "Charging",
        "When a current flowed into each pack. Green is charging; grey is discharging or rest, "
        "which the current beside it tells apart.",
        of(KEY, "charging"), on="Charging", off="Not charging",
    )  # fmt: skip


def voltage() -> timeseries.Panel:
    """Of the packs."""
    return lines(
        "Voltage",
        "Mean voltage at the terminals of each pack. It falls with the charge, and by the current "
        "times the internal resistance; a sudden step without a current is a contact or a cell.",
        of(KEY, "voltage"),
    ).span(8)  # fmt: skip


def current() -> timeseries.Panel:
    """In and out."""
    return lines(
        "Current",
        "Mean current of each pack; into it is positive. A charge is level at first, and falls "
        "when the voltage is held at its limit.",
        of(KEY, "current"),
    ).span(8)  # fmt: skip


def power() -> timeseries.Panel:
    """In and out."""
    return lines(
        "Power",
        "Mean power of each pack: voltage times current, into it positive. Where a line crosses "
        "zero in an interval, its mean hides both directions.",
        of(KEY, "power"),
    ).span(8)  # fmt: skip


def cell_spread() -> timeseries.Panel:
    """How unlike the cells are."""
    sql = f"""SELECT $__timeGroupAlias(ts, $__interval),
  device AS metric,
  1000 * (sum(sum) FILTER (WHERE metric = 'cell_voltage_max')
      / sum(n) FILTER (WHERE metric = 'cell_voltage_max')
    - sum(sum) FILTER (WHERE metric = 'cell_voltage_min')
      / sum(n) FILTER (WHERE metric = 'cell_voltage_min')) AS value
FROM {rolled(of(KEY, "cell_voltage_max", "cell_voltage_min"))} AS r
GROUP BY 1, 2
ORDER BY 1"""
    panel = time_panel(
        "Spread of the cells",
        "Mean difference between the highest and the lowest cell of each pack. It grows towards "
        "empty; above 50 mV a pack wants balancing, above 100 mV a cell is weak.",
        sql,
    )
    panel.span(8).unit("mvolt").min(0).max_data_points(POINTS)
    return limits_drawn(panel.thresholds(steps(GREEN, (50, ORANGE), (100, RED))))


def temperature() -> timeseries.Panel:
    """Of the packs."""
    return limits_drawn(
        lines(
            "Temperature",
            "Mean temperature of each pack. Lithium-ion cells age fast above 45 °C; at 60 °C most "
            "packs must be off, and none may be charged below 0 °C. Ask the cells' maker for "
            "yours.",
            of(KEY, "temperature"),
        )
        .span(8)
        .thresholds(steps(RED, (0, GREEN), (45, ORANGE), (60, RED)))
    )  # fmt: skip


def resistance() -> timeseries.Panel:
    """A sign of age."""
    return lines(
        "Internal resistance",
        "Mean internal resistance of each pack. It rises when a pack is cold or nearly empty, and "
        "over months with age: compare it at the same charge and temperature.",
        of(KEY, "internal_resistance"),
    ).span(8)  # fmt: skip


def health() -> timeseries.Panel:
    """How it fades."""
    return limits_drawn(
        lines(
            "State of health",
            "Mean capacity that is left of a new pack's. Look at months: it falls by a few percent "
            "a year, faster when warm. The line at 80 % is where vehicles usually change a pack.",
            of(KEY, "state_of_health"),
        )
        .thresholds(steps(RED, (80, GREEN)))
    )  # fmt: skip


def cycles() -> timeseries.Panel:
    """How much each pack has worked."""
    sql = f"""SELECT $__timeGroupAlias(ts, $__interval),
  device AS metric,
  max(max) AS value
FROM {rolled(of(KEY, "cycles"))} AS r
GROUP BY 1, 2
ORDER BY 1"""
    return with_units(
        time_panel(
            "Full cycles",
            "How often each pack was charged and discharged in all, counted as whole cycles by the "
            "charge that has moved. Its slope is how hard a pack works.",
            sql,
        )
        .unit("short")
        .max_data_points(POINTS)
    )
