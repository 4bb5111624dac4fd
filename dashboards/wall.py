"""Lab and testbed wall: a lab on a television, without a mouse."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from dashboards.annotations import bookings, rejection_bursts
from dashboards.defaults import number_panel, one, table_panel, time_panel, with_units
from dashboards.layout import board, fill
from dashboards.rolled import rolled
from dashboards.states import COLOURS, STATE, coloured, mapped, silent_after

UID = "technopark-wall"
IN_LAB = "device IN (SELECT device FROM devices WHERE lab = '$lab' AND stage <> 'retired')"
# So many lines can be told apart from afar.
TWENTY = """metric = '$metric' AND device = ANY(ARRAY(
    SELECT device FROM devices WHERE lab = '$lab' AND stage <> 'retired' ORDER BY device LIMIT 20
  ))"""
# Mapped values are numbers: a tile is made of a number, and named by the text beside it.
NUMBERS = {str(number): look for number, look in enumerate(COLOURS.values())}
WRONG = {
    "below-range": ("Below range", "orange"),
    "above-range": ("Above range", "orange"),
    "silent": ("Silent", "red"),
    "disconnected": ("Disconnected", "orange"),
    "rejected": ("Rejected", "orange"),
}


def wall() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Lab and testbed wall",
        "A lab on a television: every device, who has the testbeds, what is wrong. Open it with "
        "“kiosk” at the end of its address.",
        [lab(), metric(), silent_after()],
        [bookings(IN_LAB), rejection_bursts(IN_LAB)],
        since="now-6h",
    ).refresh("10s")
    return fill(
        made,
        [
            tiles(),
            testbeds(), wrong(),
            metric_by_device(),
        ],
    )  # fmt: skip


def lab() -> dashboard.QueryVariable:
    """Which lab."""
    return one(
        "lab",
        "Lab",
        "SELECT park_name || ' · ' || name AS __text, lab AS __value FROM labs "
        "ORDER BY park_name, name",
    )


def metric() -> dashboard.QueryVariable:
    """Which metric the large chart shows; at first the one that most devices of the lab have."""
    return one(
        "metric",
        "Metric",
        f"SELECT metric FROM latest WHERE value IS NOT NULL AND {IN_LAB} "
        "GROUP BY metric ORDER BY count(*) DESC, metric",
    )


def tiles() -> stat.Panel:
    """A tile for each device."""
    return (
        number_panel(
            "Devices",
            "Every device of the lab that is not retired, with its owner, in order of their names: "
            "green reports, orange is disconnected, red is silent for longer than “Silent after”, "
            "grey was never heard. 60 at most.",
            f"""SELECT
  concat_ws(' · ', coalesce(nullif(d.name, ''), device), tenants.name) AS "Device",
  array_position(ARRAY['reporting', 'disconnected', 'silent', 'never'], {STATE}) - 1 AS "State"
FROM devices d
JOIN tenants USING (tenant)
WHERE lab = '$lab' AND stage <> 'retired'
ORDER BY lower(d.name), device
LIMIT 60""",
        )
        .height(9)
        .span(24)
        .unit("none")
        .color_mode(shapes.BigValueColorMode.BACKGROUND)
        .reduce_options(common.ReduceDataOptions().calcs([]).values(True).limit(60))
        .override_by_name("State", [models.DynamicConfigValue("mappings", mapped(NUMBERS))])
    )


def testbeds() -> table.Panel:
    """Who has what, and who is next."""
    return (
        table_panel(
            "Testbeds now and next",
            "Every device of the lab with a slot at this moment or in the next seven days: who has "
            "it until when, and who is next. “Free”: nobody has booked it now.",
            f"""SELECT coalesce(nullif(d.name, ''), device) AS "Testbed",
  min(coalesce(t.name, b.tenant)) FILTER (WHERE starts_at <= now()) AS "Now",
  min(ends_at) FILTER (WHERE starts_at <= now()) AS "Until",
  (array_agg(coalesce(t.name, b.tenant) ORDER BY starts_at) FILTER (WHERE starts_at > now()))[1]
    AS "Next",
  min(starts_at) FILTER (WHERE starts_at > now()) AS "From"
FROM bookings b
JOIN devices d USING (device)
LEFT JOIN tenants t ON t.tenant = b.tenant
WHERE ends_at > now() AND starts_at < now() + INTERVAL '7 days' AND {IN_LAB}
GROUP BY d.name, device
ORDER BY 1
LIMIT 20""",
        )
        .height(8)
        .no_value("–")
        .override_by_name("Now", [models.DynamicConfigValue("noValue", "Free")])
    )


def wrong() -> table.Panel:
    """What somebody should look at."""
    panel = (
        table_panel(
            "What is wrong",
            "Devices of the lab that are silent or disconnected, and those with values out of "
            "the range of their model or with rejections in the last hour; the latest first.",
            f"""SELECT coalesce(nullif(d.name, ''), device) AS "Device", what AS "What",
  detail AS "Of", n AS "Times", last AS "Last"
FROM (
  SELECT device, flag AS what, metric AS detail, count(*) AS n, max(ts) AS last
  FROM flags
  WHERE ts BETWEEN now() - INTERVAL '1 hour' AND now() AND {IN_LAB}
  GROUP BY 1, 2, 3
  UNION ALL
  SELECT device, 'rejected', reason, count(*), max(ts)
  FROM rejections
  WHERE ts BETWEEN now() - INTERVAL '1 hour' AND now() AND {IN_LAB}
  GROUP BY 1, 2, 3
  UNION ALL
  SELECT device, {STATE}, NULL, NULL, last_seen
  FROM devices
  WHERE {IN_LAB}
) AS found
JOIN devices d USING (device)
WHERE what NOT IN ('reporting', 'never')
ORDER BY last DESC
LIMIT 20""",
        )
        .height(8)
        .no_value("–")
    )
    return coloured(panel, "What", WRONG)


def metric_by_device() -> timeseries.Panel:
    """The chosen metric of the lab."""
    return with_units(
        time_panel(
            "$metric",
            "Mean of the chosen metric for each device of the lab, with its unit in brackets; the "
            "first 20 in order of their ids.",
            f"""SELECT $__timeGroupAlias(ts, $__interval),
  concat(device, ' [' || unit || ']') AS metric,
  sum(sum) / sum(n) AS value
FROM {rolled(TWENTY)} AS r
GROUP BY device, unit, 1
ORDER BY 1""",
        )
        .height(10)
        .span(24)
        .unit("short")
        .fill_opacity(0)
        .line_width(2)
    )
