"""Device: how one device is doing, what it measures, and what went wrong."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, dashboard, stat, statetimeline, table
from grafana_foundation_sdk.models import dashboard as models

from dashboards import device_history
from dashboards.annotations import (
    bookings,
    commands,
    connection_losses,
    rejection_bursts,
    stage_changes,
)
from dashboards.defaults import (
    fixed,
    number_panel,
    one,
    several,
    steps,
    table_panel,
    timeline_panel,
    with_lanes,
)
from dashboards.layout import board, fill
from dashboards.rolled import rolled
from dashboards.states import COLOURS, CONNECTION, STATE, coloured, mapped, silent_after

UID = "technopark-device"
# A value beside what the model says of it.
RANGE_WORDS = {
    "within": ("Within range", "green"),
    "late": ("Overdue", "orange"),
    "below": ("Below range", "red"),
    "above": ("Above range", "red"),
    "unknown": ("No range", "text"),
}
STATUSES = {
    "sent": ("Sent", "blue"),
    "done": ("Done", "green"),
    "refused": ("Refused", "orange"),
    "undelivered": ("Not delivered", "red"),
    "expired": ("No answer", "red"),
}
FLAGS = {
    "below-range": ("Below range", "red"),
    "above-range": ("Above range", "red"),
}


def device_board() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Device",
        "One device: its state, its newest values, the history of each metric, what went wrong.",
        [device(), metric(), silent_after()],
        [
            stage_changes(),
            bookings(),
            rejection_bursts(),
            connection_losses(),
            commands(),
        ],
    )
    return fill(
        made,
        [
            state(), last_seen(), about(), counts(),
            newest_values(), states_over_time(),
            "History",
            device_history.metric_over_time(),
            "What went wrong",
            connection(),
            out_of_range(), rejections(),
            "Commands",
            commands_sent(),
        ],
    )  # fmt: skip


def device() -> dashboard.QueryVariable:
    """Which device; by its name, and its id where that is another."""
    return one(
        "device",
        "Device",
        "SELECT CASE WHEN name IN (device, '') THEN device ELSE name || ' · ' || device END "
        "AS __text, device AS __value FROM devices ORDER BY device",
    )


def metric() -> dashboard.QueryVariable:
    """Which of its metrics have a history."""
    return several(
        "metric",
        "Metric",
        "SELECT metric FROM latest WHERE device = '$device' AND value IS NOT NULL ORDER BY metric",
    )


def state() -> stat.Panel:
    """How it is doing."""
    panel = number_panel(
        "State",
        "Reporting: heard within “Silent after”. Disconnected: heard within it, but its last word "
        "was that it is offline. Silent: not heard for longer. Never heard: nothing came yet.",
        f"""SELECT {STATE} AS "State"
FROM devices
WHERE device = '$device'""",
    )
    return (
        whole_text(panel)
        .span(4)
        .override_by_name("State", [models.DynamicConfigValue("mappings", mapped(COLOURS))])
    )


def whole_text(panel: stat.Panel) -> stat.Panel:
    """Show columns that are no numbers too, as they are."""
    shown = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("/.*/")
    return panel.reduce_options(shown).unit("none").no_value("–")


def last_seen() -> stat.Panel:
    """For how long it has said nothing."""
    return (
        number_panel(
            "Last heard",
            "How long ago its last message came, whatever the chosen time: telemetry, attributes "
            "or its status. A dash: nothing has come yet.",
            """SELECT extract(epoch FROM now() - last_seen) AS "Last heard"
FROM devices
WHERE device = '$device'""",
        )
        .span(4)
        .unit("s")
        .no_value("–")
    )


def about() -> stat.Panel:
    """What it is, whose and where."""
    return whole_text(
        number_panel(
            "About",
            "Its stage of life, the tenant that owns it, the lab where it stands and its model, "
            "as they are in the registry at this moment.",
            """SELECT stage AS "Stage", tenant AS "Owner", labs.name AS "Lab", model AS "Model"
FROM devices
LEFT JOIN labs USING (lab)
WHERE device = '$device'""",
        )
    ).span(10)


def counts() -> stat.Panel:
    """How much came, and how much was refused."""
    thresholds = steps("text", (1, "orange")).build().to_json()
    return (
        number_panel(
            "Values and rejections",
            "Numbers and booleans stored in the chosen time (of half a day and more: in its whole "
            "hours or days), and messages or parts of one that were not stored. Only the owner, "
            "its park and operators see rejections.",
            f"""SELECT values AS "Values", refused AS "Rejections"
FROM (SELECT coalesce(sum(n), 0) AS values FROM {rolled("device = '$device'")} AS r) AS stored,
  (SELECT count(*) AS refused FROM rejections
   WHERE $__timeFilter(ts) AND device = '$device') AS rejected""",
        )
        .span(6)
        .override_by_name("Rejections", [models.DynamicConfigValue("thresholds", thresholds)])
        .override_by_name("Values", [fixed("text")])
    )


def newest_values() -> table.Panel:
    """What came last of each metric, beside what the model expects."""
    panel = table_panel(
        "Newest values",
        "The newest value of every metric, whatever the chosen time; a boolean is 1 or 0. Range: "
        "what the model holds for plausible. Overdue: older than three of the model's intervals.",
        """SELECT l.metric AS "Metric", coalesce(l.value::text, l.state #>> '{}') AS "Value",
  l.unit AS "Unit",
  CASE
    WHEN m.minimum IS NULL THEN '≤ ' || m.maximum
    WHEN m.maximum IS NULL THEN '≥ ' || m.minimum
    ELSE m.minimum || ' … ' || m.maximum
  END AS "Range",
  CASE
    WHEN l.value < m.minimum THEN 'below'
    WHEN l.value > m.maximum THEN 'above'
    WHEN l.ts < now() - 3 * m.expected_interval_seconds * INTERVAL '1 second' THEN 'late'
    WHEN m.minimum IS NULL AND m.maximum IS NULL THEN 'unknown'
    ELSE 'within'
  END AS "State",
  extract(epoch FROM now() - l.ts) AS "Age"
FROM latest l
JOIN devices d USING (device)
LEFT JOIN metrics m ON m.model = d.model AND m.metric = l.metric
WHERE l.device = '$device'
ORDER BY l.metric
LIMIT 100""",
    )
    panel.override_by_name("Age", [models.DynamicConfigValue("unit", "s")])
    return coloured(panel, "State", RANGE_WORDS)


def states_over_time() -> statetimeline.Panel:
    """Its texts, a lane for each."""
    panel = timeline_panel(
        "States over time",
        "What its texts said and from when on, a lane for each metric; the 1,000 newest changes. "
        "A lane begins at the first change in the chosen time.",
        """SELECT time, metric AS "Metric", value AS "Value"
FROM (
  SELECT ts AS time, metric, value #>> '{}' AS value,
    lag(value) OVER (PARTITION BY metric ORDER BY ts) IS DISTINCT FROM value AS changed
  FROM states
  WHERE $__timeFilter(ts) AND device = '$device' AND jsonb_typeof(value) <> 'object'
) AS s
WHERE changed
ORDER BY time DESC
LIMIT 1000""",
    )
    return with_lanes(panel, "Metric")


def connection() -> statetimeline.Panel:
    """When it was connected."""
    return (
        timeline_panel(
            "Connection",
            "From when until when the device was connected to the broker, by its own status and "
            "the broker's word of its loss; the 1,000 newest changes. Devices by HTTP have none.",
            """SELECT time, CASE WHEN online THEN 'online' ELSE 'offline' END AS "Connection"
FROM (
  SELECT ts AS time, online FROM connections
  WHERE $__timeFilter(ts) AND device = '$device'
  UNION ALL
  (SELECT $__timeFrom()::timestamptz, online FROM connections
  WHERE ts < $__timeFrom() AND device = '$device'
  ORDER BY ts DESC LIMIT 1)
) AS c
ORDER BY time DESC
LIMIT 1000""",
        )
        .height(4)
        .span(24)
        .override_by_name("Connection", [models.DynamicConfigValue("mappings", mapped(CONNECTION))])
    )


def out_of_range() -> table.Panel:
    """Which metrics left the range of the model, and when."""
    panel = table_panel(
        "Out of range",
        "Values outside of what the model holds for plausible, in the chosen time. They are "
        "stored all the same: check the sensor, or the range of the model.",
        """SELECT metric AS "Metric", flag AS "What", count(*) AS "Values", min(ts) AS "First",
  max(ts) AS "Last"
FROM flags
WHERE $__timeFilter(ts) AND device = '$device'
GROUP BY metric, flag
ORDER BY "Values" DESC
LIMIT 100""",
    )
    return coloured(panel, "What", FLAGS)


def rejections() -> table.Panel:
    """What was refused, and why."""
    return table_panel(
        "Rejections",
        "Messages, or parts of one, that were not stored; the latest 100 of the chosen time. They "
        "can be replayed when the cause is mended. Only the owner, its park and operators see "
        "them.",
        """SELECT ts AS "Time", reason AS "Reason", detail AS "Detail", topic AS "Topic",
  replayed_at AS "Replayed"
FROM rejections
WHERE $__timeFilter(ts) AND device = '$device'
ORDER BY ts DESC
LIMIT 100""",
    )


def commands_sent() -> table.Panel:
    """What it was told to do, and what it answered."""
    panel = table_panel(
        "Commands sent",
        "What the device was told to do in the chosen time, the latest 100; how long its answer "
        "took, and why it refused. No answer: none came while the command was valid. Only the "
        "owner, its park and operators see them.",
        """SELECT ts AS "Time", name AS "Command", status AS "Status",
  extract(epoch FROM replied_at - ts) AS "Answered after", reason AS "Why"
FROM commands
WHERE $__timeFilter(ts) AND device = '$device'
ORDER BY ts DESC
LIMIT 100""",
    ).span(24)
    panel.override_by_name("Answered after", [models.DynamicConfigValue("unit", "s")])
    return coloured(panel, "Status", STATUSES)
