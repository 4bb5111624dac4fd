"""`technopark record`: a file of what a device has sent, for `technopark replay`."""

from __future__ import annotations

import csv
import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import asking
from cli.api import Api, path
from cli.bulk import bar
from cli.devices import Device
from cli.failure import failed, plain_errors
from cli.fleets import ApiUrl, Token, open_api

PAGE = 10_000
PORTION = 10_000
TIME = "time"
Row = tuple[str, dict[str, float]]


def record(
    device: Device,
    file: Annotated[
        Path, typer.Option("--to-file", "-o", help="*.csv, *.jsonl or *.parquet; a new file.")
    ],
    start: Annotated[str | None, typer.Option("--from", help="The first time.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The end, itself left out.")] = None,
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", help="As often as needed; default: all numbers.")
    ] = None,
    api_url: ApiUrl = None,
    token: Token = "",
) -> None:
    """Write a device's stored readings to a file, which `technopark replay` plays.

    A row has a time and the values of that time; a metric without one there has an empty cell.

    Example: technopark record sunny-roof-1 --from 2026-03-01T00:00:00Z -o roof.parquet
    """
    if file.suffix not in WRITERS:
        raise typer.BadParameter(f"{file}: name a file *{', *'.join(WRITERS)}")
    if file.exists():
        raise failed(f"{file} is there already: name a new file")
    with plain_errors(), open_api(api_url, token) as api:
        names = metrics or numbers_of(api, device)
        if not names:
            raise failed(f"{device} has no readings that you may see")
        part = file.with_name(file.name + ".part")
        try:
            count = write(part, file.suffix, names, rows(api, device, names, start, end))
            if not count:
                raise failed(f"{device} has no readings in that time")
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    asking.say(f"{count:,} rows of {len(names)} metrics are in {file}")


def numbers_of(api: Api, device: str) -> list[str]:
    """The metrics of a device that are numbers or booleans."""
    latest = api.items(path("devices", device, "latest"))
    return [one["metric"] for one in latest if one["kind"] in ("number", "boolean")]


def rows(
    api: Api, device: str, metrics: Sequence[str], start: str | None, end: str | None
) -> Iterator[Row]:
    """Time and values of each moment, in the order of time, page by page."""
    where = path("devices", device, "readings")
    series = [
        api.items(where, metric=metric, limit=PAGE, **{"from": start, "to": end})
        for metric in metrics
    ]
    merged = heapq.merge(*series, key=lambda reading: padded(reading["ts"]))
    for ts, readings in groupby(merged, key=lambda reading: reading["ts"]):
        yield ts, {reading["metric"]: reading["value"] for reading in readings}


def padded(ts: str) -> str:
    """A time of the API in a form that sorts as text: with all its microseconds."""
    whole, _, fraction = ts.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<6}"


def write(file: Path, suffix: str, metrics: Sequence[str], found: Iterator[Row]) -> int:
    """Write rows in the format of the suffix, behind a bar; how many they are."""
    count = 0
    with bar() as show, WRITERS[suffix](file, metrics) as add:
        for count, (ts, values) in enumerate(found, 1):
            add(ts, values)
            if count % 1000 == 0:
                show("recording", count, None)
    return count


@contextmanager
def csv_writer(file: Path, metrics: Sequence[str]) -> Iterator[Any]:
    """A CSV file whose first line names the columns."""
    with file.open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow([TIME, *metrics])
        yield lambda ts, values: table.writerow([ts, *(values.get(name) for name in metrics)])


@contextmanager
def json_writer(file: Path, _metrics: Sequence[str]) -> Iterator[Any]:
    """An object on each line."""
    with file.open("w") as opened:
        yield lambda ts, values: opened.write(json.dumps({TIME: ts, **values}) + "\n")


@contextmanager
def parquet_writer(file: Path, metrics: Sequence[str]) -> Iterator[Any]:
    """A Parquet file with times in µs and doubles."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    times = pa.timestamp("us", "UTC")
    schema = pa.schema([(TIME, times), *((name, pa.float64()) for name in metrics)])
    kept: list[tuple[str, Mapping[str, float]]] = []

    def save() -> None:
        stamps = [datetime.fromisoformat(ts) for ts, _ in kept]
        columns = [
            pa.array([values.get(name) for _, values in kept], pa.float64()) for name in metrics
        ]
        writer.write_table(pa.table([pa.array(stamps, times), *columns], schema=schema))
        kept.clear()

    def add(ts: str, values: Mapping[str, float]) -> None:
        kept.append((ts, values))
        if len(kept) == PORTION:
            save()

    with ParquetWriter(file, schema) as writer:
        yield add
        save()


WRITERS = {".csv": csv_writer, ".jsonl": json_writer, ".parquet": parquet_writer}
