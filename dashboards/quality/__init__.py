"""Data quality: what is missing, when it was silent, how late it came, what cannot be true.

The figures mean what they mean in the platform's own report, docs/quality.md.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, table
from grafana_foundation_sdk.models import dashboard as models

from dashboards import traffic
from dashboards.annotations import rejection_bursts, stage_changes
from dashboards.completeness import COMPLETE, with_completeness
from dashboards.defaults import number_panel, several, steps, table_panel, with_device_links
from dashboards.layout import board, fill
from dashboards.quality import history
from dashboards.quality.choice import CHOSEN, FLAGGED, IS_METRIC, OF_DEVICES, SAMPLE, WATCHED
from dashboards.rolled import DAYS_OF_MANY, rolled

UID = "technopark-quality"


def data_quality() -> dashboard.Dashboard:
    """The whole dashboard. Its panels fill rows of 24 columns in this order."""
    made = board(
        UID,
        "Data quality",
        "What should have come and did not, when devices were silent, what came late, twice or "
        "out of range, and what was refused.",
        [tenant(), device(), metric()],
        [rejection_bursts(CHOSEN), stage_changes(CHOSEN)],
        since="now-7d",
    )
    return fill(
        made,
        [
            completeness(), late(), out_of_range(), rejections(),
            least_complete(), silences(),
            history.completeness_by_device(), history.completeness_by_metric(),
            history.arrivals(), history.out_of_range(),
            traffic.rejections_by_reason(CHOSEN), history.connection(),
        ],
    )  # fmt: skip


def tenant() -> dashboard.QueryVariable:
    """Whose devices."""
    return several("tenant", "Tenant", "SELECT DISTINCT tenant FROM devices ORDER BY tenant")


def device() -> dashboard.QueryVariable:
    """Which of their devices."""
    return several(
        "device",
        "Device",
        "SELECT device FROM devices WHERE stage <> 'retired' "
        "AND ('*' IN ($tenant) OR tenant IN ($tenant)) ORDER BY device",
    )


def metric() -> dashboard.QueryVariable:
    """Which metrics: numbers and booleans only are counted."""
    return several(
        "metric",
        "Metric",
        f"SELECT DISTINCT metric FROM latest WHERE value IS NOT NULL AND {CHOSEN} ORDER BY metric",
    )


def share(panel: stat.Panel) -> stat.Panel:
    """A share of what came, of which little is well."""
    colours = steps("green", (1, "orange"), (10, "red"))
    return panel.span(6).unit("percent").decimals(1).no_value("no data").thresholds(colours)


def completeness() -> stat.Panel:
    """How much of what was expected came."""
    return (
        number_panel(
            "Completeness of the last 24 hours",
            "Values that came, of those that the models expect by their intervals, in the last 24 "
            "whole hours. Of many devices 200 are counted, always the same ones. Below 80 it is "
            "red: see which metrics are at fault below.",
            f"""SELECT 100 * least(sum(stored), sum(expected)) / nullif(sum(expected), 0)
  AS "Complete"
FROM completeness
WHERE {IS_METRIC} AND device = ANY(ARRAY(
  SELECT device FROM devices WHERE {OF_DEVICES} ORDER BY md5(device) LIMIT 200
))""",
        )
        .span(6)
        .unit("percent")
        .decimals(1)
        .no_value("no data")
        .thresholds(COMPLETE)
    )


def late() -> stat.Panel:
    """How much came long after its time."""
    return share(
        number_panel(
            "Late",
            "Values that came more than 60 seconds after their time, of all that came in the days "
            "of the chosen time. Much of it: the network was away and a buffer was sent later, or "
            "the clock of the device is slow.",
            f"""SELECT 100 * sum(late) / nullif(sum(readings), 0) AS "Late"
FROM arrivals
WHERE day >= $__timeFrom()::timestamptz::date AND day <= $__timeTo()::timestamptz::date
  AND {IS_METRIC} AND {SAMPLE}""",
        )
    )


def out_of_range() -> stat.Panel:
    """How much cannot be true."""
    return share(
        number_panel(
            "Out of range",
            "Values outside of the range of the model, of all that came in the chosen time. They "
            "are stored, with a flag. Check the sensor and how it is fixed, or mend the range of "
            "the model.",
            f"""WITH came AS (
  SELECT ts, n FROM {rolled(f"{IS_METRIC} AND {SAMPLE}", days=DAYS_OF_MANY)} AS r
)
SELECT 100.0 * least(sum(n), (
    SELECT count(*) FROM {FLAGGED} AS f WHERE ts >= (SELECT min(ts) FROM came)
  )) / nullif(sum(n), 0) AS "Out of range"
FROM came""",
        )
    )


def rejections() -> stat.Panel:
    """How much was refused."""
    return traffic.rejections(
        CHOSEN,
        "Messages, or parts of one, that were not stored in the chosen time, of any metric. Those "
        "of unknown devices count only while tenant and device are both “All”, for operators.",
    )


def least_complete() -> table.Panel:
    """What does not come as often as it should."""
    panel = table_panel(
        "Least complete metrics of the last 24 hours",
        "How many values came of those that the model expects, in the last 24 whole hours, the "
        "worst first, 100 at most; of the 60 chosen devices that were heard the longest ago. "
        "Metrics without an expected interval are not here.",
        f"""SELECT device AS "Device", metric AS "Metric", stored AS "Came",
  expected AS "Expected", percent AS "Complete"
FROM completeness
WHERE {IS_METRIC} AND {WATCHED}
ORDER BY percent, device, metric
LIMIT 100""",
    )
    for name in ("Came", "Expected"):
        panel.override_by_name(name, [models.DynamicConfigValue("decimals", 0)])
    return with_device_links(with_completeness(panel))


def silences() -> table.Panel:
    """Who said nothing, from when until when."""
    panel = table_panel(
        "Longest silences",
        "Times in which none of a device's chosen metrics came: more than an hour and more than "
        "three expected intervals; from a chosen time of ten days on, more than a day. Of the "
        "chosen devices, the 100 that were heard the longest ago (15, from four days on). Without "
        "an end, it is silent still.",
        history.SILENCES,
    )
    panel.max_data_points(100)
    panel.override_by_name("Silent for", [models.DynamicConfigValue("unit", "s")])
    return with_device_links(panel)
