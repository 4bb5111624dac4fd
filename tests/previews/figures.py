"""Panels of numbers and texts: big numbers, bars of one value, tables."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tests.previews.fields import Field, Json, columns, lines
from tests.previews.units import BACKGROUND, EDGE, GRID, TEXT, WEAK

LINE = 0.165  # of a table's row, in inches


def blank(axes: Axes) -> tuple[float, float]:
    """Axes in inches, with nothing on them: their width and height."""
    box = axes.get_window_extent()
    width, height = (side / axes.figure.dpi for side in (box.width, box.height))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    return width, height


def reduced(panel: Json, answers: list[Any]) -> list[tuple[str, Field, Any]]:
    """What a panel of single values shows: name, field and value of each."""
    format_, answer = answers[0]
    options = panel["options"].get("reduceOptions") or {}
    if format_ == "time_series":
        return [(field.name, field, field.last) for field in lines(panel, answers)]
    found = columns(panel, answer)
    names = next((f for f in found if f.values and not f.is_numeric), None)
    if options.get("values"):
        limit = int(options.get("limit") or 25)
        return [
            (str(names.values[row]) if names else field.name, field, value)
            for field in found
            if field.is_numeric
            for row, value in enumerate(field.values[:limit])
        ]
    shown = found if options.get("fields") else [f for f in found if f.is_numeric or not f.last]
    return [(field.name, field, field.last) for field in shown]


def stat(axes: Axes, panel: Json, answers: list[Any]) -> None:
    """Big numbers side by side."""
    width, height = blank(axes)
    shown = reduced(panel, answers)
    if not shown:
        return
    per_row = min(len(shown), max(1, int(width / 0.95))) if height > 1.4 else len(shown)
    rows = -(-len(shown) // per_row)
    w, h = width / per_row, height / rows
    filled = str(panel["options"].get("colorMode", "")).startswith("background")
    for place, (name, field, value) in enumerate(shown):
        x, y = (place % per_row) * w, height - (place // per_row + 1) * h
        shade, text = field.colour(value, by_threshold=True), field.text(value)
        if filled:
            axes.add_patch(Rectangle((x + 0.02, y + 0.02), w - 0.04, h - 0.04, color=shade))
        size = min(h * 30, 17, w * 100 / max(len(text), 3))
        # What stands alone has its name in the panel's title.
        named = len(shown) > 1 or panel["options"].get("textMode") == "value_and_name"
        axes.text(x + w / 2, y + h * (0.4 if named else 0.5), text, ha="center", va="center",
                  fontsize=max(size, 6), color="white" if filled else shade,
                  weight="bold")  # fmt: skip
        if named:
            # A long one takes some lines.
            axes.text(x + w / 2, y + h * 0.8, textwrap.fill(name, int(w * 16)), ha="center",
                      va="center", fontsize=6.5, color="white" if filled else WEAK)  # fmt: skip


def bargauge(axes: Axes, panel: Json, answers: list[Any]) -> None:
    """A bar for each value, as long as its share of the range."""
    width, height = blank(axes)
    shown = reduced(panel, answers)
    slot = min(height / max(len(shown), 1), 0.75)
    for place, (name, field, value) in enumerate(shown):
        top = height - place * slot
        low, high = field.config.get("min", 0), field.config.get("max", 100)
        share = min(1.0, max(0.0, ((value or 0) - low) / ((high - low) or 1)))
        shade, bar = field.colour(value, by_threshold=True), width - 0.85
        axes.text(0, top - 0.12, name, fontsize=6.5, color=TEXT, va="center")
        axes.add_patch(Rectangle((0, top - slot + 0.04), bar, slot - 0.27, color=GRID))
        axes.add_patch(Rectangle((0, top - slot + 0.04), bar * share, slot - 0.27, color=shade))
        axes.text(width, top - slot / 2 - 0.1, field.text(value), fontsize=9, color=shade,
                  ha="right", va="center", weight="bold")  # fmt: skip


def table(axes: Axes, panel: Json, answers: list[Any]) -> None:
    """The first rows."""
    width, height = blank(axes)
    found = columns(panel, answers[0][1])
    rows = min(max((len(f.values) for f in found), default=0), int(height / LINE) - 1)
    texts = [[f.name, *(f.text(value) for value in f.values[:rows])] for f in found]
    lengths = [min(max(map(len, column)), 30) + 2 for column in texts]
    x = 0.0
    for field, column, length in zip(found, texts, lengths, strict=True):
        own = width * length / sum(lengths)
        right = field.is_numeric and not field.config.get("mappings")
        cell = field.custom.get("cellOptions") or {}
        for row, text in enumerate(column):
            y = height - row * LINE - LINE / 2
            shade = WEAK if row == 0 else TEXT
            if row and "color" in cell.get("type", ""):
                shade = field.colour(field.values[row - 1], by_threshold=True)
            if row and "background" in cell.get("type", ""):
                axes.add_patch(Rectangle((x, y - LINE / 2), own, LINE, color=shade, alpha=0.55))
                shade = "white"
            if row and cell.get("type") == "gauge" and right:
                draw_gauge(axes, field, field.values[row - 1], (x, y, own))
            room = int(own * 19)
            shown = text if len(text) <= room else text[: max(room - 1, 1)] + "…"
            axes.text(x + (own - 0.12 if right else 0.03), y, shown, fontsize=6.3, color=shade,
                      va="center", ha="right" if right else "left")  # fmt: skip
        x += own
    for row in range(rows + 1):
        axes.axhline(height - (row + 1) * LINE, color=EDGE, linewidth=0.5)


def draw_gauge(axes: Axes, field: Field, value: Any, place: tuple[float, float, float]) -> None:
    """A bar in a cell, of the range of its column."""
    x, y, width = place
    numbers = [number for number in field.values if number is not None]
    low, high = field.config.get("min", min(numbers)), field.config.get("max", max(numbers))
    share = min(1.0, max(0.03, ((value or low) - low) / ((high - low) or 1)))
    shade = field.colour(value, by_threshold=True)
    axes.add_patch(
        Rectangle((x + 0.03, y - 0.05), (width - 0.6) * share, 0.1, color=shade, alpha=0.8)
    )


def text(axes: Axes, panel: Json) -> None:
    """Markdown, without its marks but with its code in boxes."""
    width, height = blank(axes)
    content = str(panel["options"].get("content", ""))
    y, is_code = height - 0.1, False
    for paragraph in content.split("\n\n"):
        for line in paragraph.splitlines() if "```" in paragraph else [paragraph]:
            if line.startswith("```"):
                is_code = not is_code
                continue
            clean = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line.replace("\n", " "))
            for part in (
                [line] if is_code else textwrap.wrap(re.sub(r"[*`#]", "", clean), int(width * 14))
            ):
                style = {"family": "monospace", "backgroundcolor": BACKGROUND} if is_code else {}
                axes.text(0.03, y, part, fontsize=7, color=TEXT, va="top", **style)  # type: ignore[arg-type]
                y -= 0.17
        y -= 0.09
