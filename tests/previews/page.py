"""A dashboard as a picture: its panels at their places, with what their queries answer."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from dashboards.asking import Answer, Session, ask, choose, view_of
from dashboards.macros import Value, View, seconds
from tests.previews import charts, figures
from tests.previews.units import BACKGROUND, EDGE, PANEL, TEXT, WEAK, colour

Json = dict[str, Any]

# Inches: of a column and a line of the grid, of the space around, of the heading and the foot.
COLUMN, LINE, GAP, HEAD, FOOT = 0.5, 0.27, 0.05, 0.62, 0.3
DPI = 120
MOST_REPEATED = 4
NOTE = (
    "Preview drawn by Technopark IoT from the panels' own queries, not a screenshot of Grafana. "
    "The data is simulated."
)


@dataclass(frozen=True)
class Placed:
    """A panel where it is drawn.

    Attributes:
        panel: its definition.
        chosen: of each variable the value, that for which it is repeated too.
        place: column, line, columns and lines of the grid.
    """

    panel: Json
    chosen: Mapping[str, Value]
    place: tuple[float, float, float, float]


def picture(session: Session, board: Json, end: datetime) -> bytes:
    """A dashboard as PNG, as it is opened.

    Args:
        session: of who looks.
        board: the dashboard.
        end: which moment is now.
    """
    start = end - timedelta(seconds=seconds(board["time"]["from"].removeprefix("now-")))
    whole = view_of({"gridPos": {"w": 24}}, start, end)
    chosen, there = choose(session, board, whole, everything=True)
    placed = list(places(board, chosen, there))
    # Those of several devices may be the same.
    marks = list(dict.fromkeys(marked(session, board, whole, chosen)))
    height = max(y + h for _, y, _, h in (each.place for each in placed)) * LINE + HEAD + FOOT
    figure = Figure((24 * COLUMN + 2 * GAP, height), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    heading(figure, board, chosen)
    for each in placed:
        if each.panel["type"] == "row":
            x, y = corner(figure, each.place)
            figure.text(x, y, f"⌄ {each.panel['title']}", fontsize=9, color=TEXT, va="center")
        else:
            drawn(figure, each, session, start, end, marks)
    return compressed(figure)


def places(
    board: Json, chosen: Mapping[str, Value], there: Mapping[str, list[str]]
) -> Iterator[Placed]:
    """Where panels are; one that is repeated pushes down what is below it."""
    moved = 0.0
    for panel in sorted(board["panels"], key=lambda panel: panel["gridPos"]["y"]):
        grid, name = panel["gridPos"], panel.get("repeat")
        x, y, w, h = (float(grid[side]) for side in ("x", "y", "w", "h"))
        if not name:
            yield Placed(panel, chosen, (x, y + moved, w, h))
            continue
        taken = chosen[name]
        values = there[name] if taken == ["*"] else [taken] if isinstance(taken, str) else taken
        values = values[:MOST_REPEATED] or [""]
        across = panel.get("repeatDirection") != "v"
        for number, value in enumerate(values):
            own = {**chosen, name: [value]}
            if across:
                each = 24 / min(len(values), panel.get("maxPerRow") or 4)
                yield Placed(panel, own, (number * each, y + moved, each, h))
            else:
                yield Placed(panel, own, (x, y + moved + number * h, w, h))
        moved += 0 if across else (len(values) - 1) * h


def corner(figure: Figure, place: tuple[float, float, float, float]) -> tuple[float, float]:
    """The middle of the left side of a row's heading, as shares of the figure."""
    width, height = figure.get_size_inches()
    x, y, _, h = place
    return (x * COLUMN + 3 * GAP) / width, 1 - (HEAD + (y + h / 2) * LINE) / height


def heading(figure: Figure, board: Json, chosen: Mapping[str, Value]) -> None:
    """The title, what is chosen, and at the foot what this is."""
    _, height = figure.get_size_inches()
    figure.text(0.012, 1 - 0.2 / height, board["title"], fontsize=13, color=TEXT, va="center",
                weight="bold")  # fmt: skip
    labels = {v["name"]: v.get("label") or v["name"] for v in board["templating"]["list"]}
    shown = "     ".join(f"{labels[name]}: {shown_value(value)}" for name, value in chosen.items())
    figure.text(0.012, 1 - 0.45 / height, shown, fontsize=7.5, color=WEAK, va="center")
    since = f"Last {board['time']['from'].removeprefix('now-')}"
    figure.text(0.988, 1 - 0.2 / height, since, fontsize=8, color=WEAK, va="center", ha="right")
    figure.text(0.5, 0.13 / height, NOTE, fontsize=7, color=WEAK, va="center", ha="center")


def shown_value(value: Value) -> str:
    """What is chosen, as people see it."""
    if isinstance(value, str):
        return value
    return "All" if list(value) == ["*"] else ", ".join(value)


def marked(
    session: Session, board: Json, view: View, chosen: Mapping[str, Value]
) -> Iterator[charts.Mark]:
    """What is marked on all panels over time, of the annotations that are on at first."""
    for mark in board.get("annotations", {}).get("list", []):
        if mark["enable"]:
            for row in ask(session, mark["target"]["rawSql"], view, chosen).dicts():
                yield charts.Mark(row["time"], row.get("timeend"), colour(mark["iconColor"]))


def drawn(
    figure: Figure,
    each: Placed,
    session: Session,
    start: datetime,
    end: datetime,
    marks: list[charts.Mark],
) -> None:
    """One panel: its box, its title and what is in it."""
    width, height = figure.get_size_inches()
    x, y, w, h = each.place
    left, top = x * COLUMN + 2 * GAP, HEAD + y * LINE + GAP / 2
    box_width, box_height = w * COLUMN - 2 * GAP, h * LINE - GAP * 1.5
    figure.add_artist(FancyBboxPatch(
        (left / width, 1 - (top + box_height) / height), box_width / width, box_height / height,
        boxstyle="square,pad=0", facecolor=PANEL, edgecolor=EDGE, linewidth=0.8,
        transform=figure.transFigure, zorder=-1,
    ))  # fmt: skip
    title = re.sub(r"\$\{?(\w+)\}?", lambda v: shown_value(each.chosen.get(v[1], v[0])),
                   each.panel["title"])  # fmt: skip
    figure.text((left + 0.09) / width, 1 - (top + 0.14) / height, title[: int(box_width * 13)],
                fontsize=8, color=TEXT, va="center")  # fmt: skip
    kind = each.panel["type"]
    margins = {"left": 0.12, "right": 0.12, "top": 0.29, "bottom": 0.08}
    if hasattr(charts, kind.replace("-", "")):
        margins |= {"left": 0.62, "bottom": 0.47}
    if kind in ("state-timeline", "heatmap"):
        margins["left"] = 1.2
    if kind == "xychart":
        margins["right"] = 0.35
    inner = (
        (left + margins["left"]) / width,
        1 - (top + box_height - margins["bottom"]) / height,
        (box_width - margins["left"] - margins["right"]) / width,
        (box_height - margins["top"] - margins["bottom"]) / height,
    )
    axes = figure.add_axes(inner)
    fill(axes, each, session, start, end)
    if kind == "timeseries" and axes.lines + list(axes.patches):
        charts.with_marks(axes, marks)


def fill(axes: Axes, each: Placed, session: Session, start: datetime, end: datetime) -> None:
    """Draw what the queries of a panel answer."""
    panel, kind = each.panel, each.panel["type"].replace("-", "")
    if kind == "text":
        figures.text(axes, panel)
        return
    view = view_of(panel, start, end)
    answers: list[tuple[str, Answer]] = [
        (target["format"], ask(session, target["rawSql"], view, each.chosen))
        for target in panel["targets"]
    ]
    if not any(cell is not None for _, a in answers for row in a.rows for cell in row):
        charts.empty(axes)
    elif draw := getattr(figures, {"gauge": "bargauge"}.get(kind, kind), None):
        draw(axes, panel, answers)
    else:
        charts.prepared(axes)
        over_time = kind in ("timeseries", "statetimeline", "heatmap")
        span = (view.start, view.end) if over_time else ()
        getattr(charts, kind)(axes, panel, answers, *span)
        make_room(axes, each)


def make_room(axes: Axes, each: Placed) -> None:
    """Move the left side of the axes so far that their numbers are in the panel."""
    figure = axes.figure
    texts = axes.yaxis.get_tightbbox(FigureCanvasAgg(figure).get_renderer())  # type: ignore[arg-type, no-untyped-call]
    if texts is None:
        return
    left = (each.place[0] * COLUMN + 2 * GAP + 0.07) * DPI
    moved = (left - texts.x0) / figure.bbox.width
    x, y, width, height = axes.get_position().bounds
    axes.set_position((x + moved, y, width - moved, height))


def compressed(figure: Figure) -> bytes:
    """A PNG of few colours, which are enough here. Other methods lose those that are rare."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", facecolor=BACKGROUND)
    small = io.BytesIO()
    Image.open(drawn).convert("RGB").quantize(
        256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    ).save(small, format="png", optimize=True)
    return small.getvalue()
