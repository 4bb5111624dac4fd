"""Motor test bench: how a motor runs under load, how warm it gets, and what its bearing says.

A bench is looked at alone: a map of its efficiency and a spectrum are those of one motor.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    stat,
    statetimeline,
    timeseries,
    xychart,
)
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import xychart as xy

from dashboards.defaults import number_panel, one, steps, time_panel, with_units
from dashboards.fields.choice import marks, offered
from dashboards.fields.panels import (
    GREEN,
    ORANGE,
    POINTS,
    RED,
    YELLOW,
    coloured,
    lines,
    scatter,
    switch_timeline,
    units_of,
    zones_drawn,
)
from dashboards.fields.spectrum import SPECTRUM, WAVEFORM
from dashboards.layout import board, fill
from dashboards.rolled import rolled

UID = "technopark-motor"
KEY = "torque"
BENCH = "device = '$device'"
# Root mean square of a housing's velocity, mm/s, from which on a small machine is in zone B, C or
# D. ISO 20816-1:2016, Annex C; so much is class I of ISO 10816-1:1995, Annex B.
ZONE_B, ZONE_C, ZONE_D = 0.71, 1.8, 4.5
ZONES = steps(GREEN, (ZONE_B, YELLOW), (ZONE_C, ORANGE), (ZONE_D, RED))


def motor_bench() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Motor test bench",
        "A motor on its bench: operating point, efficiency, temperatures, vibration, spectrum.",
        [one("device", "Bench", offered(KEY))],
        marks(BENCH),
        since="now-6h",
    )
    return fill(
        made,
        [
            operating_point(), vibration_now(),
            speed(), torque(), power(),
            "Efficiency and heat",
            efficiency_map(), temperatures(),
            "Vibration",
            velocity(), acceleration(), running(),
            spectrum(), waveform(),
        ],
    )  # fmt: skip


def on_bench(*metrics: str) -> str:
    """SQL that is true of some metrics of the bench."""
    names = ", ".join(f"'{metric}'" for metric in metrics)
    return f"metric IN ({names}) AND {BENCH}"


def operating_point() -> stat.Panel:
    """What the motor does at this moment."""
    panel = number_panel(
        "Operating point",
        "The newest speed, torque and powers, if they lie in the chosen time, and the efficiency: "
        "mechanical over electrical power; when the motor brakes, electrical over mechanical.",
        f"""SELECT speed AS "Speed", torque AS "Torque", mechanical AS "Mechanical power",
  electrical AS "Electrical power",
  CASE WHEN mechanical > 0 AND electrical > 0 THEN 100 * mechanical / electrical
    WHEN mechanical < 0 AND electrical < 0 THEN 100 * electrical / mechanical END AS "Efficiency"
FROM (
  SELECT max(value) FILTER (WHERE metric = 'speed') AS speed,
    max(value) FILTER (WHERE metric = 'torque') AS torque,
    max(value) FILTER (WHERE metric = 'mechanical_power') AS mechanical,
    max(value) FILTER (WHERE metric = 'electrical_power') AS electrical
  FROM latest
  WHERE {on_bench("speed", "torque", "mechanical_power", "electrical_power")}
    AND $__timeFilter(ts)
) AS newest""",
    ).span(16)
    units = {
        "Speed": "rotrpm",
        "Torque": "forceNm",
        "Mechanical power": "watt",
        "Electrical power": "watt",
        "Efficiency": "percent",
    }
    return units_of(panel.decimals(1), units)


def vibration_now() -> stat.Panel:
    """How hard it shakes."""
    panel = number_panel(
        "Vibration now",
        "The newest root mean squares of the housing's velocity and acceleration, if they lie in "
        "the chosen time. The velocity is coloured by its zone, see below.",
        f"""SELECT max(value) FILTER (WHERE metric = 'vibration_velocity') AS "Velocity",
  max(value) FILTER (WHERE metric = 'vibration_rms') AS "Acceleration"
FROM latest
WHERE {on_bench("vibration_velocity", "vibration_rms")} AND $__timeFilter(ts)""",
    ).span(8)
    panel.override_by_name(
        "Velocity", [models.DynamicConfigValue("thresholds", ZONES.build().to_json())]
    )
    return units_of(panel.decimals(2), {"Velocity": "suffix: mm/s", "Acceleration": "accMS2"})


def speed() -> timeseries.Panel:
    """Of the shaft."""
    return lines(
        "Speed",
        "Mean speed of the shaft in each interval of the chosen time, in revolutions a minute. "
        "Steps are the programme of the bench; choose an hour to see its ramps.",
        on_bench("speed"),
        "metric",
    ).span(8)


def torque() -> timeseries.Panel:
    """Of the shaft."""
    return lines(
        "Torque",
        "Mean torque of the shaft against the brake in each interval. It is higher while the rotor "
        "speeds up, and below zero while the motor brakes.",
        on_bench("torque"),
        "metric",
    ).span(8)


def power() -> timeseries.Panel:
    """In and out."""
    return lines(
        "Power",
        "Mean power that the motor takes from the grid (electrical) and gives to the brake "
        "(mechanical). What lies between is heat.",
        on_bench("electrical_power", "mechanical_power"),
        "metric",
    ).span(8)


def efficiency_map() -> xychart.Panel:
    """Where the motor is good."""
    sql = f"""SELECT speed AS "Speed", torque AS "Torque",
  100 * mechanical / electrical AS "Efficiency"
FROM (
  SELECT $__timeGroup(ts, $__interval) AS time,
    sum(sum) FILTER (WHERE metric = 'speed') / sum(n) FILTER (WHERE metric = 'speed') AS speed,
    sum(sum) FILTER (WHERE metric = 'torque') / sum(n) FILTER (WHERE metric = 'torque') AS torque,
    sum(sum) FILTER (WHERE metric = 'mechanical_power')
      / sum(n) FILTER (WHERE metric = 'mechanical_power') AS mechanical,
    sum(sum) FILTER (WHERE metric = 'electrical_power')
      / sum(n) FILTER (WHERE metric = 'electrical_power') AS electrical
  FROM {rolled(on_bench("speed", "torque", "mechanical_power", "electrical_power"))} AS r
  GROUP BY 1
) AS points
WHERE mechanical > 0 AND electrical > mechanical AND torque IS NOT NULL
ORDER BY 1
LIMIT 1000"""
    panel = scatter(
        "Efficiency map",
        "Torque over speed, coloured by efficiency: a point for each interval of the chosen time "
        "in which the motor drove the brake, from the means of that interval. Choose a short time "
        "for single operating points: an hour's mean is of several.",
        sql,
        "Speed",
    )
    units = {"Speed": "rotrpm", "Torque": "forceNm", "Efficiency": "percent"}
    return units_of(coloured(panel, "Speed", "Torque", "Efficiency").max_data_points(POINTS), units)


def temperatures() -> timeseries.Panel:
    """Whether it gets too warm."""
    sql = f"""WITH points AS (
  SELECT $__timeGroup(ts, $__interval) AS time, metric, unit, sum(sum) / sum(n) AS value
  FROM {rolled(on_bench("winding_temperature", "housing_temperature"))} AS r
  GROUP BY 1, 2, 3
)
SELECT time, concat(metric, ' [' || unit || ']') AS metric, value FROM points
UNION ALL
SELECT time, concat(metric, ' ≤ [' || points.unit || ']'), maximum
FROM points JOIN metrics USING (metric)
WHERE maximum IS NOT NULL AND model = (SELECT model FROM devices WHERE {BENCH})
ORDER BY 1"""
    panel = time_panel(
        "Temperatures",
        "Mean temperature of winding and housing. Dashed lines, named ≤, are the highest values "
        "that the device's model allows: set them to the class of your insulation, 155 °C for "
        "class F (IEC 60085).",
        sql,
    )
    panel.height(10).unit("short").max_data_points(POINTS)
    dashes = {"fill": "dash", "dash": [10, 10]}
    limit = [
        models.DynamicConfigValue("custom.lineStyle", dashes),
        models.DynamicConfigValue("custom.fillOpacity", 0),
    ]
    return with_units(panel.override_by_regexp("/≤/", limit))


def velocity() -> timeseries.Panel:
    """How the machine is judged."""
    return zones_drawn(
        lines(
            "Vibration velocity",
            "Mean of the housing's velocity (root mean square). The areas are the zones A to D of "
            "ISO 20816-1:2016, Annex C, for small machines, up to 15 kW: from 0.71 mm/s B, 1.8 C, "
            "4.5 D. A is new; B may run for ever; C only until it can be mended; D damages. For "
            "machines above 15 kW ISO 20816-3 has other limits.",
            on_bench("vibration_velocity"),
            "metric",
        )
        .span(8)
        .min(0)
        .axis_soft_max(5)
        .thresholds(ZONES)
    )


def acceleration() -> timeseries.Panel:
    """Where a bearing is heard first."""
    return (
        lines(
            "Vibration acceleration",
            "Mean of the housing's acceleration (root mean square). Hard short impacts of a "
            "bearing show here weeks before they lift the velocity: compare it at the same speed.",
            on_bench("vibration_rms"),
            "metric",
        )
        .span(8)
        .min(0)
    )


def running() -> statetimeline.Panel:
    """When it turned."""
    return switch_timeline(
        "Running",
        "When the shaft turned, for at least a half of each interval. A stop outside of the "
        "programme is a command, or the drive's own protection.",
        on_bench("running"),
        on="Running",
        off="Standing",
    )


def spectrum() -> xychart.Panel:
    """What shakes."""
    panel = scatter(
        "Spectrum of the vibration",
        "Amplitudes in the newest second of the fast metric vibration: its discrete Fourier "
        "transform with a Hann window, at most 1,024 samples. The shaft is at speed / 60 Hz. "
        "Marked are the frequency at which balls pass a spot of a 6205 bearing's outer race (BPFO, "
        "3.585 times the shaft's) and its multiples: peaks there are a damage. Other bearings have "
        "other factors.",
        SPECTRUM,
        "Frequency",
    )
    return units_of(drawn(panel).span(16), {"Frequency": "hertz"})


def waveform() -> xychart.Panel:
    """The second itself."""
    panel = scatter(
        "Waveform",
        "The samples of the spectrum beside it: acceleration of the housing over the time before "
        "the newest one. Regular short spikes are impacts of a bearing; a smooth wave is "
        "unbalance.",
        WAVEFORM,
        "Time",
    )
    return units_of(drawn(panel).span(8), {"Time": "ms"})


def drawn(panel: xychart.Panel) -> xychart.Panel:
    """Points joined by lines, in m/s2."""
    legend = common.VizLegendOptions().show_legend(True)
    legend.display_mode(shapes.LegendDisplayMode.LIST).placement(shapes.LegendPlacement.BOTTOM)
    return panel.show(xy.ScatterShow.LINES).line_width(1).unit("accMS2").legend(legend)
