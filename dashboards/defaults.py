"""What all panels have in common: where they ask, how they are drawn, how they are described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    stat,
    statetimeline,
    table,
    timeseries,
    xychart,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

# The data source that the sync and the files make. Grafana keeps its plug-in's first name as an
# alias.
DATASOURCE = models.DataSourceRef(type_val="grafana-postgresql-datasource", uid="technopark")
# What dashboards ask: the one that is chosen at the top, which is the organisation's own unless
# somebody adds another. So a dashboard may be copied into any Grafana.
CHOSEN_SOURCE = models.DataSourceRef(type_val=DATASOURCE.type_val, uid="${source}")

# Grafana's names of units that our devices send, by their UCUM code.
# Source: Grafana, packages/grafana-data/src/valueFormats/categories.ts.
GRAFANA_UNITS: Mapping[str, str] = {
    "Cel": "celsius",
    "K": "kelvin",
    "%": "percent",
    "Pa": "pressurepa",
    "hPa": "pressurehpa",
    "mbar": "pressurembar",
    "V": "volt",
    "mV": "mvolt",
    "A": "amp",
    "mA": "mamp",
    "W": "watt",
    "kW": "kwatt",
    "W/m2": "Wm2",
    "W.h": "watth",
    "kW.h": "kwatth",
    "Ohm": "ohm",
    "mOhm": "mohm",
    "Hz": "hertz",
    "{rev}/min": "rotrpm",
    "m/s": "velocityms",
    "mm/s": "suffix: mm/s",
    "m/s2": "accMS2",
    "N.m": "forceNm",
    "lx": "lux",
    "[ppm]": "ppm",
    "ug/m3": "conμgm3",
    "deg": "degree",
    "mm": "lengthmm",
    "cm": "suffix: cm",
    "m": "lengthm",
    "km": "lengthkm",
    "km/h": "velocitykmh",
    "mm/h": "suffix: mm/h",
    "var": "voltampreact",
    "h": "h",
    "s": "s",
}

Format = Literal["table", "time_series"]
Panel = TypeVar(
    "Panel",
    barchart.Panel,
    bargauge.Panel,
    stat.Panel,
    statetimeline.Panel,
    table.Panel,
    timeseries.Panel,
    xychart.Panel,
)
# Enough for the width of a screen; more cost time and cannot be told apart.
MOST_POINTS = 500
# Of one that opens the dashboard of the device in it, as far as the same time is wanted there.
DEVICE_LINK = "/d/technopark-device?var-device=${__data.fields.Device}&${__url_time_range}"


class Query(Builder[Dataquery], Dataquery):
    """A query in SQL, in the shape that Grafana's PostgreSQL data source stores it.

    Grafana's SDK knows the data sources' common parts only, so this one says what it needs.
    """

    def __init__(self, sql: str, shape: Format, ref_id: str = "A") -> None:
        self.sql = sql
        self.shape = shape
        self.ref_id = ref_id

    def build(self) -> Dataquery:
        """Itself: it is plain data."""
        return self

    def to_json(self) -> dict[str, Any]:
        """The stored form."""
        return {
            "refId": self.ref_id,
            "datasource": CHOSEN_SOURCE.to_json(),
            "editorMode": "code",
            "format": self.shape,
            "rawQuery": True,
            "rawSql": self.sql,
        }


def described(panel: Panel, title: str, description: str, query: Query) -> Panel:
    """A panel with its title, its explanation for the reader, and its query."""
    panel.title(title).description(description).datasource(CHOSEN_SOURCE)
    return panel.with_target(query)


def steps(first: str, *rest: tuple[float, str]) -> dashboard.ThresholdsConfig:
    """Colours: the first for the lowest values, each other from its value on."""
    found = [models.Threshold(value=None, color=first)]
    found += [models.Threshold(value=value, color=colour) for value, colour in rest]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(found)


def fixed(colour: str) -> models.DynamicConfigValue:
    """One colour, whatever the value."""
    return models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def number_panel(title: str, description: str, sql: str) -> stat.Panel:
    """Big numbers: one for each column of the single row that ``sql`` returns.

    What is counted over a day or more is counted by the hour: a number needs few points.
    """
    return (
        described(stat.Panel(), title, description, Query(sql, "table"))
        .height(4)
        .max_data_points(100)
        .unit("short")
        # Neither good nor bad: Grafana's own would make every number from 80 on red.
        .thresholds(steps("text"))
        .color_mode(shapes.BigValueColorMode.VALUE)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )


def time_panel(title: str, description: str, sql: str) -> timeseries.Panel:
    """Lines over time: ``sql`` returns ``time``, ``metric`` (the name of the line) and a value."""
    return (
        described(timeseries.Panel(), title, description, Query(sql, "time_series"))
        .height(8)
        .span(12)
        # Devices seldom send more often, and fewer points are drawn faster.
        .interval("5s")
        .max_data_points(MOST_POINTS)
        .fill_opacity(10)
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI))
    )


def bars(panel: timeseries.Panel, most_points: int = 100) -> timeseries.Panel:
    """Draw what is counted as stacked bars: where nothing came there is no bar."""
    return (
        panel.min(0)
        .max_data_points(most_points)
        .draw_style(shapes.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL))
    )


def timeline_panel(
    title: str, description: str, sql: str, shape: Format = "table"
) -> statetimeline.Panel:
    """Lanes of states over time: a column for each lane, or time series."""
    return (
        described(statetimeline.Panel(), title, description, Query(sql, shape))
        .height(9)
        .span(12)
        .unit("none")
        .merge_values(True)
        .line_width(0)
        .fill_opacity(70)
    )


def with_lanes(panel: statetimeline.Panel, column: str) -> statetimeline.Panel:
    """A lane for each value of a column."""
    options = {"fields": [column], "keepFields": False, "naming": {"asLabels": False}}
    return panel.with_transformation(
        models.DataTransformerConfig(id_val="partitionByValues", options=options)
    )


def table_panel(title: str, description: str, sql: str) -> table.Panel:
    """Rows as they come."""
    return (
        described(table.Panel(), title, description, Query(sql, "table"))
        .height(9)
        .span(12)
        .unit("none")
        .cell_height(shapes.TableCellHeight.SM)
    )


def with_device_links(panel: table.Panel) -> table.Panel:
    """Let a click on a value of the column "Device" open the dashboard of that device."""
    link = {"title": "Open the device", "url": DEVICE_LINK}
    return panel.override_by_name("Device", [models.DynamicConfigValue("links", [link])])


def with_units(panel: timeseries.Panel) -> timeseries.Panel:
    """Give every line whose name ends in a UCUM code in brackets Grafana's name of that unit."""
    for code, unit in GRAFANA_UNITS.items():
        escaped = "".join(f"\\{c}" if c in r"\/.[]{}" else c for c in code)
        panel.override_by_regexp(rf"/\[{escaped}\]$/", [models.DynamicConfigValue("unit", unit)])
    return panel


def several(name: str, label: str, sql: str) -> dashboard.QueryVariable:
    """A variable of which any number of values may be chosen.

    "All" is the single value ``'*'``, so that a query can let everything pass, rows without a
    value included, and stays short whatever the number of choices.
    """
    return (
        one(name, label, sql)
        .multi(True)
        .include_all(True)
        .all_value("'*'")
        .current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def one(name: str, label: str, sql: str) -> dashboard.QueryVariable:
    """A variable of which exactly one value is chosen."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(CHOSEN_SOURCE)
        .query(sql)
        .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
    )
