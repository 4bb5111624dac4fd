"""Tables for people, and one line of figures for machines."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

RESULTS = Path(__file__).parent / "results"
VERSIONS_OF = ("mqtt5", "msgspec", "numpy", "paho-mqtt", "psycopg")


@dataclass
class Table:
    """What one benchmark found.

    Attributes:
        name: of the benchmark.
        subject: what was run.
        columns: headings.
        rows: one list of cells for each thing that was measured.
        figures: what the last line says.
    """

    name: str
    subject: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(list(cells))

    def show(self, console: Console) -> None:
        """Print the table and its line of figures, and keep both as JSON."""
        table = RichTable(title=f"{self.name}: {self.subject}", title_justify="left")
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)
        console.print(" ".join(f"{name}={value:.2f}" for name, value in self.figures.items()))
        RESULTS.mkdir(exist_ok=True)
        machine = {"machine": platform.machine(), "python": platform.python_version()}
        versions = {name: version(name) for name in VERSIONS_OF}
        text = json.dumps({**asdict(self), **machine, "versions": versions}, indent=2)
        (RESULTS / f"{self.name}.json").write_text(text)
