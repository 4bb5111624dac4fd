"""Tables for people, and one line of figures for machines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

RESULTS = Path(__file__).parent / "results"


@dataclass
class Table:
    """What one benchmark found.

    Attributes:
        name: of the benchmark.
        subject: what was run.
        columns: headings.
        rows: one list of cells for each thing that was measured.
        notes: sentences below the table.
        figures: what the last line says.
        limits: what a figure may be at most, of those for which something is promised.
        floors: what a figure has to be at least.
        about: what belongs to the result beside it: machine, versions, single runs.
    """

    name: str
    subject: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def add(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(list(cells))

    def broken(self) -> list[str]:
        """A sentence for each figure that is above its limit, or below what it has to be."""
        said = {
            name: f"{self.name}: {name} is {shown(self.figures[name])}" for name in self.figures
        }
        above = [
            f"{said[name]}, the limit is {limit:g}"
            for name, limit in self.limits.items()
            if self.figures[name] > limit
        ]
        below = [
            f"{said[name]}, it has to be at least {floor:g}"
            for name, floor in self.floors.items()
            if self.figures[name] < floor
        ]
        return above + below

    def show(self, console: Console) -> None:
        """Print the table and its line of figures, and keep both as JSON."""
        table = RichTable(title=f"{self.name}: {self.subject}", title_justify="left")
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        console.print(table)
        for note in self.notes:
            console.print(note)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.json").write_text(json.dumps(asdict(self), indent=2))
        console.print(" ".join(f"{name}={shown(value)}" for name, value in self.figures.items()))


def shown(value: float) -> str:
    """A ratio with two digits, a count without."""
    return str(value) if isinstance(value, int) else f"{value:.2f}"
