"""How a running platform looks in the terminal. Symbols and words carry what colours underline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.meter import Meter, Newest
from stack.supervisor import Child, State

BARS = "▁▂▃▄▅▆▇█"
SYMBOLS: Mapping[State, tuple[str, str]] = {
    State.READY: ("●", "cyan"),
    State.STARTING: ("◐", "yellow"),
    State.WAITING: ("○", "bold yellow"),
    State.DONE: ("✓", "cyan"),
    State.ENDED: ("✗", "bold red"),
}
# What is most telling of a device comes first; other metrics follow in their own order.
HEADLINES = (
    "ac_power", "state_of_charge", "current", "torque", "pm2_5", "temperature", "ghi",
    "module_temperature", "voltage", "vibration_rms", "humidity", "wind_speed",
)  # fmt: skip
UNITS: Mapping[str, str] = {
    "Cel": "°C", "W/m2": "W/m²", "ug/m3": "µg/m³", "{rev}/min": "rpm", "N.m": "N·m",
    "kW.h": "kWh", "mOhm": "mΩ", "deg": "°", "{cycle}": "cycles", "[ppm]": "ppm", "[ppb]": "ppb",
}  # fmt: skip
# Columns of a line that neither words nor bars take: value, unit and the space between.
VALUE_WIDTH, MOST_BARS = 8 + 6 + 8, 60
# Lines of the view that are no readings.
FRAME_LINES = 9


@dataclass(frozen=True)
class View:
    """The moving part of the screen; Rich draws it anew each time.

    Attributes:
        meter: has the figures.
        children: the services.
        own_device: is marked, and shown even before it has sent anything.
        clock: the text at the right of the title.
        notes: warnings, one line each.
    """

    meter: Meter
    children: Sequence[Child]
    own_device: str
    clock: str
    notes: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The parts from top to bottom, as many readings as there is room for."""
        height = (options.height or console.size.height) - FRAME_LINES - len(self.notes)
        yield Rule(Text(f"Technopark IoT  {self.clock}", "bold"), style="dim", align="left")
        yield Padding(states(self.children), (0, 1))
        yield Padding(figures(self.meter), (1, 1))
        yield Padding(
            readings(self.meter, self.own_device, max(3, height), options.max_width - 2), (0, 1)
        )
        yield Padding(Group(*(Text(f"⚠ {note}", "yellow") for note in self.notes)), (0, 1))


def states(children: Iterable[Child]) -> Text:
    """One word for each service, with a symbol for its state."""
    words = []
    for child in children:
        symbol, style = SYMBOLS[child.state]
        word = Text.assemble((symbol, style), " ", child.service.name)
        if child.state is not State.READY:
            word.append(f" {child.state}", style)
        words.append(word)
    return Text("   ").join(words)


def figures(meter: Meter) -> Table:
    """The large numbers, with what they count beneath."""
    now = meter.now
    shown = (
        (f"{now.online}", "devices online"),
        (f"{meter.rate(lambda s: s.messages):,.1f}", "messages/s"),
        (f"{meter.rate(lambda s: s.readings):,.0f}", "values/s"),
        (f"{now.readings:,.0f}", "readings stored"),
        (f"{now.rejections:,.0f}", "rejected"),
    )
    styles = ["bold"] * 4 + ["bold yellow" if now.rejections else "bold"]
    table = Table.grid(padding=(0, 3), pad_edge=False)
    for _ in shown:
        table.add_column(justify="left", no_wrap=True)
    table.add_row(*(Text(figure, style) for (figure, _), style in zip(shown, styles, strict=True)))
    table.add_row(*(Text(name, "dim") for _, name in shown))
    return table


def readings(meter: Meter, own_device: str, rows: int, width: int) -> Table:
    """The newest readings, each with the last minute as a line."""
    chosen = choose(meter.now.newest, own_device, rows)
    line = width - VALUE_WIDTH - widest(own_device, *(one.device for one in chosen))
    line = min(MOST_BARS, line - widest(*(one.metric for one in chosen)))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("device", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    table.add_column("value", no_wrap=True, justify="right", min_width=8)
    table.add_column("unit", no_wrap=True, min_width=6)
    table.add_column("last minute", no_wrap=True)
    if all(one.device != own_device for one in chosen):
        table.add_row(Text(own_device, "bold"), Text("waiting", "dim italic"))
    before = ""
    for one in chosen:
        name = "" if one.device == before else one.device
        history = list(meter.histories.get((one.device, one.metric), ()))[-line:]
        table.add_row(
            Text(name, "bold" if one.device == own_device else ""),
            one.metric,
            f"{one.value:,.2f}",
            UNITS.get(one.unit or "", one.unit or ""),
            Text(sparkline(history), "cyan"),
        )
        before = one.device
    return table


def widest(*words: str) -> int:
    """The width of a column of these words."""
    return max(map(len, words), default=0)


def choose(newest: Sequence[Newest], own_device: str, rows: int) -> list[Newest]:
    """As many readings as fit: the same number of each device, the most telling ones."""
    devices = list(dict.fromkeys(one.device for one in newest))
    devices.sort(key=lambda device: (device != own_device, device))
    each = max(1, min(3, (rows - 1) // max(1, len(devices))))
    return [
        one
        for device in devices
        for one in sorted((n for n in newest if n.device == device), key=headline)[:each]
    ][:rows]


def headline(one: Newest) -> tuple[int, str]:
    """The order in which the metrics of a device are of interest."""
    known = one.metric in HEADLINES
    return (HEADLINES.index(one.metric) if known else len(HEADLINES), one.metric)


def sparkline(values: Sequence[float]) -> str:
    """Values as bars between their own least and greatest."""
    if not values:
        return ""
    least, most = min(values), max(values)
    if least == most:
        return BARS[0] * len(values)
    step = (most - least) / (len(BARS) - 1)
    return "".join(BARS[round((value - least) / step)] for value in values)


def minutes(seconds: float) -> str:
    """A duration as people read it: ``2:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
