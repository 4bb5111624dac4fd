"""What everybody may see of a device: the dashboard that a showcase's link leads to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from grafana_foundation_sdk.builders import dashboard

from dashboards.catalogue import plain
from dashboards.defaults import table_panel, time_panel, with_units
from dashboards.language import Language, said, translated

Json = dict[str, Any]


# How late it is: in seconds as long as it is less than a minute.
LATE = ("{number} minutes", "{number} seconds")


def showcase(
    number: int,
    device: str,
    tenant: str,
    delay_seconds: int,
    last_day: date,
    language: Language = "en",
) -> tuple[str, Json]:
    """The uid and the JSON of a showcase's dashboard."""
    minutes, seconds = (said(language, text) for text in LATE)
    late, count = (
        (minutes, delay_seconds // 60) if delay_seconds >= 60 else (seconds, delay_seconds)
    )
    words = {
        "device": device,
        "tenant": tenant,
        "last_day": str(last_day),
        "late": late.replace("{number}", str(count)),
    }
    board: Json = filled(translated(template(number), language), words)
    return board["uid"], board


def filled(part: Any, words: Mapping[str, str]) -> Any:
    """Names in the places of their words; last of all, as a device may be called like anything."""
    if isinstance(part, dict):
        return {key: filled(each, words) for key, each in part.items()}
    if isinstance(part, list):
        return [filled(each, words) for each in part]
    if isinstance(part, str):
        return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), part)
    return part


def template(number: int) -> Json:
    """The dashboard of a showcase, with words such as `{device}` in the places of names.

    A public dashboard has no variables: its queries name the showcase. They can read nothing but
    the view ``showcase_readings``, which delays and rounds.
    """
    board = (
        dashboard.Dashboard("{device} · {tenant}")
        .uid(f"showcase-{number}")
        .description("Shown by {tenant} until {last_day}, {late} late and rounded.")
        .tags(["technopark", "showcase"])
        .time("now-24h", "now")
        .refresh("1m")
        .timezone("browser")
    )
    newest = table_panel(
        "Newest values",
        "The newest value of each metric that is shown, {late} late and rounded.",
        """SELECT DISTINCT ON (metric) metric AS "Metric", value AS "Value", unit AS "Unit",
  ts AS "Time"
FROM showcase_readings
WHERE showcase = NUMBER AND $__timeFilter(ts)
ORDER BY metric, ts DESC""".replace("NUMBER", str(number)),
    )
    history = with_units(
        time_panel(
            "History",
            "The mean of each metric that is shown, {late} late and rounded.",
            """SELECT $__timeGroupAlias(ts, $__interval),
  concat(metric, ' [' || unit || ']') AS metric,
  avg(value) AS value
FROM showcase_readings
WHERE showcase = NUMBER AND $__timeFilter(ts)
GROUP BY 1, 2
ORDER BY 1""".replace("NUMBER", str(number)),
        ).unit("short")
    )
    return plain(
        board.with_panel(newest.span(8).height(12).id(1)).with_panel(
            history.span(16).height(12).id(2)
        )
    )
