"""Results as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.results import Table

COLOURS = {"a": "#b8bfc6", "b": "#b8bfc6", "c": "#0a7d5c", "d": "#5b7fb5"}
NAMES = {"c": "Technopark IoT", "d": "what else there is", "a": "one half of the way alone"}
# QoS 0 beside QoS 1: the same colour, lighter.
LIGHTER = 0.45
# Of an answer, and its bar's place.
LAYOUTS = {"ours": (COLOURS["c"], -0.2), "plain": (COLOURS["d"], 0.2)}
LIMIT = "#c0392b"

Runs = list[dict[str, Any]]


def draw(table: Table, path: Path) -> None:
    """Write ``path`` with .png and .svg.

    Args:
        table: of `benchmarks.comparison`, with its runs.
        path: without suffix.
    """
    runs: Runs = table.about["runs"]
    figure = Figure(figsize=(9, 7), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[5, 1.2])
    fleet = [run for run in runs if run["load"] == "fleet"]
    bars(upper, fleet, "Thousand messages of 5 values a second, 1,000 devices", 1e3)
    legend(upper)
    # The broker alone is fifty times as fast here: it would hide all the rest.
    testbed = [run for run in runs if run["load"] == "testbed" and run["part"] != "a"]
    bars(lower, testbed, "Million values a second, one testbed: 8 channels at 1 kHz", 1e6)
    versions = table.about["versions"]
    save(figure, table, f"Mosquitto {versions['mosquitto']}, ", path)


def draw_history(table: Table, path: Path) -> None:
    """Write ``path`` with .png and .svg: both layouts for every question, and the limits.

    Args:
        table: of `benchmarks.history`, with its answers.
        path: without suffix.
    """
    answers = table.about["answers"]
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots()
    for place, answer in enumerate(answers):
        for name, (colour, offset) in LAYOUTS.items():
            ms = answer[name]
            axes.barh(place + offset, ms, 0.38, color=colour)
            note = f" {ms:,.0f}" if ms >= 10 else f" {ms:.2g}"
            axes.text(ms, place + offset, note, va="center", fontsize=7, color="#333333")
        if answer["limit"]:
            axes.plot([answer["limit"]] * 2, [place - 0.4, place], color=LIMIT, linewidth=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,g}")
    dressed(axes, [answer["name"] for answer in answers], "Milliseconds that an answer takes")
    axes.set_xlabel(f"{table.figures['readings']:,} readings; logarithmic", fontsize=8)
    axes.legend(
        handles=[
            Patch(color=LAYOUTS["ours"][0], label="Technopark IoT"),
            Patch(color=LAYOUTS["plain"][0], label="plain key-value"),
            Line2D([], [], color=LIMIT, linewidth=2, label="what is promised at most"),
        ],
        loc="best", fontsize=8, frameon=False,
    )  # fmt: skip
    save(figure, table, "", path)


def save(figure: Figure, table: Table, software: str, path: Path) -> None:
    """Say below where it was measured, and write both files."""
    # The same result makes the same file.
    mpl.rcParams["svg.hashsalt"] = "technopark"
    machine, versions = table.about["machine"], table.about["versions"]
    figure.supxlabel(
        f"{machine['processor']}, {machine['cores']} cores, everything on one machine · "
        f"{software}PostgreSQL {versions['postgresql']}, TimescaleDB {versions['timescaledb']}",
        fontsize=7,
        color="#555555",
    )
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path.with_suffix(".png"), dpi=110)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})


def bars(axes: Axes, runs: Runs, title: str, unit: float) -> None:
    """Horizontal bars, the fastest of each part at the top, QoS 0 below QoS 1."""
    labels = list(dict.fromkeys((run["part"], run["name"]) for run in ordered(runs)))
    for run in runs:
        amount = run["messages" if unit == 1e3 else "rows"] / run["seconds"] / unit
        label, is_lower = (run["part"], run["name"]), run["qos"] == 0
        is_alone = sum((other["part"], other["name"]) == label for other in runs) == 1
        place = labels.index(label) + (0 if is_alone else 0.2 if is_lower else -0.2)
        colour = COLOURS[run["part"]]
        axes.barh(place, amount, 0.38, color=colour, alpha=LIGHTER if is_lower else 1)
        note = f" {amount:.3g}" + (f", {run['lost']} lost" if run["lost"] else "")
        axes.text(amount, place, note, va="center", fontsize=7, color="#333333")
    dressed(axes, [name for _, name in labels], title)


def dressed(axes: Axes, labels: Sequence[str], title: str) -> None:
    """Names at the left, the first at the top."""
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", labelsize=8)


def ordered(runs: Runs) -> Runs:
    """By part, then by speed at QoS 1, the fastest first."""
    return sorted(
        runs, key=lambda run: (run["part"], run["qos"] == 0, run["seconds"] / run["messages"])
    )


def legend(axes: Axes) -> None:
    """What colours and shades say."""
    patches = [Patch(color=COLOURS[part], label=name) for part, name in NAMES.items()]
    patches.append(Patch(color="#777777", label="QoS 1"))
    patches.append(Patch(color="#777777", alpha=LIGHTER, label="QoS 0"))
    axes.legend(handles=patches, loc="lower right", fontsize=8, frameon=False)
