"""`technopark quality …`: how good the data of devices are."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import asking
from cli.api import Json, path
from cli.asking import AsJson
from cli.fleets import warn

app = typer.Typer(help="How good the data of devices are.", no_args_is_help=True)

# As many as a terminal is wide; a file has the others too.
LINE = (
    "device_id", "completeness", "expected", "received", "late_share", "duplicates",
    "out_of_range_share", "rejected", "online",
)  # fmt: skip
CSV_LINE = (
    "device_id", "name", "tenant_id", "lab_id", *LINE[1:-1], "last_seen", "online",
)  # fmt: skip
SERIES = (
    "metric", "unit", "completeness", "expected", "received", "late_share", "duplicates",
    "out_of_range_share", "offset_median_seconds", "offset_p95_seconds",
)  # fmt: skip
# Shares that are best at 1, and those that are best at 0.
WHOLE, FAULTY = ("completeness", "uptime"), ("late_share", "out_of_range_share")
# From which completeness on a line is green, and from which on yellow.
GOOD, FAIR = 0.99, 0.9

Start = Annotated[
    str | None,
    typer.Option("--from", help="The beginning, like 2026-03-01T00:00:00Z; else seven days ago."),
]
End = Annotated[str | None, typer.Option("--to", help="The end, itself left out; else now.")]


@app.command()
def report(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    park: Annotated[str | None, typer.Option(help="In this park.")] = None,
    lab: Annotated[str | None, typer.Option(help="In this lab.")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model.")] = None,
    start: Start = None,
    end: End = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The worst so many.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report which devices have the worst data, the worst first. Only whole hours count.

    Example: technopark quality report --lab cimahi-solar --from 2026-03-01T00:00:00Z
    """
    if as_csv and as_json:
        raise typer.BadParameter("give --csv or --json, not both")
    filters = {"tenant_id": tenant, "park_id": park, "lab_id": lab, "model_id": model}
    range_ = {"from": start, "to": end}
    with asking.asking() as api:
        found = api.get("quality", limit=limit, **filters, **range_)
    if as_json:
        asking.show(found, as_json=True)
    elif as_csv:
        write_csv(found["items"])
    else:
        console = Console()
        console.print(coloured(found["items"], LINE))
        if found["devices"] > len(found["items"]):
            warn(f"these are {len(found['items'])} of {found['devices']} devices: see --limit")


@app.command()
def show(
    device: Annotated[str, typer.Argument(help="The device's id.")],
    start: Start = None,
    end: End = None,
    metric: Annotated[list[str] | None, typer.Option(help="Only this; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the data quality of a device: uptime, each metric, gaps, days, and what was refused.

    Example: technopark quality show sunny-roof-1 --from 2026-03-01T00:00:00Z
    """
    range_ = {"from": start, "to": end}
    with asking.asking() as api:
        found = api.get(path("devices", device, "quality"), **range_, metric=metric or [])
    if as_json:
        asking.show(found, as_json=True)
        return
    console = Console()
    span = f"{asking.moment(found['from'])} – {asking.moment(found['to'])}"
    console.print(Text.assemble(f"{device}, {span}: up ", percent(found["uptime"])))
    console.print(coloured(found["series"], SERIES))
    gaps = [
        {"metric": series["metric"], **gap}
        for series in found["series"] for gap in series["gaps"]["items"]
    ]  # fmt: skip
    if gaps:
        console.print(coloured(gaps, ("metric", "from", "to", "seconds")))
    console.print(coloured(found["days"], ("day", "uptime", "expected", "received")))
    if found["rejections"]:
        console.print(coloured(found["rejections"], ("reason", "count")))


def coloured(rows: Sequence[Mapping[str, Json]], columns: Sequence[str]) -> Table:
    """A table in which shares are percents, and what is missing is red."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        numeric = any(isinstance(row[column], int | float) for row in rows)
        table.add_column(
            column.replace("_", " "),
            overflow="fold",
            justify="right" if numeric else "left",
            # An id that is cut cannot be copied.
            no_wrap=column == "device_id",
        )
    for row in rows:
        table.add_row(*(written(column, row[column]) for column in columns))
    return table


def written(column: str, value: Json) -> Text:
    """A cell."""
    if column in WHOLE:
        return percent(value)
    if column in FAULTY:
        return Text("" if value is None else f"{value:.2%}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return asking.cell(value)
    return Text(f"{value:,}" if isinstance(value, int) else f"{value:,.3g}")


def percent(share: float | None) -> Text:
    """A share of what should be there; never 100 where something is missing."""
    if share is None:
        return Text("–", style="dim")
    style = "green" if share >= GOOD else "yellow" if share >= FAIR else "red"
    return Text("100%" if share == 1 else f"{min(share, 0.9999):.2%}", style=style)


def write_csv(rows: Sequence[Mapping[str, Json]]) -> None:
    """The lines as CSV, shares as numbers from 0 to 1."""
    writer = csv.DictWriter(sys.stdout, CSV_LINE, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
