"""Panels with axes: lines, bars, points, states, maps, pies, classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib import dates, ticker
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from tests.previews.fields import Field, Json, columns, lines
from tests.previews.units import EDGE, GRID, NAMED, PANEL, TEXT, WEAK, ZONE, colour

SMALL = 6.5
# They have no types.
date2num: Any = dates.date2num
AutoDateLocator: Any = dates.AutoDateLocator
ConciseDateFormatter: Any = dates.ConciseDateFormatter
# Grafana's schemes of continuous colours, in short.
SCHEME = LinearSegmentedColormap.from_list("BlYlRd", ["#5794f2", "#fade2a", "#f2495c"])


@dataclass(frozen=True)
class Mark:
    """An annotation: a moment or a span of time, and its colour."""

    start: datetime
    end: datetime | None
    colour: str


def with_marks(axes: Axes, marks: list[Mark]) -> None:
    """Draw the marks that lie in the range of the axes."""
    low, high = axes.get_xlim()
    for mark in marks:
        begin, end = (date2num(time or mark.start) for time in (mark.start, mark.end))
        if end < low or begin > high:
            continue
        if mark.end:
            axes.axvspan(max(begin, low), min(end, high), color=mark.colour, alpha=0.06, lw=0)
        axes.axvline(max(begin, low), color=mark.colour, linewidth=0.7, linestyle=":")
        axes.plot([max(begin, low)], [0], "^", color=mark.colour, markersize=3.5, clip_on=False,
                  transform=axes.get_xaxis_transform())  # fmt: skip


def prepared(axes: Axes) -> None:
    """Axes in the colours of the page."""
    axes.set_facecolor(PANEL)
    axes.grid(visible=True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=WEAK, labelsize=SMALL, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def unit_axis(axis: Any, field: Field) -> None:
    """Ticks with the field's unit."""
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: field.text(float(value))))
    axis.set_major_locator(ticker.MaxNLocator(5))


def time_axis(axes: Axes, start: datetime, end: datetime) -> None:
    """Ticks of a range of time."""
    axes.set_xlim(start, end)  # type: ignore[arg-type]
    locator = AutoDateLocator(tz=ZONE, minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=ZONE, show_offset=False))


def legend(axes: Axes, names: Sequence[tuple[str, str]]) -> None:
    """Names with their colours, under the axes."""
    width, height = inches(axes)
    x, y = 0.0, -0.33 / height
    for number, (name, shade) in enumerate(names):
        short = name if len(name) < 34 else name[:32] + "…"
        needed = (len(short) * 0.0535 + 0.3) / width
        if x and x + needed > 1.03:
            axes.text(x, y, f"+{len(names) - number}", fontsize=SMALL, color=WEAK,
                      transform=axes.transAxes, va="center")  # fmt: skip
            break
        axes.plot(
            [x, x + 0.1 / width], [y, y], color=shade, linewidth=2,
            transform=axes.transAxes, clip_on=False,
        )  # fmt: skip
        axes.text(x + 0.14 / width, y, short, fontsize=SMALL, color=TEXT,
                  transform=axes.transAxes, va="center")  # fmt: skip
        x += needed


def inches(axes: Axes) -> tuple[float, float]:
    """The width and the height of axes."""
    box = axes.get_window_extent()
    return box.width / axes.figure.dpi, box.height / axes.figure.dpi


def timeseries(axes: Axes, panel: Json, answers: list[Any], start: datetime, end: datetime) -> None:
    """Lines or bars over time."""
    drawn = [field for field in lines(panel, answers) if field.is_numeric]
    stacked = (drawn[0].custom.get("stacking") or {}).get("mode") == "normal" if drawn else False
    base: dict[datetime, float] = {}
    for field in drawn:
        custom, shade = field.custom, field.colour(field.last)
        values = field.numbers
        if custom.get("drawStyle") == "bars":
            below = np.array([base.get(time, 0.0) if stacked else 0.0 for time in field.times])
            width = (end - start).total_seconds() / 86_400 / 90
            axes.bar(field.times, values, width, below, color=shade, alpha=0.85)  # type: ignore[arg-type]
            base |= {t: b + v for t, b, v in zip(field.times, below, values, strict=True)}
            continue
        axes.plot(field.times, values, color=shade,  # type: ignore[arg-type]
                  linewidth=custom.get("lineWidth", 1) * 0.9,
                  linestyle="--" if (custom.get("lineStyle") or {}).get("fill") == "dash" else "-",
                  drawstyle="steps-post" if "step" in custom.get("lineInterpolation", "")
                  else "default")  # fmt: skip
    if drawn:
        limits(axes, drawn)
        for field in drawn:
            filled(axes, field, drawn)
        unit_axis(axes.yaxis, drawn[0])
        hidden = [f for f in drawn if (f.custom.get("hideFrom") or {}).get("legend")]
        legend(axes, [(f.name, f.colour(f.last)) for f in drawn if f not in hidden])
    time_axis(axes, start, end)


def filled(axes: Axes, field: Field, drawn: list[Field]) -> None:
    """The area under a line, or between it and the one that it names."""
    opacity = field.custom.get("fillOpacity", 0) / 100
    below = next((f for f in drawn if f.name == field.custom.get("fillBelowTo")), None)
    if not opacity or field.custom.get("drawStyle") == "bars":
        return
    floor: Any = max(0.0, axes.get_ylim()[0])
    if below and len(below.values) == len(field.values):
        floor = below.numbers
    axes.fill_between(field.times, floor, field.numbers, color=field.colour(field.last),  # type: ignore[arg-type]
                      alpha=opacity, lw=0)  # fmt: skip


def limits(axes: Axes, drawn: list[Field]) -> None:
    """The range of the values, and the thresholds that are drawn in it."""
    config, custom = drawn[0].config, drawn[0].custom
    low, high = axes.get_ylim()
    low = min(low, custom.get("axisSoftMin", low)) if config.get("min") is None else config["min"]
    high = (
        max(high, custom.get("axisSoftMax", high)) if config.get("max") is None else config["max"]
    )
    axes.set_ylim(low, high if high > low else low + 1)
    mode = (custom.get("thresholdsStyle") or {}).get("mode", "off")
    steps = drawn[0].steps()
    for number, step in enumerate(steps):
        begin = step.get("value")
        if "area" in mode:
            top = steps[number + 1]["value"] if number + 1 < len(steps) else high
            axes.axhspan(begin if begin is not None else low, top, color=colour(step["color"]),
                         alpha=0.12, lw=0)  # fmt: skip
        if begin is not None and ("line" in mode or "dash" in mode):
            axes.axhline(begin, color=colour(step["color"]), linewidth=0.9, linestyle="--")
    axes.set_ylim(low, high if high > low else low + 1)


def barchart(axes: Axes, panel: Json, answers: list[Any]) -> None:
    """Groups of bars: of each day, or of each row."""
    format_, answer = answers[0]
    if format_ == "time_series":
        drawn = lines(panel, answers)
        days = sorted({time for field in drawn for time in field.times})
        names = [day.astimezone(ZONE).strftime("%m-%d") for day in days]
        rows = [dict(zip(field.times, field.values, strict=True)) for field in drawn]
        heights = [[row.get(day) for day in days] for row in rows]
    else:
        first, *rest = columns(panel, answer)
        drawn = [field for field in rest if field.is_numeric]
        names = [first.text(v).removesuffix(".00") for v in first.values]
        heights = [field.values for field in drawn]
    if not drawn:
        return
    places, width = np.arange(len(names)), 0.8 / len(drawn)
    for number, (field, values) in enumerate(zip(drawn, heights, strict=True)):
        shade = field.colour(field.last)
        tall = [0.0 if value is None else value for value in values]
        axes.bar(places + (number - (len(drawn) - 1) / 2) * width, tall, width * 0.94, color=shade,
                 alpha=0.85)  # fmt: skip
    step = max(1, len(names) // 8)
    axes.set_xticks(places[::step], [name[:12] for name in names[::step]])
    axes.grid(visible=False, axis="x")
    limits(axes, drawn)
    unit_axis(axes.yaxis, drawn[0])
    legend(axes, [(field.name, field.colour(field.last)) for field in drawn])


def xychart(axes: Axes, panel: Json, answers: list[Any]) -> None:
    """Points, or a line, of columns over another."""
    found = {field.name: field for field in columns(panel, answers[0][1])}
    options = panel["options"]
    pairs = [(s["x"], s["y"], (s.get("pointColor") or {}).get("field")) for s in options["series"]]
    if not pairs:
        x = options["dims"]["x"]
        pairs = [(x, f.name, None) for f in found.values() if f.name != x and f.is_numeric]
    for x, y, third in pairs:
        xs, ys = (np.array(found[n].values, float) for n in (x, y))
        if found[y].custom.get("show") == "lines":
            axes.plot(xs, ys, color=found[y].colour(), linewidth=0.8)
        elif third:
            shades = np.array(found[third].values, float)
            drawn = axes.scatter(xs, ys, 5, shades, cmap=SCHEME, alpha=0.9, linewidths=0)
            bar = axes.figure.colorbar(drawn, ax=axes, pad=0.015, fraction=0.04)
            bar.ax.tick_params(colors=WEAK, labelsize=SMALL, length=0)
            bar.outline.set_visible(False)
            unit_axis(bar.ax.yaxis, found[third])
            axes.text(1.0, 1.015, third, fontsize=SMALL, color=WEAK, ha="right",
                      transform=axes.transAxes)  # fmt: skip
        else:
            axes.scatter(xs, ys, 5, found[y].colour(), alpha=0.8, linewidths=0)
    if pairs:
        unit_axis(axes.xaxis, found[pairs[0][0]])
        unit_axis(axes.yaxis, found[pairs[0][1]])
        legend(axes, [(f"{y} over {x}", found[y].colour()) for x, y, _ in pairs])


def statetimeline(
    axes: Axes, panel: Json, answers: list[Any], start: datetime, end: datetime
) -> None:
    """A bar for each line, in the colours of its states."""
    drawn = lines(panel, answers)
    # The newest may come first.
    drawn = [field.in_order() for field in drawn]
    shades: dict[str, str] = {}
    for row, field in enumerate(reversed(drawn)):
        spans = list(zip(field.times, field.values, strict=True))
        merged = [next(group) for _, group in groupby(spans, key=lambda span: span[1])]
        ends = [time for time, _ in merged[1:]] + [end]
        for (begin, value), until in zip(merged, ends, strict=True):
            if value is None or until <= start:
                continue
            text = field.text(value)
            own = field.mapping(value) or isinstance(value, (int, float))
            shade = field.colour(value, by_threshold=True) if own else ""
            shades.setdefault(text, shade or list(NAMED.values())[len(shades) % 6])
            left = max(begin, start)
            axes.barh(row, until - left, 0.72, left, color=shades[text], alpha=0.75)  # type: ignore[arg-type]
            if (until - left) / (end - start) * inches(axes)[0] > 0.06 * len(text) + 0.06:
                axes.text(left, row, f" {text}", va="center", fontsize=SMALL, color="white",  # type: ignore[arg-type]
                          clip_on=True)  # fmt: skip
    axes.set_yticks(range(len(drawn)), [field.name[:22] for field in reversed(drawn)])
    axes.grid(visible=False, axis="y")
    legend(axes, list(shades.items()))
    time_axis(axes, start, end)


def geomap(axes: Axes, panel: Json, answers: list[Any]) -> None:
    """A track without a map: that would come from elsewhere."""
    for layer, (_, answer) in zip(panel["options"]["layers"], answers, strict=False):
        found = {field.name: field for field in columns(panel, answer)}
        where, style = layer["location"], layer["config"]["style"]
        x, y = (np.array(found[where[n]].values, float) for n in ("longitude", "latitude"))
        by = style["color"].get("field")
        size = style["size"].get("fixed", 5) ** 2
        shade = np.array(found[by].values, float) if by else colour(style["color"]["fixed"])
        scheme = SCHEME if by else None
        axes.scatter(x, y, size, shade, cmap=scheme, alpha=style.get("opacity", 1), linewidths=0)
        name = (style.get("text") or {}).get("field")
        for place in range(len(x)) if isinstance(name, str) else ():
            axes.annotate(str(found[str(name)].values[place]), (x[place], y[place]), (0, 8),
                          textcoords="offset points", ha="center", fontsize=7,
                          color=TEXT)  # fmt: skip
    axes.set_aspect(1.0, adjustable="datalim")
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%.3f° E"))
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%.3f°"))
    axes.text(0.99, 0.015, "Grafana draws a street map under it", fontsize=SMALL, color=WEAK,
              ha="right", transform=axes.transAxes)  # fmt: skip


def piechart(axes: Axes, panel: Json, answers: list[Any]) -> None:
    """Shares of a whole: of lines, or of the columns of a row."""
    format_, answer = answers[0]
    found = lines(panel, answers) if format_ == "time_series" else columns(panel, answer)
    drawn = [(f.name, float(f.last), f.colour(f.last)) for f in found if f.is_numeric]
    axes.pie([v for _, v, _ in drawn], colors=[c for _, _, c in drawn], startangle=90,
             wedgeprops={"edgecolor": PANEL})  # fmt: skip
    legend(axes, [(name, shade) for name, _, shade in drawn])


def heatmap(axes: Axes, panel: Json, answers: list[Any], start: datetime, end: datetime) -> None:
    """Columns of time, rows of classes, and how much is in each."""
    drawn = [field for field in lines(panel, answers) if field.is_numeric]
    times = sorted({time for field in drawn for time in field.times})
    if len(times) > 1:
        rows = [dict(zip(field.times, field.values, strict=True)) for field in drawn]
        cells = np.array([[row.get(time) or np.nan for time in times] for row in rows], float)
        axes.pcolormesh(times, range(len(drawn)), cells, cmap=SCHEME, shading="nearest")  # type: ignore[arg-type]
        axes.set_yticks(range(len(drawn)), [field.name for field in drawn])
    time_axis(axes, start, end)


def empty(axes: Axes) -> None:
    """What Grafana says where nothing is."""
    axes.axis("off")
    axes.text(0.5, 0.5, "No data", ha="center", va="center", color=WEAK, fontsize=9)
    axes.set_facecolor(EDGE)
