"""What Grafana asks when a dashboard is opened: its variables, its marks and its panels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from dashboards.catalogue import panels_of
from dashboards.intervals import DEFAULT_MINIMUM
from dashboards.macros import Value, View, expand, seconds

Json = dict[str, Any]
Session = psycopg.Connection[Any]

# Pixels of a panel for each of the 24 columns, on a wide screen: its points, if it says no less.
COLUMN = 70


@dataclass(frozen=True)
class Answer:
    """What the database says.

    Attributes:
        columns: their names.
        rows: as they came.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]

    def dicts(self) -> list[Json]:
        """The rows by the names of the columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Asked:
    """A query of a dashboard.

    Attributes:
        name: where it is.
        title: of its panel; or the name of the mark.
        kind: of the panel; or `variable`, `annotation`.
        target: the query as it is stored.
        view: what is looked at.
        repeated: the values of the variable for which the panel is repeated.
    """

    name: str
    title: str
    kind: str
    target: Json
    view: View
    repeated: Mapping[str, Value] = field(default_factory=dict)


def ask(session: Session, query: str, view: View, chosen: Mapping[str, Value]) -> Answer:
    """The rows of a query after what Grafana makes of it."""
    cursor = session.execute(expand(query, view, chosen).encode())
    return Answer([column.name for column in cursor.description or ()], cursor.fetchall())


def options(session: Session, variable: Json, view: View, chosen: Mapping[str, Value]) -> list[str]:
    """What a variable lets choose, as texts."""
    if variable["type"] == "query":
        answer = ask(session, variable["query"], view, chosen)
        place = answer.columns.index("__value") if "__value" in answer.columns else 0
        return [str(row[place]) for row in answer.rows]
    texts = re.split(r"\s*,\s*", str(variable["query"]))
    return [re.split(r"\s+:\s+", text)[-1] for text in texts]


def choose(
    session: Session, board: Json, view: View, *, everything: bool
) -> tuple[dict[str, Value], dict[str, list[str]]]:
    """What is chosen at the top of a dashboard.

    Args:
        session: of who looks.
        board: the dashboard.
        view: what is looked at.
        everything: "All" where there is such a choice and else the first one, as when the dashboard
            is opened; or of each variable the last single value.

    Returns:
        The values, and of each variable what else there was.
    """
    chosen: dict[str, Value] = {}
    there: dict[str, list[str]] = {}
    for variable in board["templating"]["list"]:
        if variable["type"] == "datasource":
            continue
        name = variable["name"]
        there[name] = found = options(session, variable, view, chosen)
        current = (variable.get("current") or {}).get("value")
        if variable.get("includeAll") and (everything or not found):
            chosen[name] = ["*"] if variable.get("allValue") == "'*'" else found
        elif everything and isinstance(current, str) and current in found:
            chosen[name] = current
        else:
            single = (found or [""])[0 if everything else -1]
            chosen[name] = [single] if variable.get("multi") else single
    return chosen, there


def view_of(panel: Json, start: datetime, end: datetime) -> View:
    """What a panel looks at, with the interval that Grafana chooses for it."""
    least = panel.get("interval")
    minimum = timedelta(seconds=seconds(least.lstrip(">"))) if least else DEFAULT_MINIMUM
    points = panel.get("maxDataPoints") or panel["gridPos"]["w"] * COLUMN
    if since := panel.get("timeFrom"):
        # The time of its own, whatever is chosen at the top.
        start = end - timedelta(seconds=seconds(since.removeprefix("now-")))
    return View.of(start, end, int(points), minimum)


def queries_of(
    board: Json, start: datetime, end: datetime, there: Mapping[str, list[str]]
) -> Iterator[Asked]:
    """Every query of a dashboard, but for those of its variables.

    Args:
        board: the dashboard.
        start: of what is looked at.
        end: of what is looked at.
        there: what each variable lets choose; a repeated panel is asked for the first of it.
    """
    whole = View.of(start, end, 24 * COLUMN)
    for mark in board.get("annotations", {}).get("list", []):
        name = f"{board['uid']}: mark {mark['name']}"
        yield Asked(name, mark["name"], "annotation", mark["target"], whole)
    for panel in panels_of(board):
        for target in panel.get("targets", []):
            name = f"{board['uid']}: {panel['title']} [{target['refId']}]"
            view = view_of(panel, start, end)
            yield Asked(name, panel["title"], panel["type"], target, view, first(panel, there))


def first(panel: Json, there: Mapping[str, list[str]]) -> dict[str, Value]:
    """The value for which a panel is repeated first."""
    name = panel.get("repeat")
    return {name: there[name][:1]} if name and there[name] else {}
