"""Pictures of one simulated day of each kind: ``python -m simulators.plots`` makes them.

They are docs/kinds/*.png, and need matplotlib, which the extra ``dev`` brings along.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from simulators.chance import FloatArray
from simulators.kinds import KINDS, Kind
from simulators.kinds.bearing import bpfo
from simulators.simulation import Simulation
from simulators.site import DAY, HOUR, Site

FOLDER = Path(__file__).parents[1] / "docs" / "kinds"
# A Wednesday of the wet season.
START = datetime(2026, 3, 4, tzinfo=Site().time_zone)
STEP_SECONDS = 30
SEED, DEVICES = 7, 3
INK, PALE, RED = "#0a7d5c", "#9fc9bb", "#b5482f"
COLOURS = 64
# What repeats itself within a day is shown for so many hours.
SHOWN_HOURS = {"motor-bench": 4, "cold-chain": 12}
# What each panel shows: metrics of one unit, or of switches.
PANELS: Mapping[str, Sequence[tuple[str, ...]]] = {
    "pv-inverter": (
        ("irradiance",), ("dc_power", "ac_power"), ("module_temperature", "inverter_temperature"),
        ("dc_voltage",), ("grid_voltage",), ("energy_today",),
    ),
    "battery-pack": (
        ("voltage",), ("current",), ("state_of_charge",), ("temperature",),
        ("internal_resistance",), ("state_of_health",),
    ),
    "motor-bench": (
        ("speed",), ("torque",), ("current",), ("winding_temperature", "housing_temperature"),
        ("vibration_rms",),
    ),
    "air-quality": (
        ("pm2_5", "pm10"), ("co2",), ("temperature",), ("humidity",), ("pressure",),
        ("wind_speed",), ("rain_rate",), ("rain_today",),
    ),
    "cold-chain": (
        ("air_temperature", "product_temperature"), ("evaporator_temperature",), ("power",),
        ("compressor", "door_open", "defrosting"),
    ),
    "smart-meter": (
        ("active_power",), ("reactive_power",), ("voltage",), ("power_factor",), ("frequency",),
        ("energy_total",),
    ),
    "e-motorcycle": (
        ("speed",), ("state_of_charge",), ("power",), ("voltage",),
        ("motor_temperature", "battery_temperature"),
    ),
    "classroom-kit": (("light",), ("temperature",), ("distance",), ("button",)),
}  # fmt: skip


def main(folder: Path = FOLDER) -> None:
    """Draw every kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS.values():
        path = folder / f"{kind.id}.png"
        save(draw(kind), path)
        sys.stdout.write(f"{path}\n")


def save(figure: Figure, path: Path) -> None:
    """A PNG of few colours, which is small."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=72)
    Image.open(buffer).convert("RGB").quantize(COLOURS).save(path, optimize=True)


def draw(kind: Kind[Any]) -> Figure:
    """A figure of the kind's day."""
    simulation = Simulation(kind, DEVICES, SEED)
    start = round(START.timestamp() * 1000)
    ts = np.arange(start, start + round(DAY * 1000), STEP_SECONDS * 1000)
    values = simulation.over(ts)
    panels = PANELS[kind.id]
    extra = {"motor-bench": spectrum, "e-motorcycle": route}.get(kind.id)
    rows = (len(panels) + bool(extra) + 1) // 2
    figure = Figure(figsize=(10, 1.75 * rows + 0.4), layout="constrained")
    figure.suptitle(f"{kind.name}: {START:%A, %-d %B %Y}, Cimahi", fontsize=11)
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    for place, metrics in zip(axes, panels, strict=False):
        panel(place, kind, metrics, (ts - start) / 1000 / HOUR, values)
    for place in axes[len(panels) + bool(extra) :]:
        place.set_axis_off()
    if extra:
        extra(axes[len(panels)], simulation, values)
    return figure


def panel(
    axes: Axes,
    kind: Kind[Any],
    metrics: Sequence[str],
    hours: FloatArray,
    values: Mapping[str, Any],
) -> None:
    """Metrics of one unit over a day."""
    signals = {signal.metric: signal for signal in kind.signals}
    switches = all(signals[metric].kind == "boolean" for metric in metrics)
    for place, metric in enumerate(metrics):
        shown = values[metric][0] * 0.8 + place if switches else values[metric][0]
        colour = (INK, RED, PALE)[place]
        axes.plot(hours, shown, color=colour, linewidth=0.8, label=metric)
    if len(metrics) > 1:
        axes.legend(fontsize=7, loc="upper right", framealpha=0.7)
    unit = "" if signals[metrics[0]].unit == "1" else f" ({signals[metrics[0]].unit})"
    axes.set_title(metrics[0] + unit if len(metrics) == 1 else unit.strip(" ()") or "on or off")
    axes.title.set_fontsize(8)
    last = SHOWN_HOURS.get(kind.id, 24)
    axes.set_xlim(0, last)
    axes.set_xticks(range(0, last + 1, max(1, last // 6)))
    if switches:
        axes.set_yticks([])
    axes.tick_params(labelsize=7)
    axes.grid(color="#dddddd", linewidth=0.5)


def spectrum(axes: Axes, simulation: Simulation[Any], _: Mapping[str, Any]) -> None:
    """What the accelerometer hears of a sound bearing and of a damaged one, at one speed."""
    state, now = simulation.state, simulation.time or 0
    for device in range(DEVICES):
        simulation.command(device, "hold", {"speed": 2400.0, "torque": 20.0})
    state.damaged_for[:2] = np.array([-1, 6]) * state.doubling[:2]
    simulation.over(np.arange(now + 1000, now + 60_000, 1000))
    samples = simulation.waveform("vibration", 4).values[:2]
    heights = np.abs(np.fft.rfft(samples * np.hanning(samples.shape[1]))) / samples.shape[1] * 4
    frequencies = np.fft.rfftfreq(samples.shape[1], 0.001)
    axes.semilogy(frequencies, heights[1], color=RED, linewidth=0.7, label="damaged")
    axes.semilogy(frequencies, heights[0], color=INK, linewidth=0.7, label="sound")
    for harmonic in (1, 2, 3):
        axes.axvline(harmonic * float(bpfo(40.0)), color="#777777", linewidth=0.6, linestyle=":")
    axes.legend(fontsize=7, loc="upper right", framealpha=0.7)
    axes.set_title("vibration at 2,400 1/min (m/s2) over Hz; dotted: BPFO, 2 and 3 BPFO")
    axes.title.set_fontsize(8)
    axes.set_ylim(3e-4, 20)
    axes.tick_params(labelsize=7)


def route(axes: Axes, _: Simulation[Any], values: Mapping[str, Any]) -> None:
    """Where the motorcycles were."""
    for device, colour in zip(range(DEVICES), (INK, RED, PALE), strict=True):
        axes.plot(
            values["longitude"][device], values["latitude"][device], color=colour, linewidth=0.8
        )
    axes.set_aspect(1.0)
    axes.set_title("positions of three motorcycles (deg)")
    axes.title.set_fontsize(8)
    axes.ticklabel_format(useOffset=False)
    axes.tick_params(labelsize=6)


if __name__ == "__main__":
    main()
