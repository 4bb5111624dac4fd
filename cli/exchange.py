"""`technopark export` and `import`: data that leave and come back, as files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from cli import asking
from cli.api import Json, Parameter, path
from cli.asking import AsJson
from cli.bulk import bar, written
from cli.failure import failed, plain_errors
from cli.fleets import warn

exports = typer.Typer(
    help="Take data along: readings, states, a whole tenant.", no_args_is_help=True
)
imports = typer.Typer(
    help="Bring data in: an archive of a tenant, or history.", no_args_is_help=True
)

TABLES = ("devices", "models", "readings", "states", "flags", "rejections")
PIECE = 1 << 20
Options = Mapping[str, Parameter | list[str]]

Devices = Annotated[
    list[str] | None, typer.Option("--device", help="Of this device; as often as needed.")
]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", help="Only this metric; as often as needed.")
]
Start = Annotated[str | None, typer.Option("--from", help="Like 2026-03-01T00:00:00+07:00.")]
End = Annotated[str | None, typer.Option("--until", help="The end, itself left out.")]
OfTenant = Annotated[str | None, typer.Option("--tenant", help="Of all devices of this tenant.")]
OfLab = Annotated[str | None, typer.Option("--lab", help="Of all devices in this lab.")]
OfTag = Annotated[str | None, typer.Option("--tag", help="Of all devices with this tag.")]
Output = Annotated[Path, typer.Argument(dir_okay=False, help="*.csv or *.parquet.")]
Input = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]
Into = Annotated[str, typer.Option("--tenant", help="Whose the data will be.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell what would happen, and store nothing.")
]


@exports.command("readings")
def export_readings(
    file: Output,
    device: Devices = None,
    metric: Metrics = None,
    start: Start = None,
    end: End = None,
    tenant: OfTenant = None,
    lab: OfLab = None,
    tag: OfTag = None,
) -> None:
    """Write readings to a CSV or Parquet file: device, metric, ts, value, unit.

    Example: technopark export readings roof.parquet --device sunny-roof-1
    --from 2026-03-01T00:00:00+07:00
    """
    save("exports/readings", file, table_query(file, device, metric, start, end, tenant, lab, tag))


@exports.command("states")
def export_states(
    file: Output,
    device: Devices = None,
    metric: Metrics = None,
    start: Start = None,
    end: End = None,
    tenant: OfTenant = None,
    lab: OfLab = None,
    tag: OfTag = None,
) -> None:
    """Write states, which are texts and lists, to a CSV or Parquet file; a value is JSON.

    Example: technopark export states modes.csv --device sunny-roof-1 --metric mode
    """
    save("exports/states", file, table_query(file, device, metric, start, end, tenant, lab, tag))


@exports.command("archive")
def export_archive(
    tenant: Annotated[str, typer.Argument(help="Whose data.")],
    file: Annotated[Path | None, typer.Argument(dir_okay=False, help="Default: TENANT.tar")] = None,
) -> None:
    """Write everything that is a tenant's to one file, which `import archive` takes back.

    Secrets are not in it.

    Example: technopark export archive sunny
    """
    save(path("tenants", tenant, "archive"), file or Path(f"{tenant}.tar"), {})


@imports.command("archive")
def import_archive(
    file: Input,
    tenant: Into,
    prefix: Annotated[str, typer.Option(help="Put before the ids of devices and models.")] = "",
    merge: Annotated[
        bool, typer.Option("--merge", help="Devices that have the same ids are the same devices.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Bring an archive into a tenant. Run again, it goes on, and stores nothing twice.

    Example: technopark import archive sunny.tar --tenant sunny --dry-run
    """
    options: Options = {"prefix": prefix, "merge": merge, "dry_run": dry_run}
    bring(path("tenants", tenant, "archive"), file, options, as_json=as_json)


@imports.command("history")
def import_history(
    file: Input,
    tenant: Into,
    device: Annotated[
        str | None, typer.Option(help="Whose readings all rows are; default: a column says it.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="METRIC=COLUMN, as often as needed; default: all by name."),
    ] = None,
    device_column: Annotated[str, typer.Option(help="Has the device of each row.")] = "device",
    metric_column: Annotated[str, typer.Option(help="Has the metric of each row.")] = "metric",
    value_column: Annotated[str, typer.Option(help="Has the value of each row.")] = "value",
    time_column: Annotated[str, typer.Option("--time", help="Has the time of each row.")] = "ts",
    time_format: Annotated[
        str,
        typer.Option(help="auto, rfc3339, s, ms, us, ns, local, or like %d.%m.%Y %H:%M."),
    ] = "auto",
    zone: Annotated[
        str | None, typer.Option("--zone", help="Of local times, such as Asia/Jakarta.")
    ] = None,
    delimiter: Annotated[str, typer.Option(help="Between cells; default: found out.")] = "auto",
    decimal: Annotated[
        Literal["auto", ".", ","], typer.Option(help="The decimal sign; default: found out.")
    ] = "auto",
    dry_run: DryRun = False,
    valid_only: Annotated[
        bool, typer.Option("--valid-only", help="Store the other rows though some are faulty.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Store the readings of a CSV or Parquet file in devices that are there.

    Every row is looked at before one is stored. Run again, it goes on, and stores nothing twice.

    Example: technopark import history log.csv --tenant sunny --device sunny-roof-1 --map power=P_kW
    --time Zeit --time-format "%d.%m.%Y %H:%M" --zone Asia/Jakarta
    """
    options: Options = {
        "device_id": device,
        "map": columns,
        "device_column": device_column,
        "metric_column": metric_column,
        "value_column": value_column,
        "time_column": time_column,
        "time_format": time_format,
        "time_zone": zone,
        "delimiter": delimiter,
        "decimal": decimal,
        "dry_run": dry_run,
        "valid_only": valid_only,
    }
    bring(path("tenants", tenant, "history"), file, options, as_json=as_json)


def table_query(
    file: Path,
    devices: list[str] | None,
    metrics: list[str] | None,
    start: str | None,
    end: str | None,
    tenant: str | None,
    lab: str | None,
    tag: str | None,
) -> Options:
    """What is asked of an export; a usage error where nobody is named, or the file is no table."""
    if not (devices or tenant or lab or tag):
        raise typer.BadParameter("name devices with --device, or --tenant, --lab or --tag")
    if file.suffix not in (".csv", ".parquet"):
        raise typer.BadParameter("the file's name ends with .csv or .parquet")
    return {
        "format": file.suffix.removeprefix("."),
        "id": devices,
        "metric": metrics,
        "from": start,
        "to": end,
        "tenant_id": tenant,
        "lab_id": lab,
        "tag": tag,
    }


def save(route: str, file: Path, query: Options) -> None:
    """Write an answer to a file, behind a line that shows how much has come."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with (
        plain_errors(),
        written(file) as output,
        asking.asking() as api,
        api.stream("GET", route, b"", **query) as response,
        progress,
    ):
        task = progress.add_task(file.name, total=None)
        for piece in response.iter_bytes():
            output.write(piece)
            progress.advance(task, len(piece))
    asking.say(f"{file}: {file.stat().st_size:,} bytes")


def bring(route: str, file: Path, options: Options, *, as_json: bool) -> None:
    """Send a file, and show what became of it."""
    with plain_errors():
        lines = list(answered(route, file, options))
    [result] = [item for kind, item in lines if kind == "result"]
    wrong = [item for kind, item in lines if kind in ("clash", "fault")]
    if as_json:
        asking.show({"result": result, "wrong": wrong}, as_json=True)
    else:
        tell(result, wrong)
    if wrong and not result["stored"]:
        raise typer.Exit(1)


def answered(route: str, file: Path, options: Options) -> Iterator[tuple[str, Json]]:
    """What the answer says, but for the progress, which is shown."""
    with (
        asking.asking() as api,
        bar() as show,
        api.stream("POST", route, sent(file, show), **options) as response,
    ):
        for text in response.iter_lines():
            [(kind, item)] = json.loads(text).items()
            if kind == "problem":
                raise failed(item)
            if kind == "progress":
                show(**item)
            else:
                yield kind, item


def sent(file: Path, show: Json) -> Iterator[bytes]:
    """The pieces of a file, whose sending is shown."""
    total, done = file.stat().st_size, 0
    with file.open("rb") as content:
        while piece := content.read(PIECE):
            yield piece
            done += len(piece)
            show("sending", done, total)


def tell(result: Mapping[str, Json], wrong: list[Json]) -> None:
    """What became of the file, for a person."""
    if wrong:
        asking.show_list(wrong, list(wrong[0]), as_json=False)
    for reason, count in result["faults"].items():
        warn(f"{count:,} × {reason}")
    for name in TABLES:
        if given := result[name]["given"]:
            stored = result[name]["stored"]
            asking.say(f"{name}: {given:,} in the file, {stored:,} of them new")
    if result["resumed_at"]:
        asking.say("it went on where it was cut off before")
    if result["note"]:
        asking.say(result["note"])
