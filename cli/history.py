"""`technopark history`: what a device sent, as a table, CSV or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.console import Console

from cli import asking
from cli.api import Json
from cli.asking import AsJson
from cli.bulk import bar
from cli.fleets import warn

NOTHING = "nothing in this time: `technopark tail` shows what comes now"


def history(
    device: Annotated[str, typer.Argument(help="The device's id; several with commas between.")],
    metric: Annotated[list[str], typer.Argument(metavar="METRIC…", help="What it measures.")],
    start: Annotated[
        str, typer.Option("--from", help="Since when: -24h, -7d, or 2026-03-01T00:00:00+07:00.")
    ] = "-24h",
    end: Annotated[str, typer.Option("--to", help="Until when, itself left out.")] = "now",
    by: Annotated[
        str | None,
        typer.Option(
            help="Buckets: 15m, 1h, …, or hour, day, week, month, quarter, year of the calendar."
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option("--tz", help="Of the calendar, like Asia/Jakarta; default: the park's."),
    ] = None,
    aggregate: Annotated[
        list[str] | None,
        typer.Option(
            help="avg, min, max, sum, count, first, last, p95 …, twa (weighted by time), "
            "delta (of a counter); several with commas between."
        ),
    ] = None,
    fill: Annotated[
        str, typer.Option(help="Buckets without readings: none, null, previous or linear.")
    ] = "none",
    points: Annotated[
        int | None, typer.Option(help="At most so many for each metric, like a chart.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print what a device sent: its readings, or what they come to by the hour, day or month.

    Example: technopark history sunny-roof-1 dc_power

    Example: technopark history sunny-roof-1 dc_power --from -7d --by day --aggregate avg,max

    Example: technopark history roof-1,roof-2 dc_power --from -365d --points 500 --csv > year.csv
    """
    if as_csv and as_json:
        raise typer.BadParameter("CSV or JSON, not both", param_hint="--csv")
    question = {
        "device_id": device.split(","),
        "metric": metric,
        "from": start,
        "to": end,
        "by": by,
        "time_zone": time_zone,
        "aggregate": [name for each in aggregate or [] for name in each.split(",")],
        "fill": fill,
        "points": points,
    }
    if as_csv:
        write_csv(question)
        return
    with asking.asking() as api, Console(stderr=True).status("reading"):
        answer = api.get("history", **question, times="text")
    if as_json:
        asking.say(json.dumps(answer, ensure_ascii=False))
    else:
        tell(answer)


def write_csv(question: Mapping[str, Json]) -> None:
    """The table as it comes, behind a bar that counts its lines."""
    with asking.asking() as api, bar() as show:
        lines = 0
        with api.stream("GET", "history", b"", **question, format="csv") as response:
            for piece in response.iter_bytes():
                sys.stdout.buffer.write(piece)
                lines += piece.count(b"\n")
                show("writing", lines, None)
        sys.stdout.buffer.flush()


def tell(answer: Mapping[str, Json]) -> None:
    """A line for each time, of one series after the other."""
    rows = [row for item in answer["items"] for row in rows_of(item)]
    if not rows:
        warn(NOTHING)
        return
    hidden = {"device"} if len({row["device"] for row in rows}) == 1 else set()
    asking.show_list(rows, [name for name in rows[0] if name not in hidden], as_json=False)
    for item in answer["items"]:
        if item["thinned_from"]:
            warn(f"{item['metric']}: {len(item['ts']):,} of {item['thinned_from']:,} points")


def rows_of(item: Mapping[str, Json]) -> Iterator[dict[str, str]]:
    """The lines of one series, with its unit beside its name."""
    names = {"device": item["device_id"], "metric": item["metric"], "unit": item["unit"] or ""}
    columns = item["values"]
    for ts, *values in zip(item["ts"], *columns.values(), strict=True):
        numbers = ("" if value is None else f"{value:.7g}" for value in values)
        yield {"time": ts.replace("T", " "), **names, **dict(zip(columns, numbers, strict=True))}
