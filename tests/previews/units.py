"""Values as Grafana writes them, in short, and its colours."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone
from typing import Any

Json = dict[str, Any]

# Of the pictures: Grafana would take the browser's.
ZONE = timezone(timedelta(hours=7))
# Grafana's names of units, as it writes them; those that it scales by thousands are below.
SUFFIXES = {
    "none": "", "short": "", "percent": "%", "celsius": " °C", "kelvin": " K", "pressurepa": " Pa",
    "pressurehpa": " hPa", "pressurembar": " mbar", "mvolt": " mV", "mamp": " mA", "Wm2": " W/m²",
    "ohm": " Ω", "mohm": " mΩ", "rotrpm": " rpm", "velocityms": " m/s", "velocitykmh": " km/h",
    "accMS2": " m/s²", "forceNm": " Nm", "lux": " lx", "ppm": " ppm", "conμgm3": " µg/m³",
    "degree": "°", "lengthmm": " mm", "lengthkm": " km", "lengthm": " m", "ms": " ms",
    "percentunit": "%", "kwatt": " kW", "kwatth": " kWh", "bool": "",
}  # fmt: skip
SCALED = {"volt": "V", "amp": "A", "watt": "W", "watth": "Wh", "hertz": "Hz", "bytes": "B"}
STEPS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
SHORT_STEPS = ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"))
SPANS = ((86_400 * 7, "weeks"), (86_400, "days"), (3600, "hours"), (60, "mins"), (1, "s"))

BACKGROUND, PANEL, EDGE, GRID = "#111217", "#181b1f", "#2b2e34", "#2a2d33"
TEXT, WEAK = "#d5d6de", "#9a9ca6"
PALETTE = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#96d98d",
    "#ffb357", "#37872d", "#ca95e5", "#c4162a", "#3274d9", "#e0b400", "#8f3bb8", "#fade2a",
)  # fmt: skip
NAMED = {
    "green": "#73bf69", "yellow": "#fade2a", "orange": "#ff9830", "red": "#f2495c",
    "blue": "#5794f2", "purple": "#b877d9", "text": TEXT, "gray": "#6e7079", "transparent": PANEL,
    "dark-blue": "#1f60c4", "dark-green": "#37872d", "dark-red": "#c4162a", "light-blue": "#8ab8ff",
}  # fmt: skip
# What Grafana takes where a panel names no thresholds.
DEFAULT_STEPS = [{"value": None, "color": "green"}, {"value": 80, "color": "red"}]


def colour(name: str) -> str:
    """A colour of Grafana's, or its code."""
    return NAMED.get(name, name if name.startswith("#") else PALETTE[0])


def written(value: object, config: Json) -> str:
    """A value by its field's settings, without a mapping."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return str(config.get("noValue", "-"))
    if isinstance(value, datetime):
        return value.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, (date, str, bool)):
        return str(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return measured(float(str(value)), config.get("unit", "none"), config.get("decimals"))


def measured(value: float, unit: str, decimals: int | None = None) -> str:
    """A number with its unit."""
    if unit.startswith("suffix:"):
        return digits(value, decimals) + unit.removeprefix("suffix:")
    if unit == "s":
        return spanned(value, decimals)
    if unit in SCALED:
        return scaled(value, STEPS, decimals, " ", SCALED[unit])
    if unit == "short":
        return scaled(value, SHORT_STEPS, decimals, "", "")
    value = value * 100 if unit == "percentunit" else value
    return digits(value, decimals) + SUFFIXES.get(unit, f" {unit}")


def scaled(
    value: float,
    steps: tuple[tuple[float, str], ...],
    decimals: int | None,
    space: str,
    unit: str,
) -> str:
    """A number with as many thousands taken out as it has."""
    for step, name in steps:
        if abs(value) >= step:
            return f"{digits(value / step, decimals)}{space}{name}{unit}"
    return f"{digits(value, decimals)}{space}{unit}"


def spanned(seconds: float, decimals: int | None) -> str:
    """A span of time in its largest unit."""
    for step, name in SPANS:
        if abs(seconds) >= step:
            return f"{digits(seconds / step, 1 if decimals is None else decimals)} {name}"
    return f"{digits(seconds, decimals)} s"


def digits(value: float, decimals: int | None = None) -> str:
    """A number with three digits or so."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    places = max(0, min(5, 2 - math.floor(math.log10(abs(value)))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
