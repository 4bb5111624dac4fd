"""A dashboard as all of ours are: the data source, the links to the others, panels in rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.defaults import CHOSEN_SOURCE, DATASOURCE

# By it dashboards find each other, and people ours.
TAG = "technopark"


class Panel(Protocol):
    """What the builders of all kinds of panels can do."""

    def id(self, id_val: int) -> Any:
        """Give it its number on the dashboard."""

    def build(self) -> models.Panel:
        """The panel."""


class Annotation(Builder[models.AnnotationQuery], models.AnnotationQuery):
    """Marks on all panels over time, by a query in SQL.

    It returns ``time``, ``text`` and, of a span, ``timeend``, all named so. Grafana's SDK has no
    query in SQL for annotations, so this one says what it needs.
    """

    def __init__(self, name: str, sql: str, colour: str, *, shown: bool = True) -> None:
        super().__init__(name=name, datasource=CHOSEN_SOURCE, enable=shown, icon_color=colour)
        self.sql = sql

    def build(self) -> Annotation:
        """Itself: it is plain data."""
        return self

    def to_json(self) -> dict[str, object]:
        """The stored form."""
        target = {
            "refId": "Anno",
            "editorMode": "code",
            "format": "table",
            "rawQuery": True,
            "rawSql": self.sql,
        }
        return {**super().to_json(), "target": target}


def board(
    uid: str,
    title: str,
    description: str,
    variables: Iterable[Any] = (),
    annotations: Iterable[Annotation] = (),
    since: str = "now-24h",
) -> dashboard.Dashboard:
    """A dashboard without panels.

    Args:
        uid: links and bookmarks hold it, so it never changes; it begins with ``technopark-``.
        title: its name.
        description: what it is for.
        variables: what is chosen at the top, beside the data source.
        annotations: marks on all panels over time.
        since: the beginning of the time that it shows first.
    """
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .time(since, "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(links())
        .with_variable(source())
    )
    for variable in variables:
        made.with_variable(variable)
    for annotation in annotations:
        made.annotation(annotation)
    return made


def links() -> dashboard.DashboardLink:
    """The other dashboards, with what is chosen at the top and the time."""
    return (
        dashboard.DashboardLink("Dashboards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def source() -> dashboard.DatasourceVariable:
    """Which data source: ours, hidden where there is no other."""
    return (
        dashboard.DatasourceVariable("source")
        .label("Data source")
        .type(str(DATASOURCE.type_val))
        .current(models.VariableOption(selected=True, text="Technopark", value=DATASOURCE.uid))
        .hide(models.VariableHide.HIDE_VARIABLE)
    )


def fill(made: dashboard.Dashboard, parts: Sequence[Panel | str]) -> dashboard.Dashboard:
    """Put panels on a dashboard, from the left to the right in rows of 24 columns.

    Args:
        made: the dashboard.
        parts: panels, and between them the headings of what follows.
    """
    for number, part in enumerate(parts, start=1):
        if isinstance(part, str):
            made.with_row(dashboard.Row(part).id(number))
        else:
            made.with_panel(part.id(number))
    return made
