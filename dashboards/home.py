"""Tenant home: the first look of a startup at all that is its own and all that it is shown."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, dashboard, stat, table, text, timeseries
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.text import TextMode

from dashboards import traffic
from dashboards.annotations import rejection_bursts, stage_changes
from dashboards.completeness import with_completeness
from dashboards.defaults import (
    bars,
    table_panel,
    time_panel,
    with_device_links,
)
from dashboards.layout import board, fill
from dashboards.states import COLOURS, STATE, coloured, devices_by_state, silent_after

UID = "technopark-home"
# Every device that the tenant sees.
ALL = "true"
BEGIN = """**No device yet?** Register one. Its secret is shown once, and with it the line that
sends a first value:

```sh
technopark device add "My first device"
```

What is refused is counted under *Rejections* here, with the reason.

**Look closer:** [one device](/d/technopark-device), [several side by side](/d/technopark-compare).
All dashboards, also those for your field, are under *Dashboards* at the top.
"""


def tenant_home() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Tenant home",
        "All devices of the tenant, and those that others show it: what lives, what is silent, "
        "what arrives, what was refused.",
        [silent_after()],
        [rejection_bursts(ALL), stage_changes(ALL)],
    )
    return fill(
        made,
        [
            devices_by_state(ALL), traffic.values_now(ALL), rejections(),
            devices(), begin(),
            arriving(), traffic.rejections_by_reason(ALL),
            newest_values(), least_complete(),
            owners(),
        ],
    )  # fmt: skip


def begin() -> text.Panel:
    """How to begin."""
    return (
        text.Panel()
        .title("How to begin")
        .description("From nothing to the first value on this page, and where to go from here.")
        .mode(TextMode.MARKDOWN)
        .content(BEGIN)
        .unit("none")
        .height(10)
        .span(8)
    )


def rejections() -> stat.Panel:
    """How much was refused."""
    return traffic.rejections(
        ALL,
        "Messages of the tenant's own devices, or parts of one, that were not stored in the "
        "chosen time. Why: below, and on the dashboard of the device.",
    )


def arriving() -> timeseries.Panel:
    """How much arrived."""
    return (
        bars(
            time_panel(
                "Values arriving",
                "Numbers and booleans for each second, by the time of the reading, in the last "
                "hour of the chosen time. A step down is a device that went away.",
                """SELECT $__timeGroupAlias(ts, $__interval),
  count(*) * 1000.0 / $__interval_ms AS "Values per second"
FROM telemetry
WHERE $__timeFilter(ts)
  AND ts > $__timeTo()::timestamptz - INTERVAL '1 hour'
GROUP BY 1
ORDER BY 1""",
            ),
            most_points=60,
        )
        .unit("suffix:/s")
        .time_from("1h")
        .legend(common.VizLegendOptions().show_legend(False))
    )


def devices() -> table.Panel:
    """Every device, those to look after first."""
    panel = table_panel(
        "Devices",
        "Every device that is not retired, one's own and those that others show; silent and "
        "disconnected ones first, 200 at most. A click on one opens its dashboard.",
        f"""SELECT device AS "Device", name AS "Name", {STATE} AS "State",
  extract(epoch FROM now() - last_seen) AS "Last heard", stage AS "Stage", lab AS "Lab",
  tenant AS "Owner"
FROM devices
WHERE stage <> 'retired'
ORDER BY array_position(ARRAY['silent', 'disconnected', 'never'], {STATE}), last_seen DESC
LIMIT 200""",
    )
    panel.height(10).span(16).override_by_name(
        "Last heard", [models.DynamicConfigValue("unit", "s")]
    )
    return with_device_links(coloured(panel, "State", COLOURS))


def least_complete() -> table.Panel:
    """What does not come as often as it should."""
    panel = table_panel(
        "Least complete metrics",
        "Of the last 24 whole hours, how many of the values came that the model expects, by "
        "its interval; the ten worst, among the 100 devices that were heard the longest "
        "ago. Metrics without an expected interval are not here.",
        """SELECT device AS "Device", metric AS "Metric", stored AS "Came",
  expected AS "Expected", percent AS "Complete"
FROM completeness
WHERE device = ANY(ARRAY(
  SELECT device FROM devices WHERE stage <> 'retired' ORDER BY last_seen LIMIT 100
))
ORDER BY percent, device, metric
LIMIT 10""",
    )
    return with_device_links(with_completeness(panel))


def newest_values() -> table.Panel:
    """What came last."""
    return with_device_links(
        table_panel(
            "Newest values",
            "The newest value of every metric, whatever the chosen time; the latest first, 100 at "
            "most. A boolean is 1 or 0.",
            """SELECT device AS "Device", metric AS "Metric",
  coalesce(value::text, state #>> '{}') AS "Value", unit AS "Unit", ts AS "Time"
FROM latest
ORDER BY ts DESC
LIMIT 100""",
        )
    )


def owners() -> table.Panel:
    """Whose devices the tenant sees: its own, and those of who shares with it."""
    return (
        table_panel(
            "Who shares with me",
            "Whose devices are seen here: one's own tenant and, a row each, those that show some "
            "of theirs by an agreement. How many there are, how many report, when one was heard "
            "last.",
            f"""SELECT tenant AS "Owner", count(*) AS "Devices",
  count(*) FILTER (WHERE {STATE} = 'reporting') AS "Reporting", max(last_seen) AS "Last heard"
FROM devices
WHERE stage <> 'retired'
GROUP BY tenant
ORDER BY 2 DESC
LIMIT 100""",
        )
        .span(24)
        .height(6)
    )
