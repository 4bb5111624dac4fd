"""Samples over time as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.watch import Samples

# One panel for each kind of gauge: the end of its name, and what its axis says.
PANELS = {"_mb": "MB", "_fds": "open files and sockets", "_threads": "threads"}


def draw(samples: Samples, marks: Mapping[str, float], title: str, path: Path) -> None:
    """Write ``path`` with .png and .svg: a panel a kind of gauge, minutes to the right.

    Args:
        samples: of all gauges.
        marks: what happened, and when, in seconds.
        title: of the picture.
        path: without suffix.
    """
    mpl.rcParams["svg.hashsalt"] = "technopark"
    figure = Figure(figsize=(9, 9), layout="constrained")
    minutes = [at / 60 for at in samples.seconds]
    for axes, (ending, unit) in zip(
        figure.subplots(len(PANELS), 1, sharex=True, height_ratios=[2, 1, 1]),
        PANELS.items(),
        strict=True,
    ):
        for name, values in samples.values.items():
            if name.endswith(ending):
                axes.plot(minutes, values, linewidth=0.9, label=name.removesuffix(ending))
        for at in marks.values():
            axes.axvline(at / 60, color="#999999", linewidth=0.5, linestyle=":")
        axes.set_ylim(bottom=0)
        axes.set_ylabel(unit, fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    upper = figure.axes[0]
    upper.set_title(title, fontsize=10, loc="left")
    for name, at in marks.items():
        upper.text(
            at / 60, 1, f" {name}", rotation=90, va="top", fontsize=5, color="#777777",
            transform=upper.get_xaxis_transform(),
        )  # fmt: skip
    figure.axes[-1].set_xlabel("minutes", fontsize=8)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path.with_suffix(".png"), dpi=110)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
