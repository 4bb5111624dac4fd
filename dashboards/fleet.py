"""Fleet overview: which devices live, what arrives, what was rejected, what they measure."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as models

from dashboards import traffic
from dashboards.annotations import rejection_bursts
from dashboards.defaults import (
    bars,
    one,
    several,
    table_panel,
    time_panel,
    with_device_links,
    with_units,
)
from dashboards.layout import board, fill
from dashboards.rolled import DAYS_OF_MANY, rolled
from dashboards.states import devices_by_state, silent_after

UID = "technopark-fleet"
# What the reader chose at the top. A device without park or lab is seen under "All" only, and so is
# one that nobody knows.
CHOSEN = """('*' IN ($park) AND '*' IN ($tenant) AND '*' IN ($lab) OR device IN (
    SELECT device FROM devices
    WHERE ('*' IN ($park) OR park IN ($park))
      AND ('*' IN ($tenant) OR tenant IN ($tenant))
      AND ('*' IN ($lab) OR lab IN ($lab))
  ))"""
OF_METRIC = f"metric = '$metric' AND {CHOSEN}"
# Where each device is, found out once and not for each value.
PLACES = "(SELECT device, lab, park FROM devices OFFSET 0) AS places"
# So many lines can be told apart.
TWENTY = f"""metric = '$metric' AND device = ANY(ARRAY(
    SELECT device FROM latest WHERE metric = '$metric' AND {CHOSEN} ORDER BY device LIMIT 20
  ))"""


def fleet_overview() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Fleet overview",
        "All devices of the parks: alive or silent, what arrives, what was rejected.",
        [park(), tenant(), lab(), silent_after(), metric()],
        [rejection_bursts(CHOSEN)],
        since="now-1h",
    )
    return fill(
        made,
        [
            devices_by_state(CHOSEN), traffic.values_now(CHOSEN), rejections(),
            values_by_park(), traffic.rejections_by_reason(CHOSEN),
            silent_devices(), newest_values(),
            metric_by_lab(), metric_by_device(),
        ],
    )  # fmt: skip


def park() -> dashboard.QueryVariable:
    """Which parks."""
    return several(
        "park", "Park", "SELECT name AS __text, park AS __value FROM parks ORDER BY name"
    )


def tenant() -> dashboard.QueryVariable:
    """Which owners."""
    return several(
        "tenant", "Tenant", "SELECT name AS __text, tenant AS __value FROM tenants ORDER BY name"
    )


def lab() -> dashboard.QueryVariable:
    """Which labs of the chosen parks."""
    return several(
        "lab",
        "Lab",
        "SELECT name AS __text, lab AS __value FROM labs "
        "WHERE '*' IN ($park) OR park IN ($park) ORDER BY name",
    )


def metric() -> dashboard.QueryVariable:
    """Which metric the last row shows."""
    return one(
        "metric",
        "Metric",
        f"SELECT DISTINCT metric FROM latest WHERE value IS NOT NULL AND {CHOSEN} ORDER BY metric",
    )


def rejections() -> stat.Panel:
    """How much was refused."""
    return traffic.rejections(
        CHOSEN,
        "Messages, or parts of one, that were not stored in the chosen time. Those of unknown "
        "devices count only while park, tenant and lab are all “All”.",
    )


def values_by_park() -> timeseries.Panel:
    """How much arrives, and where."""
    return (
        bars(
            time_panel(
                "Values per second by park",
                "Numbers and booleans of the last three hours of the chosen time, by the time of "
                "the reading: of all devices, more would take long. Devices of virtual tenants "
                "that stand in no lab are under “no park”.",
                f"""SELECT $__timeGroupAlias(ts, $__interval),
  coalesce(park, 'no park') AS metric,
  count(*) * 1000.0 / $__interval_ms AS "Values per second"
FROM telemetry
JOIN {PLACES} USING (device)
WHERE $__timeFilter(ts)
  AND ts > $__timeTo()::timestamptz - INTERVAL '3 hours'
  AND {CHOSEN}
GROUP BY 1, 2
ORDER BY 1""",
            ),
            most_points=90,
        )
        .time_from("3h")
        .unit("suffix:/s")
    )


def silent_devices() -> table.Panel:
    """Whom to call."""
    panel = table_panel(
        "Devices that went silent",
        "Heard once, and not for longer than “Silent after”; the latest losses first, 100 at most.",
        f"""SELECT device AS "Device", tenants.name AS "Owner", labs.name AS "Lab",
  last_seen AS "Last seen", extract(epoch FROM now() - last_seen) AS "Silent for"
FROM devices
JOIN tenants USING (tenant)
LEFT JOIN labs USING (lab)
WHERE stage <> 'retired'
  AND last_seen < now() - INTERVAL '$silent_after'
  AND {CHOSEN}
ORDER BY last_seen DESC
LIMIT 100""",
    )
    panel.override_by_name("Silent for", [models.DynamicConfigValue("unit", "s")])
    return with_device_links(panel)


def newest_values() -> table.Panel:
    """What came last."""
    panel = table_panel(
        "Newest values",
        "The newest value of every metric, whatever the chosen time; the latest first, 100 at "
        "most. A boolean is 1 or 0; texts and objects are under State.",
        f"""SELECT ts AS "Time", device AS "Device", metric AS "Metric", value AS "Value",
  state::text AS "State", unit AS "Unit"
FROM latest
WHERE {CHOSEN}
ORDER BY ts DESC
LIMIT 100""",
    )
    return with_device_links(panel)


def metric_by_lab() -> timeseries.Panel:
    """One metric, one line for each lab."""
    return with_units(
        time_panel(
            "$metric by lab",
            "Mean of the chosen metric over all values of a lab, with its unit in brackets. "
            "Devices outside of labs are under “no lab”. Over more than three days, points are "
            "days.",
            f"""SELECT $__timeGroupAlias(ts, $__interval),
  concat(coalesce(lab, 'no lab'), ' [' || unit || ']') AS metric,
  sum(sum) / sum(n) AS value
FROM {rolled(OF_METRIC, days=DAYS_OF_MANY)} AS r
JOIN {PLACES} USING (device)
GROUP BY 1, lab, unit
ORDER BY 1""",
        )
        .unit("short")
        .max_data_points(100)
    )


def metric_by_device() -> timeseries.Panel:
    """One metric, one line for each device."""
    return with_units(
        time_panel(
            "$metric by device",
            "Mean of the chosen metric for each of the first 20 devices in order of their "
            "ids, with its unit in brackets. Choose a tenant or a lab to see others.",
            f"""SELECT $__timeGroupAlias(ts, $__interval),
  concat(device, ' [' || unit || ']') AS metric,
  sum(sum) / sum(n) AS value
FROM {rolled(TWENTY)} AS r
GROUP BY 1, 2
ORDER BY 1""",
        ).unit("short")
    )
