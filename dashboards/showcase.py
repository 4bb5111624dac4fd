"""What everybody may see of a device: the dashboard that a showcase's link leads to."""

from __future__ import annotations

from datetime import date
from typing import Any

from grafana_foundation_sdk.builders import dashboard

from dashboards.catalogue import plain
from dashboards.defaults import table_panel, time_panel, with_units

Json = dict[str, Any]


def showcase(
    number: int, device: str, tenant: str, delay_seconds: int, last_day: date
) -> tuple[str, Json]:
    """The uid and the JSON of a showcase's dashboard.

    A public dashboard has no variables: its queries name the showcase. They can read nothing but
    the view ``showcase_readings``, which delays and rounds.
    """
    uid = f"showcase-{number}"
    late = f"{delay_seconds // 60} minutes" if delay_seconds >= 60 else f"{delay_seconds} seconds"
    board = (
        dashboard.Dashboard(f"{device} · {tenant}")
        .uid(uid)
        .description(f"Shown by {tenant} until {last_day}, {late} late and rounded.")
        .tags(["technopark", "showcase"])
        .time("now-24h", "now")
        .refresh("1m")
        .timezone("browser")
    )
    newest = table_panel(
        "Newest values",
        f"The newest value of each metric that is shown, {late} late and rounded.",
        """SELECT DISTINCT ON (metric) metric AS "Metric", value AS "Value", unit AS "Unit",
  ts AS "Time"
FROM showcase_readings
WHERE showcase = NUMBER AND $__timeFilter(ts)
ORDER BY metric, ts DESC""".replace("NUMBER", str(number)),
    )
    history = with_units(
        time_panel(
            "History",
            f"The mean of each metric that is shown, {late} late and rounded.",
            """SELECT $__timeGroupAlias(ts, $__interval),
  concat(metric, ' [' || unit || ']') AS metric,
  avg(value) AS value
FROM showcase_readings
WHERE showcase = NUMBER AND $__timeFilter(ts)
GROUP BY 1, 2
ORDER BY 1""".replace("NUMBER", str(number)),
        ).unit("short")
    )
    return uid, plain(
        board.with_panel(newest.span(8).height(12).id(1)).with_panel(
            history.span(16).height(12).id(2)
        )
    )
